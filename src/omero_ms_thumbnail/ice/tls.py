"""TLS as OMERO's Glacier2 router offers it.

A stock OMERO.server offers anonymous Diffie-Hellman only (``ADH``, OpenSSL security level 0), by its documented
defaults in TLS 1.0 and nothing above (``IceSSL.Protocols=tls1`` of ``etc/templates/grid/templates.xml``; Ice 3.6 takes
that for 1.0 alone); a site with ``omero-certificates`` (``TLS1_2,TLS1_3``) or a certificate of its own offers
certificate suites as well or instead. OMERO's clients encrypt and verify nothing unless told to.
"""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path
from typing import Final

#: certificate suites first, anonymous ones for a stock OMERO; security level 0 since nothing else offers those
_UNVERIFIED_CIPHERS: Final = "ALL:!LOW:!EXP:!MD5:!3DES:+aNULL:@SECLEVEL=0"

#: RFC 7919's ffdhe2048 group as PKCS #3 parameters, for the anonymous suites of a server
_FFDHE2048: Final = """\
-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""


def client_context(*, verify: bool = False, ca_file: Path | None = None) -> ssl.SSLContext:
    """The context for a connection to an OMERO router.

    Without `verify` it encrypts and verifies nothing, as OMERO's own clients, in TLS 1.0 where there is nothing newer.
    With it, the router's certificate must be for its host name and lead to `ca_file` (PEM; the system's authorities if
    None), in TLS 1.2 or newer. Raises OSError or ssl.SSLError if `ca_file` cannot be read.
    """
    if verify:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # TLS 1.0, whatever the policy of the machine or Python's own least: what verifies nothing is not made safer by it.
    # By this name, since Python warns of the other; SSL 3 stays off by the context's options
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers(_UNVERIFIED_CIPHERS)
    return context


def anonymous_server_context() -> ssl.SSLContext:
    """The context of a stock OMERO: anonymous Diffie-Hellman only, TLS 1.2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ADH:@SECLEVEL=0")
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as parameters:
        parameters.write(_FFDHE2048)
        parameters.flush()
        context.load_dh_params(parameters.name)
    return context
