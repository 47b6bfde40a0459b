"""What stands behind a proxy in place of OMERO.web or the service, and the paths that each of the two answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SHARES = (
    "get_thumbnails/7/?id=101",
    "get_thumbnails/7?id=101",
    "get_thumbnail/101/7/",
    "render_thumbnail/101/7/",
    "render_thumbnail/101/7",
    "render_thumbnail/size/96/101/7/",
)
#: the same numbers where they are sizes and images
NO_SHARES = (
    "webgateway/get_thumbnails/64/?id=101",
    "webgateway/get_thumbnail/101/64/",
    "webgateway/render_thumbnail/101/64/",
    "webgateway/render_thumbnail/101/64/48/",
    "webclient/get_thumbnails/?id=101",
    "webclient/get_thumbnail/101/",
    "webclient/render_thumbnail/101/",
    "webclient/render_thumbnail/size/64/101/",
    "webclient/render_birds_eye_view/101/64/",
)


@contextmanager
def listening(name: str = "OMERO.web") -> Iterator[str]:
    """The address of something that tells its name, and which path it was asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"{name} {self.path}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])
