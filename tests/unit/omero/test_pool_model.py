"""The pool under anything that can happen to it, in any order: a model that Hypothesis drives, in virtual time.

Real joined sessions talk real Ice to the embedded OMERO through a network in memory, one turn of the loop after the
other, so that every rule can come between any two awaits.
"""

from __future__ import annotations

import asyncio

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from omero_ms_thumbnail.ice.errors import IceException
from omero_ms_thumbnail.ice.types import UserException
from omero_ms_thumbnail.omero.breaker import JoinsSuspended
from omero_ms_thumbnail.omero.pool import PoolClosed, PoolSaturated, SessionPool
from omero_ms_thumbnail.omero.session import JoinedSession
from tests.support.simulated.loop import VirtualLoop, end
from tests.support.simulated.models import of_model
from tests.support.simulated.omero import NAMES, SimulatedOmero
from tests.unit.omero.small_omero import LEAVE_WITHIN

IDLE_TIMEOUT, JOIN_TIMEOUT, SESSIONS_MAX = 60.0, 15.0, 2

#: seconds after which a join that OMERO does not answer may be broken off, and its session joined again
LOST_AFTER = 600.0

#: what `lend` is documented to raise
_MAY_RAISE = (IceException, UserException, JoinsSuspended, PoolSaturated, PoolClosed)


class Borrower:
    """Who borrows a session, uses a ThumbnailStore of it if they want to, and gives it back when told."""

    def __init__(self, machine: PoolMachine, key: str, *, wants_store: bool) -> None:
        self._machine = machine
        self._wants_store = wants_store
        self._told = asyncio.Event()
        self.key = key
        self.asked = machine.loop.time()
        self.session: JoinedSession | None = None
        self.was_cancelled = False
        self.task = machine.loop.create_task(self._borrow())

    @property
    def waits(self) -> bool:
        return self.session is None and not self.task.done()

    @property
    def has_session(self) -> bool:
        return self.session is not None and not self.task.done()

    def give_back(self) -> None:
        self._told.set()

    def cancel(self) -> None:
        self.was_cancelled = self.was_cancelled or not self.task.done()
        self.task.cancel()

    async def _borrow(self) -> None:
        async with self._machine.pool.lend(self.key) as session:
            self.session = session
            if self._wants_store:
                async with session.stores.lend():
                    await self._told.wait()
            else:
                await self._told.wait()


class PoolMachine(RuleBasedStateMachine):
    """Rules are what users, OMERO, the network and time do; invariants are what the pool promises."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop(debug=False)
        self.omero = SimulatedOmero(self.loop)
        self.pool = self.loop.do(
            lambda: SessionPool(
                self.omero.join, idle_timeout=IDLE_TIMEOUT, join_timeout=JOIN_TIMEOUT, sessions_max=SESSIONS_MAX
            )
        )
        self.borrowers: list[Borrower] = []
        #: sessions that something other than the pool's own decision may have ended
        self.excused: set[JoinedSession] = set()
        self.is_whole = True
        self.closing: asyncio.Task[None] | None = None
        self.weather: frozenset[str] = frozenset()

    @initialize(weather=st.sets(st.sampled_from(["slow", "frozen", "cut", "closing"]), max_size=2))
    def choose_weather(self, weather: set[str]) -> None:
        """Not every fault in every run: what one of them excuses would hide what else goes wrong."""
        self.weather = frozenset(weather)
        if "slow" in weather:
            self.be_slow(join=JOIN_TIMEOUT * 1.5e3, store=0.0)

    # users

    @rule(name=st.sampled_from((*NAMES, "nobody")), wants_store=st.booleans(), turns=st.integers(0, 40))
    def ask(self, name: str, wants_store: bool, turns: int) -> None:
        key = self.omero.keys.get(name, "no-such-key")
        self.borrowers.append(Borrower(self, key, wants_store=wants_store))
        self.loop.turn(turns)

    @rule(names=st.lists(st.sampled_from(NAMES), min_size=2, max_size=6), turns=st.sampled_from([0, 10, 100]))
    def ask_together(self, names: list[str], turns: int) -> None:
        for name in names:
            self.borrowers.append(Borrower(self, self.omero.keys[name], wants_store=False))
        self.loop.turn(turns)

    @precondition(lambda self: self.borrowers)
    @rule(turns=st.integers(0, 40), cancelled=st.booleans())
    def all_go(self, turns: int, cancelled: bool) -> None:
        for one in self.borrowers:
            if cancelled:
                one.cancel()
            else:
                one.give_back()
        self.loop.turn(turns)

    @precondition(lambda self: self.borrowers)
    @rule(data=st.data(), turns=st.integers(0, 40))
    def give_back(self, data: st.DataObject, turns: int) -> None:
        data.draw(st.sampled_from(self.borrowers)).give_back()
        self.loop.turn(turns)

    @precondition(lambda self: self.borrowers)
    @rule(data=st.data(), turns=st.integers(0, 40))
    def cancel(self, data: st.DataObject, turns: int) -> None:
        data.draw(st.sampled_from(self.borrowers)).cancel()
        self.loop.turn(turns)

    @precondition(lambda self: any(one.has_session for one in self.borrowers))
    @rule(data=st.data())
    def find_useless(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from([one for one in self.borrowers if one.has_session]))
        assert one.session is not None
        session = one.session
        self.excused.add(session)
        self.loop.do(lambda: self.pool.drop(one.key, session))
        # as all do whose session is of no use: a store that is kept for longer than leaving may take stays open
        for other in self.borrowers:
            if other.session is session:
                other.give_back()

    @precondition(lambda self: self.omero.joined)
    @rule(data=st.data())
    def find_useless_late(self, data: st.DataObject) -> None:
        key, session = data.draw(st.sampled_from(self.omero.joined))
        if not any(one.has_session and one.session is session for one in self.borrowers):
            self.excused.add(session)
            self.loop.do(lambda: self.pool.drop(key, session))

    @rule(name=st.sampled_from(NAMES))
    def look(self, name: str) -> None:
        key = self.omero.keys[name]
        session = self.loop.do(lambda: self.pool.joined(key))
        assert session is None or self.omero.key_of(session) == key

    # time

    @rule(turns=st.integers(1, 60))
    def go_on(self, turns: int) -> None:
        self.loop.turn(turns)

    @rule(seconds=st.sampled_from([0.001, 1.0, JOIN_TIMEOUT - 1.0, JOIN_TIMEOUT + 1.0, IDLE_TIMEOUT * 1.3]))
    def pass_time(self, seconds: float) -> None:
        self.loop.pass_time(seconds)

    # OMERO and the network

    @rule(name=st.sampled_from(NAMES))
    def end_session(self, name: str) -> None:
        self.omero.end_session(name)

    @precondition(lambda self: "slow" in self.weather)
    @rule(join=st.sampled_from([0.0, JOIN_TIMEOUT * 0.9e3, JOIN_TIMEOUT * 1.5e3]), store=st.sampled_from([0.0, 50.0]))
    def be_slow(self, join: float, store: float) -> None:
        self.omero.take(join=join, store=store)

    @precondition(lambda self: "frozen" in self.weather)
    @rule()
    def freeze_or_thaw(self) -> None:
        if self.loop.network.is_frozen:
            self.loop.network.thaw()
        else:
            self.loop.network.freeze()
            # what is not answered in time is left without OMERO's knowing
            self.is_whole = False

    @precondition(lambda self: "cut" in self.weather)
    @rule(turns=st.integers(0, 20))
    def cut(self, turns: int) -> None:
        self._excuse_all()
        self.loop.do(self.loop.network.cut)
        self.loop.turn(turns)

    @precondition(lambda self: "cut" in self.weather)
    @rule(turns=st.integers(0, 20))
    def restart(self, turns: int) -> None:
        self._excuse_all()
        self.omero.stop_listening()
        self.loop.do(self.loop.network.cut)
        self.loop.turn(turns)
        self.omero.listen_again()

    def _excuse_all(self) -> None:
        self.is_whole = False
        self.excused.update(session for _, session in self.omero.joined)

    # the end

    @precondition(lambda self: "closing" in self.weather and self.closing is None)
    @rule(turns=st.integers(0, 40))
    def close(self, turns: int) -> None:
        self.excused.update(session for _, session in self.omero.joined)
        if self.omero.joining:
            # the process ends: a join that OMERO answers after that logs its user out, and nothing can be done
            self.is_whole = False
        self.closing = self.loop.create_task(self.pool.close(LEAVE_WITHIN))
        self.loop.turn(turns)

    # what is promised

    @invariant()
    def keeps_its_ceiling(self) -> None:
        assert len(self.pool) <= SESSIONS_MAX

    @invariant()
    def joins_once_for_all_who_ask(self) -> None:
        under_way = [key for key, begun in self.omero.joining if self.loop.time() - begun < LOST_AFTER]
        assert len(under_way) == len(set(under_way)), "two joins of one session at once"

    @invariant()
    def lends_what_was_asked_for(self) -> None:
        for one in self.borrowers:
            if one.session is not None:
                assert self.omero.key_of(one.session) == one.key

    @invariant()
    def keeps_no_session_that_is_lost(self) -> None:
        if self.loop.is_settled:
            assert all(session.is_active for session in self.pool.sessions())

    @invariant()
    def takes_nothing_from_who_has_it(self) -> None:
        if self.closing is not None or self.loop.network.is_frozen:
            return
        for one in self.borrowers:
            if one.has_session and one.session not in self.excused:
                assert one.session is not None
                assert one.session.is_active

    @invariant()
    def lets_nobody_wait_for_ever(self) -> None:
        for one in self.borrowers:
            assert not one.waits or self.loop.time() - one.asked <= JOIN_TIMEOUT

    @invariant()
    def raises_what_it_says(self) -> None:
        for one in self.borrowers:
            assert not one.task.cancelled() or one.was_cancelled, "whoever did not give up was cancelled"
            if one.task.done() and not one.task.cancelled() and (error := one.task.exception()) is not None:
                assert isinstance(error, _MAY_RAISE)

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
        self.loop.pass_time(2 * JOIN_TIMEOUT)
        for one in self.borrowers:
            one.give_back()
        self.loop.run_until_complete(self.closing or self.pool.close(LEAVE_WITHIN))
        assert len(self.pool) == 0
        self.loop.settle()
        assert not any(one.waits for one in self.borrowers)
        if self.is_whole:
            assert all(self.omero.detached), "somebody was logged out"
            assert len(self.omero.omero.router) == 0
            assert self.loop.network.transports == []
            for _, session in self.omero.joined:
                assert session.stores.created == session.stores.closed
        assert all(one.task.done() for one in self.borrowers)
        self.raises_what_it_says()
        self.omero.close()
        self.loop.settle()
        assert self.loop.tasks() == []
        assert self.loop.complaints == self.loop.unheard() == []


TestPool = PoolMachine.TestCase
TestPool.settings = of_model(examples=60, steps=40)
