"""The lines for nginx that send thumbnails here, as ``deploy/nginx`` has them, for OMERO.webs below a prefix too.

They name nothing that a site must have: what is OMERO.web's to answer, such as the thumbnails of a share, matches none
of these locations, and so goes wherever the site sends everything else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

#: a number at the end of these is a share's, whose own rights count
_SHARE: Final = r"webclient/(get_thumbnails|get_thumbnail/[0-9]+|render_thumbnail/(size/[0-9]+/)?[0-9]+)/[0-9]+/?$"

_ONE: Final = """\
# In the http block of nginx: where the thumbnail microservice listens. One line for each replica.
upstream thumbnail_backend {
"""

_WORKERS: Final = """\
# In the http block of nginx: where the workers of the thumbnail microservice listen, each on a port of its own
# (worker-ports in its configuration). Each user is sent to one worker, which joins OMERO for them once and remembers.
#
# Whom a request is about: a session of OMERO.web, else the session key that a program sends. Who has neither, as
# visitors of a public OMERO.web, is spread over all workers.
map {session} $thumbnail_user {{
    default {session};
    ""      $thumbnail_key;
}}
map $http_x_omero_session_key $thumbnail_key {{
    default $http_x_omero_session_key;
    ""      $thumbnail_bsession;
}}
map $arg_bsession $thumbnail_bsession {{
    default $arg_bsession;
    ""      $request_id;
}}
upstream thumbnail_backend {{
    # where a worker is away, the next one on the ring answers; a worker more moves the users of one part of it only
    hash $thumbnail_user consistent;
"""

#: a cookie whose name nginx has no variable for
_COOKIE: Final = """\
map $http_cookie $thumbnail_session {{
    "~(?:^|;) *{name}=(?<thumbnail_session_id>[^;]*)" $thumbnail_session_id;
}}
"""

_NOT_ASIDE: Final = """\
    # max_fails=0: a replica that restarts is not put aside. It refuses at once, nginx then asks the next one, and it is
    # used again from its first moment; with nginx's own max_fails=1 and fail_timeout=10s, restarting the second replica
    # within ten seconds after the first leaves nginx without any.
"""
_NOT_ASIDE_WORKERS: Final = """\
    # max_fails=0: a worker that died is not put aside. Its port refuses at once, nginx then asks another worker, and
    # the one that replaces it is used from its first moment.
"""

_KEPT_OPEN: Final = """\
    # kept open for each nginx worker
    keepalive {connections};
    # the microservice closes a connection that nobody has used for 30 s; nginx is to let go of it first
    keepalive_timeout 20s;
}}
"""
#: of them, for each line of the upstream
_CONNECTIONS: Final = 32

_NAMES: Final = "(render_thumbnail|render_birds_eye_view|get_thumbnails|get_thumbnail)"

_PROXY: Final = """\
    proxy_pass http://thumbnail_backend;
    # so that the connections of the upstream are kept open
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Request-ID $request_id;
    # the microservice is near: one that does not accept is down, and the page should not wait for it
    proxy_connect_timeout 5s;
    # above event-bus-send-timeout, so that the microservice says what is wrong
    proxy_read_timeout 30s;
    # fifty thumbnails in one answer are some 300 KB: kept in memory, not in a temporary file
    proxy_buffers 64 8k;
"""
#: the same for whoever has read it above
_PROXY_AGAIN: Final = "".join(line for line in _PROXY.splitlines(keepends=True) if not line.lstrip().startswith("#"))

_LOCATIONS: Final = (
    r"""# In OMERO.web's server block of nginx: thumbnails are answered by the microservice.
# The first of the patterns leaves out the thumbnails of shares, whose own rights count: OMERO.web answers them itself.
location ~ ^{prefix}/(?!{share})(webgateway|webclient)/{names}/ {{
"""
    + _PROXY
    + """    error_page 502 = @thumbnails_again{name};
    recursive_error_pages on;
}}
# A worker that dies takes its connections along: what was asked of it is asked once more, and another worker answers.
location @thumbnails_again{name} {{
"""
    + _PROXY_AGAIN
    + r"""    error_page 502 = @thumbnails_away{name};
    recursive_error_pages on;
}}
# Nobody listens, as while the microservice restarts: the page shows placeholders, and may ask again.
location @thumbnails_away{name} {{
    default_type text/plain;
    add_header Retry-After 2 always;
    return 503 "The thumbnail microservice cannot be reached\n";
}}
"""
)

_SIX: Final = """\
location {pattern} {{
    proxy_pass http://thumbnail_backend;
    error_page 502 = @thumbnails_again{name};
    recursive_error_pages on;
}}
"""

_SIX_HEAD: Final = """\
# As locations.conf, in the separate locations of older guides; get_thumbnail has no location there and goes with
# get_thumbnails. The patterns of webclient leave out the thumbnails of shares, whose own rights count: OMERO.web
# answers them itself.
"""

_SIX_TAIL: Final = r"""
# A worker that dies takes its connections along: what was asked of it is asked once more, and another worker answers.
location @thumbnails_again{name} {{
    proxy_pass http://thumbnail_backend;
    error_page 502 = @thumbnails_away{name};
    recursive_error_pages on;
}}
# Nobody listens, as while the microservice restarts: the page shows placeholders, and may ask again.
location @thumbnails_away{name} {{
    default_type text/plain;
    add_header Retry-After 2 always;
    return 503 "The thumbnail microservice cannot be reached\n";
}}
"""


def upstream(port: int = 8080, worker_ports: Sequence[int] = (), cookie: str = "sessionid") -> str:
    """What goes into the http block. With `worker_ports`, one for each worker, each user is sent to one of them.

    `cookie` is the name of OMERO.web's session cookie.
    """
    if not worker_ports:
        return _ONE + _NOT_ASIDE + _server(port) + _KEPT_OPEN.format(connections=_CONNECTIONS)
    has_variable = re.fullmatch(r"\w+", cookie, re.ASCII)
    session = f"$cookie_{cookie}" if has_variable else "$thumbnail_session"
    text = _WORKERS.format(session=session) + _NOT_ASIDE_WORKERS + "".join(map(_server, worker_ports))
    text += _KEPT_OPEN.format(connections=_CONNECTIONS * len(worker_ports))
    return text if has_variable else _COOKIE.format(name=re.escape(cookie)) + text


def locations(prefix: str = "") -> str:
    """What goes into OMERO.web's server block. `prefix` is ``omero.web.prefix``, such as ``/omero``, or empty."""
    return _LOCATIONS.format(prefix=_quoted(prefix), share=_SHARE, names=_NAMES, name=_name(prefix))


def six_locations(prefix: str = "") -> str:
    """The same in separate locations, without settings of the connection."""
    patterns = (
        f"{prefix}/webgateway/render_thumbnail/",
        rf"~ ^{_quoted(prefix)}/webclient/render_thumbnail/(?!(size/[0-9]+/)?[0-9]+/[0-9]+/?$)",
        f"{prefix}/webgateway/render_birds_eye_view/",
        f"{prefix}/webclient/render_birds_eye_view/",
        f"{prefix}/webgateway/get_thumbnail",
        rf"~ ^{_quoted(prefix)}/webclient/get_thumbnail(?!(s|/[0-9]+)/[0-9]+/?$)",
    )
    name = _name(prefix)
    return (
        _SIX_HEAD
        + "".join(_SIX.format(pattern=pattern, name=name) for pattern in patterns)
        + _SIX_TAIL.format(name=name).lstrip()
    )


def _quoted(prefix: str) -> str:
    """A prefix in a regular expression: of what a prefix may have, only a dot means something there."""
    return prefix.replace(".", r"\.")


def _name(prefix: str) -> str:
    """What tells the named locations of several prefixes in one server block apart."""
    return prefix.replace("/", "_")


def _server(port: int) -> str:
    return f"    server 127.0.0.1:{port} fail_timeout=0 max_fails=0;\n"
