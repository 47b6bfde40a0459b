"""nginx in front of OMERO.web and this service, with the snippets that deploy/nginx ships."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.real.conformance.processes import Child
from tests.real.stack.listening import wait_for_port
from tests.support.parts import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.stack.omeroweb import OmeroWeb

_SNIPPETS = ROOT / "deploy" / "nginx"
_PAGES = ROOT / "tests" / "real" / "stack" / "pages"

_CONFIGURATION = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log stderr warn;
events {{}}
http {{
    types {{ text/html html; text/css css; application/javascript js; image/png png; image/gif gif; }}
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/upstream.conf;
    server {{
        listen 127.0.0.1:{port};
        include {locations};
        location /static/ {{ alias {static}/; }}
        location /side-by-side/ {{ alias {pages}/; }}
        # as OMERO.web's own template has it
        location @proxy_to_app {{
            proxy_pass {omeroweb};
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }}
        location / {{ try_files $uri @proxy_to_app; }}
    }}
}}
"""


class Front:
    """A running nginx at `address`."""

    def __init__(
        self, nginx: Path, folder: Path, omeroweb: OmeroWeb, service_port: int, port: int, locations: str
    ) -> None:
        folder.mkdir()
        self.address = f"http://127.0.0.1:{port}"
        upstream = (_SNIPPETS / "upstream.conf").read_text()
        if "127.0.0.1:8080" not in upstream:
            raise ValueError("deploy/nginx/upstream.conf names no 127.0.0.1:8080")
        (folder / "upstream.conf").write_text(upstream.replace("127.0.0.1:8080", f"127.0.0.1:{service_port}"))
        configuration = folder / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                folder=folder,
                # the files belong to whoever runs the tests; where that is not root, nginx ignores the line
                user="user root;",
                port=port,
                locations=_SNIPPETS / locations,
                static=omeroweb.static,
                pages=_PAGES,
                omeroweb=omeroweb.address,
            )
        )
        self._child = Child([nginx, "-p", folder, "-e", "stderr", "-c", configuration], folder / "nginx.log")
        wait_for_port(port, self._child)

    def stop(self) -> None:
        self._child.end()
