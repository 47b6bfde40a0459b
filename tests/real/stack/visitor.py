"""A user at OMERO.web's own pages, without a browser: logging in, logging out, and the cookie in between."""

from __future__ import annotations

import re

import httpx

from tests.real.stack.world import PASSWORDS

#: seconds that an answer of OMERO.web may take on a busy machine
_PATIENCE = 30.0


class Visitor:
    """Somebody with a cookie jar. `address` is where the pages are, with OMERO.web's prefix."""

    def __init__(self, address: str) -> None:
        self.client = httpx.Client(base_url=address, timeout=_PATIENCE)

    def log_in(self, name: str, password: str | None = None, *, server: int = 1) -> None:
        """Fill in OMERO.web's login page and send it; the password is that of the stack's world if none is given.

        `server` is the place of the OMERO.server in OMERO.web's list.
        """
        page = self.client.get("/webclient/login/").raise_for_status()
        form = {
            "csrfmiddlewaretoken": _token(page.text),
            "server": str(server),
            "username": name,
            "password": PASSWORDS[name] if password is None else password,
        }
        answer = self.client.post("/webclient/login/", data=form)
        if answer.status_code != 302 or "sessionid" not in self.client.cookies:
            raise AssertionError(f"OMERO.web did not let {name} in: {answer.status_code} {_said(answer.text)}")
        # with the first page OMERO.web puts the server's settings into the session, the size of thumbnails among them
        self.client.get("/webclient/keepalive_ping/").raise_for_status()

    def log_out(self) -> None:
        """Send OMERO.web's logout form."""
        page = self.client.get("/webclient/logout/").raise_for_status()
        answer = self.client.post("/webclient/logout/", data={"csrfmiddlewaretoken": _token(page.text)})
        if answer.status_code != 302:
            raise AssertionError(f"OMERO.web did not log out: {answer.status_code} {_said(answer.text)}")

    @property
    def cookie(self) -> str:
        return self.client.cookies["sessionid"]

    def close(self) -> None:
        self.client.close()


def _token(page: str) -> str:
    found = re.search(r"name=.csrfmiddlewaretoken. value=.(\w+)", page)
    if found is None:
        raise AssertionError(f"the page has no form:\n{page[:2000]}")
    return found.group(1)


def _said(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))[:500]
