"""Single flight, facts, batches and stores under anything that can happen: a model that Hypothesis drives.

In virtual time, against the embedded OMERO, through the front door alone: who asks for what gets what OMERO has for
them, or an error that says why not, in time, whatever others ask, give up or suffer meanwhile.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from omero_embedded.images.picture import fit
from omero_embedded.images.rendering import default_settings
from omero_embedded.world import ImageState
from omero_ms_thumbnail.omero.permits import Permits
from omero_ms_thumbnail.omero.pool import SessionPool
from omero_ms_thumbnail.thumbnails.caches import Caches
from omero_ms_thumbnail.thumbnails.memory_cache import MemoryCache
from omero_ms_thumbnail.thumbnails.model import (
    ImageUnavailable,
    OmeroTooSlow,
    OmeroUnavailable,
    SessionRefused,
    Thumbnail,
    ThumbnailError,
    ThumbnailRequest,
)
from omero_ms_thumbnail.thumbnails.service import Thumbnails
from tests.support.labelled_pictures import told, told_clock
from tests.support.simulated.loop import VirtualLoop, end
from tests.support.simulated.models import of_model
from tests.support.simulated.omero import NAMES, SimulatedOmero
from tests.unit.omero.small_omero import LEAVE_WITHIN

TIMEOUT, STORES = 15.0, 2

IMAGES = range(101, 126)
REQUESTS = st.builds(
    ThumbnailRequest,
    image_id=st.sampled_from(IMAGES),
    width=st.sampled_from([48, 96]),
    height=st.sampled_from([None, None, None, 24]),
    rendering_def_id=st.sampled_from([None, None, None, 10_001, 10_002, 77]),
    z=st.none(),
    t=st.none(),
    version=st.just(""),
)


class Asker:
    """Who asks for thumbnails once."""

    def __init__(self, machine: ThumbnailsMachine, name: str, requests: list[ThumbnailRequest]) -> None:
        self.name = name
        self.requests = requests
        self.asked = machine.loop.time()
        self.before = [machine.right(name, request) for request in requests]
        self.was_cancelled = False
        self.was_judged = False
        self.task = machine.loop.create_task(machine.thumbnails.get_all(machine.omero.keys[name], requests))

    def cancel(self) -> None:
        self.was_cancelled = self.was_cancelled or not self.task.done()
        self.task.cancel()


class ThumbnailsMachine(RuleBasedStateMachine):
    """Rules are what users, OMERO, the network and time do; invariants are what users are promised."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop(debug=False)
        self.omero = SimulatedOmero(self.loop)
        self.pool = self.loop.do(
            lambda: SessionPool(self.omero.join, idle_timeout=60.0, join_timeout=TIMEOUT, sessions_max=100)
        )
        caches = Caches(MemoryCache(bytes_max=1 << 20, life=20.0, clock=self.loop.time))
        self.thumbnails = self.loop.do(
            lambda: Thumbnails(self.pool, timeout=TIMEOUT, stores=STORES, permits=Permits(5), caches=caches)
        )
        self.askers: list[Asker] = []
        self.weather: frozenset[str] = frozenset()
        #: whether OMERO may have answered anything but what it has
        self.is_calm = True

    def right(self, name: str, request: ThumbnailRequest) -> bytes | None:
        """What OMERO has now for that user; None where it refuses."""
        world = self.omero.omero.world
        user, image = world.user_named(name), world.images[request.image_id]
        assert user is not None
        if not world.may_read(user, image):
            return None
        picture = image.picture
        size = fit(picture.size_x, picture.size_y, request.width)
        if request.height is not None:
            size = (request.width, request.height)
        # settings of another image, too, where the images have the same channels, and are in one group
        in_group = [one for one in world.images.values() if one.group_id == image.group_id]
        named = [one for other in in_group for one in other.rendering_defs if one.id == request.rendering_def_id]
        chosen = named[0] if named else None
        chosen = chosen or world.settings_for(user, image)
        if image.state is ImageState.FAILING or (chosen is None and not world.may_make_settings(user, image)):
            return None
        if image.state is ImageState.IN_PROGRESS:
            return told_clock((max(size), max(size)))
        shown = chosen.settings if chosen is not None else default_settings(picture)
        return told(picture, shown, size, (shown.default_z, shown.default_t))

    def _owner_of(self, request: ThumbnailRequest) -> str:
        world = self.omero.omero.world
        return next(
            name
            for name in NAMES
            if (user := world.user_named(name)) and user.id == world.images[request.image_id].owner_id
        )

    @initialize(weather=st.sets(st.sampled_from(["slow", "frozen", "cut", "ending"]), max_size=2))
    def choose_weather(self, weather: set[str]) -> None:
        self.weather = frozenset(weather)
        self.is_calm = not weather

    # users

    @rule(name=st.sampled_from(NAMES), requests=st.lists(REQUESTS, min_size=1, max_size=8), turns=st.integers(0, 30))
    def ask(self, name: str, requests: list[ThumbnailRequest], turns: int) -> None:
        self.askers.append(Asker(self, name, requests))
        self.loop.turn(turns)

    @rule(names=st.lists(st.sampled_from(NAMES), min_size=2, max_size=5), turns=st.sampled_from([0, 5, 60]))
    def look_at_the_same(self, names: list[str], turns: int) -> None:
        for name in names:
            self.askers.append(Asker(self, name, [ThumbnailRequest(image, 96) for image in IMAGES]))
        self.loop.turn(turns)

    @precondition(lambda self: self.askers)
    @rule(data=st.data(), turns=st.integers(0, 30))
    def give_up(self, data: st.DataObject, turns: int) -> None:
        data.draw(st.sampled_from(self.askers)).cancel()
        self.loop.turn(turns)

    @precondition(lambda self: self.askers)
    @rule()
    def all_give_up(self) -> None:
        for one in self.askers:
            one.cancel()

    # time, OMERO, the network

    @rule(turns=st.integers(1, 60))
    def go_on(self, turns: int) -> None:
        self.loop.turn(turns)

    @rule(seconds=st.sampled_from([0.01, 0.3, TIMEOUT + 1.0, 80.0]))
    def pass_time(self, seconds: float) -> None:
        self.loop.pass_time(seconds)

    @precondition(lambda self: "slow" in self.weather)
    @rule(
        query=st.sampled_from([0.0, 30.0, 20_000.0]),
        store=st.sampled_from([0.0, 30.0, 20_000.0]),
        thumbnail=st.sampled_from([0.0, 30.0, 20_000.0]),
    )
    def be_slow(self, query: float, store: float, thumbnail: float) -> None:
        self.omero.take(query=query, store=store, thumbnail=thumbnail)

    @precondition(lambda self: "frozen" in self.weather)
    @rule()
    def freeze_or_thaw(self) -> None:
        if self.loop.network.is_frozen:
            self.loop.network.thaw()
        else:
            self.loop.network.freeze()

    @precondition(lambda self: "cut" in self.weather)
    @rule(turns=st.integers(0, 20))
    def cut(self, turns: int) -> None:
        self.loop.do(self.loop.network.cut)
        self.loop.turn(turns)

    @precondition(lambda self: "ending" in self.weather)
    @rule(name=st.sampled_from(NAMES))
    def end_session(self, name: str) -> None:
        self.omero.end_session(name)

    # what is promised

    @invariant()
    def lets_nobody_wait_for_ever(self) -> None:
        for one in self.askers:
            assert one.task.done() or self.loop.time() - one.asked <= TIMEOUT

    @invariant()
    def gives_everybody_what_omero_has_for_them(self) -> None:
        for one in self.askers:
            if one.task.done() and not one.was_judged:
                one.was_judged = True
                self._judge(one)

    def _judge(self, one: Asker) -> None:
        if one.task.cancelled():
            assert one.was_cancelled, "whoever did not give up was cancelled"
            return
        error = one.task.exception()
        if error is not None:
            assert isinstance(error, SessionRefused | OmeroUnavailable | OmeroTooSlow)
            assert not self.is_calm, error
            return
        for request, before, outcome in zip(one.requests, one.before, one.task.result(), strict=True):
            right = {before, self.right(one.name, request)}
            if request.is_plain and right != {None}:
                # where the owner's stored one is newer than a user's own settings, OMERO shows that
                right.add(self.right(self._owner_of(request), request))
            if isinstance(outcome, Thumbnail):
                assert outcome.jpeg in right
            elif isinstance(outcome, ImageUnavailable):
                assert None in right
            else:
                assert isinstance(outcome, ThumbnailError)
                assert not self.is_calm, outcome

    @invariant()
    def uses_stores_for_one_call_at_a_time(self) -> None:
        assert self.omero.omero.omero.stores_overlapping == 0
        for _, session in self.omero.joined:
            assert session.stores.in_use <= STORES

    @invariant()
    def complains_of_nothing(self) -> None:
        assert self.loop.complaints == []

    def teardown(self) -> None:
        try:
            self._leave()
        finally:
            end(self.loop)

    def _leave(self) -> None:
        self.loop.network.thaw()
        self.omero.take()
        # whatever OMERO was slow with is answered
        self.loop.pass_time(3 * TIMEOUT)
        assert all(one.task.done() for one in self.askers)
        self.gives_everybody_what_omero_has_for_them()
        self.loop.run_until_complete(self.pool.close(LEAVE_WITHIN))
        self.loop.settle()
        if not self.weather & {"frozen", "cut"}:
            assert all(self.omero.detached)
            assert len(self.omero.omero.router) == 0
            assert self.loop.network.transports == []
            assert self.omero.omero.sessions.stores_open == 0
        self.omero.close()
        self.loop.settle()
        assert self.loop.tasks() == []
        assert self.loop.complaints == self.loop.unheard() == []


TestThumbnails = ThumbnailsMachine.TestCase
TestThumbnails.settings = of_model(examples=20, steps=25)
