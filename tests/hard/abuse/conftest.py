"""The service as the demo runs it, and the same behind nginx with the snippet that is shipped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.real.deploy.nginx_process import STAND_IN, nginx
from tests.support.parts import require
from tests.support.service_process import ServiceProcess, start


@dataclass(frozen=True)
class Demo:
    """A running service with a user's cookie header, and the port of nginx before it."""

    service: ServiceProcess
    cookie: bytes = field(repr=False)
    nginx_port: int

    @property
    def port(self) -> int:
        return self.service.port


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    require("nginx")
    with start("demo") as service:
        service.wait_for("Ctrl-C ends it")
        cookie = service.wait_for(r"The cookie:\s+(sessionid=\w+)").group(1)
        # the answer to what ends a conversation is like no other
        omeroweb = f'{STAND_IN} location = /marker {{ return 200 "OMERO.web at /marker"; }}'
        with nginx(tmp_path_factory.mktemp("nginx"), "locations.conf", [service.port], omeroweb) as address:
            yield Demo(service, b"Cookie: " + cookie.encode(), int(address.rpartition(":")[2]))
