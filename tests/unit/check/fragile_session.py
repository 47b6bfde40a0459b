"""An OMERO session as fragile as a real one: a client that leaves without detaching ends it, as it does in OMERO."""

from __future__ import annotations

from tests.support.embedded_thread import EmbeddedThread


def fragile_session(omero: EmbeddedThread, name: str, key: str) -> None:
    """Nobody keeps it, unlike `EmbeddedThread.session_key`'s."""
    user = omero.omero.world.user_named(name)
    assert user is not None
    omero.do(lambda: omero.omero.sessions._create(user, key))
