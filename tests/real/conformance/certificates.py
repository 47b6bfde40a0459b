"""Server certificates for Glacier2: as `omero certificates` makes them (self-signed), and as a real authority does."""

from __future__ import annotations

import datetime
import ipaddress
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "secret"
"""What `omero certificates` protects its PKCS#12 file with, unless told otherwise."""

_NAMES = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _certificate(
    subject: x509.Name, key: rsa.RSAPrivateKey, issuer: x509.Name, *, authority: bool
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _write(folder: Path, name: str, key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> None:
    folder.mkdir(parents=True)
    (folder / "server.p12").write_bytes(
        pkcs12.serialize_key_and_certificates(
            name.encode(), key, certificate, None, serialization.BestAvailableEncryption(PASSWORD.encode())
        )
    )


def self_signed(folder: Path) -> None:
    """Write server.p12, and server.pem, its certificate, which a client may be told to trust."""
    key = rsa.generate_private_key(65537, 2048)
    name = _name("localhost")
    made = _certificate(name, key, name, authority=True).add_extension(_NAMES, critical=False)
    certificate = made.sign(key, hashes.SHA256())
    _write(folder, "server", key, certificate)
    (folder / "server.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def signed_by_authority(folder: Path) -> None:
    """Write server.p12, whose certificate is for localhost and 127.0.0.1, and ca.pem, the authority that signed it."""
    authority_key = rsa.generate_private_key(65537, 2048)
    authority_name = _name("A test authority")
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    made = _certificate(authority_name, authority_key, authority_name, authority=True)
    authority = made.add_extension(usage, critical=True).sign(authority_key, hashes.SHA256())
    key = rsa.generate_private_key(65537, 2048)
    signed = (
        _certificate(_name("localhost"), key, authority_name, authority=False)
        .add_extension(_NAMES, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    _write(folder, "server", key, signed)
    (folder / "ca.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
