"""The embedded OMERO in a `VirtualLoop`: its pictures are drawn at once, and say what they are."""

from __future__ import annotations

from dataclasses import dataclass, field

from omero_embedded.embedded_omero import EmbeddedOmero
from omero_embedded.model.omero_sessions import OmeroSession
from omero_embedded.workload import Latency
from omero_ms_thumbnail.omero.session import JoinedSession
from tests.support.labelled_pictures import TellingRenderer
from tests.support.simulated.loop import VirtualLoop
from tests.unit.omero.small_omero import key_of, server_of, small_world

#: whose sessions are joined
NAMES = ("researcher", "colleague", "pathologist", "root")


@dataclass
class SimulatedOmero:
    """An OMERO, the keys of its users' sessions, and what it has seen of joins that have gone."""

    loop: VirtualLoop
    omero: EmbeddedOmero = field(init=False)
    keys: dict[str, str] = field(init=False)
    #: for each join that has gone, whether its session goes on, unless it had ended before
    detached: list[bool] = field(default_factory=list)
    joined: list[tuple[str, JoinedSession]] = field(default_factory=list)
    #: key and moment of every join that has not been answered
    joining: list[tuple[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.omero = EmbeddedOmero(small_world(), time_to_idle=1e9)
        self.omero.omero.renderer = TellingRenderer()
        sessions, left = self.omero.sessions, self.omero.sessions.left

        def count(session: OmeroSession, *, detached: bool) -> None:
            self.detached.append(detached or session.ended)
            left(session, detached=detached)

        sessions.left = count  # type: ignore[method-assign]
        self.keys = {name: key_of(self.omero, name) for name in NAMES}
        self.loop.run_until_complete(self.omero.start())
        self._port = self.omero.tcp_port

    async def join(self, key: str) -> JoinedSession:
        """As the pool joins; keeps account."""
        begun = (key, self.loop.time())
        self.joining.append(begun)
        try:
            session = await JoinedSession.join(server_of(self.omero), key)
        finally:
            self.joining.remove(begun)
        self.joined.append((key, session))
        return session

    def key_of(self, session: JoinedSession) -> str:
        return next(key for key, one in self.joined if one is session)

    def restart(self) -> None:
        """All connections go, as its process does; its database, with the sessions in it, stays."""
        self.loop.network.cut()

    def stop_listening(self) -> None:
        self.loop.network.deafen(self._port)

    def listen_again(self) -> None:
        self.loop.run_until_complete(self.omero.start(tcp_port=self._port))

    def take(self, **milliseconds: float) -> None:
        """Be slow from now on."""
        self.omero.workload.latency = Latency(**milliseconds)

    def end_session(self, name: str) -> None:
        """Log a user out, who then logs in again."""
        self.omero.sessions.end(self.keys[name])
        self.keys[name] = key_of(self.omero, name)

    def close(self) -> None:
        self.loop.run_until_complete(self.omero.close())
