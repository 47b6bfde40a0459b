"""A few people in four kinds of groups, on the model of OMERO, without network and time of its own.

Step by step they look at images, alone and at once, while everything changes that a key is made of. After each step
every picture is compared with what OMERO gives the same user at that moment: whoever mixes up two keys is seen in a
bounded number of steps, always in the same one.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from omero_embedded.model.data import Database, ImageRow, Pixels, RenderingDefRow
from omero_embedded.model.people import (
    PERMISSION_BITS,
    ROOT,
    SYSTEM_GROUP,
    USER_GROUP,
    Experimenter,
    Group,
    People,
)
from omero_ms_thumbnail.ice.types import UserException
from omero_ms_thumbnail.thumbnails import pixels, single
from omero_ms_thumbnail.thumbnails.caches import Caches
from omero_ms_thumbnail.thumbnails.drawing import JoinLost
from omero_ms_thumbnail.thumbnails.memory_cache import MemoryCache
from omero_ms_thumbnail.thumbnails.model import NotModified, Thumbnail, ThumbnailRequest
from tests.hard.privacy.truth import Truth, new_server
from tests.hard.privacy.watching import Wrong
from tests.unit.thumbnails.model_session import TIMEOUT, Asker

_FIRST_USER, _USERS = 101, 6
_FIRST_GROUP = 501
_FIRST_IMAGE, _IMAGES, _PIXELS = 1001, 6, 1000
_LOOKS: Final = ("red", "green", "blue", "grey")


class CountingMemory(MemoryCache):
    """It, and how often something was there."""

    hits = 0

    def get(self, key: bytes) -> Thumbnail | None:
        found = super().get(key)
        self.hits += found is not None
        return found


class SkippingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock can be moved on."""

    skipped = 0.0

    def time(self) -> float:
        return super().time() + self.skipped


class Folder:
    """OMERO's own files, as whatever database is there has them."""

    def __init__(self, town: SmallTown) -> None:
        self._town = town

    async def read(self, row_ids: Sequence[int]) -> dict[int, bytes]:
        files = self._town.server.database.files
        return {one: files[one] for one in row_ids if one in files}

    def wants_comparison(self) -> bool:
        return False

    def compared(self, row_id: int, stored: bytes, given: bytes) -> bool:
        raise AssertionError("nothing was to be compared")


class Disk(dict[int, bytes]):
    """The files of OMERO's thumbnails. OMERO writes one before it saves its row, which it may then not be let."""

    def __init__(self, files: Mapping[int, bytes]) -> None:
        super().__init__(files)
        self.written: list[tuple[int, bytes]] = []

    def __setitem__(self, row: int, jpeg: bytes) -> None:
        self.written.append((row, jpeg))
        super().__setitem__(row, jpeg)


class Person:
    """Somebody with a session."""

    def __init__(self, town: SmallTown, user_id: int, since: float) -> None:
        stage: Any = town
        self.user_id = user_id
        self.since = since
        self.asker = Asker(stage, user_id, caches=town.caches)

    async def leave(self) -> None:
        await self.asker.session.leave()
        self.asker.work.forget()


class SmallTown:
    """All of it. `belief` is how long a session believes, in seconds; with `files` OMERO's folder can be read."""

    def __init__(self, seed: int, *, belief: float = 0.0, files: bool = False) -> None:
        self.rng = random.Random(seed)
        self.belief = belief
        ticks = itertools.count(1_796_000_000_000_000, 1_000)
        self._now: Callable[[], int] = lambda: next(ticks)
        groups = [Group(_FIRST_GROUP + number, f"group {number}", kind) for number, kind in enumerate(PERMISSION_BITS)]
        everywhere = [Group(SYSTEM_GROUP, "system", "rw----"), Group(USER_GROUP, "user", "rwr---")]
        root = Experimenter(ROOT, "root", "root", "", (SYSTEM_GROUP, USER_GROUP))
        users = [self._user(_FIRST_USER + number) for number in range(_USERS)]
        self._people = People([root, *users], [*everywhere, *groups])
        database = Database()
        database.clock = self._now
        for number in range(_FIRST_IMAGE, _FIRST_IMAGE + _IMAGES):
            image = ImageRow(number, f"image {number}", self.rng.choice(users).id, self._group())
            pixels = Pixels(number + _PIXELS, image, 256, self.rng.choice([192, 256]), size_z=3, size_c=2)
            pixels.source, pixels.update_event = f"image-{number}", database.new_event(image.owner_id, image.group_id)
            image.pixels.append(pixels)
            database.add_image(image)
        self._loop = asyncio.get_running_loop()
        self._history: list[Truth] = []
        #: what the file of a row had, by database, row and the time of the row's event
        self._files: dict[tuple[str, int, int], set[bytes]] = {}
        self._put(database)
        self.memory = CountingMemory(bytes_max=1 << 24, life=1e9)
        self.caches = Caches(self.memory, facts_life=belief, files=Folder(self) if files else None)
        self._persons: dict[int, list[Person]] = {}
        self._dump = database.copy()
        self._changed()
        self._names = itertools.count(1)
        #: pictures and refusals that were compared
        self.answers = 0
        self.refused = 0
        self.unchanged = 0
        #: of each image what was given last: its tag and the picture
        self._tagged: dict[int, tuple[str, bytes]] = {}
        self._changes: list[tuple[Callable[[], None], float]] = [
            (self._save, 8),
            (self._save_in_all, 2),
            (self._add_settings, 1),
            (self._delete_settings, 1),
            (self._change_pixels, 2),
            (self._regroup, 3),
            (self._permit, 1),
            (self._move, 1),
            (self._give, 1),
        ]

    def _put(self, database: Database) -> None:
        for table in (database.rendering_defs, database.thumbnails):
            # who looks makes settings and rows
            table.watchers.append(lambda _row: self._changed())
        database.files = self._disk = Disk(database.files)
        self.server = new_server(self._people, database)

    @property
    def _database(self) -> Database:
        return self.server.database

    async def live(self, steps: int) -> None:
        """So many steps. Raises Wrong."""
        for _ in range(steps):
            await self._step()
        for persons in self._persons.values():
            for person in persons:
                await person.leave()

    async def _step(self) -> None:
        self._forget()
        dice = self.rng.random()
        if dice < 0.55:
            await self._look(changing=self.rng.random() < 0.3)
        elif dice < 0.85:
            self._change()
        elif dice < 0.90:
            await self._store_by_named_settings()
        elif dice < 0.95:
            await self._log_out(self.rng.choice(list(self._people.users)))
        elif dice < 0.97:
            await self._other_database()
        elif self.belief:
            loop: Any = self._loop
            loop.skipped += self.rng.choice([self.belief / 3, self.belief * 1.5])

    # looks

    async def _look(self, *, changing: bool) -> None:
        """Some look at once, mostly at the same image, while perhaps something changes."""
        focus = self.rng.choice(list(self._database.images))
        asked = []
        for _ in range(self.rng.choice([1, 1, 2, 4])):
            person = self._person(self.rng.choice(list(self._people.users)))
            requests = [self._request(focus) for _ in range(self.rng.choice([1, 1, 3]))]
            asked.append((person, requests, *self._had_already(requests)))
        began, first = self._loop.time(), self._history[-1]
        looking = [
            asyncio.create_task(person.asker.work.thumbnails(requests, TIMEOUT, frozenset({tag} if tag else ())))
            for person, requests, tag, _ in asked
        ]
        if changing:
            for _ in range(self.rng.choice([2, 10, 30, 60])):
                await asyncio.sleep(0)
            self._change(focus)
        outcomes = await asyncio.gather(*looking)
        await self._settle()
        self._changed()
        self._note_files()
        for (person, requests, _, had), given in zip(asked, outcomes, strict=True):
            for request, outcome in zip(requests, given, strict=True):
                await self._compare(person, request, self._shown(outcome, had), began, first)
                if isinstance(outcome, Thumbnail) and outcome.tag:
                    self._tagged[request.image_id] = outcome.tag, outcome.jpeg

    def _had_already(self, requests: Sequence[ThumbnailRequest]) -> tuple[str, bytes]:
        """What the client says that it has, by its tag: what was given of that image last, to whomever."""
        is_said = len(requests) == 1 and self.rng.random() < 0.5
        return self._tagged.get(requests[0].image_id, ("", b"")) if is_said else ("", b"")

    def _shown(self, outcome: object, had: bytes) -> bytes | None:
        """The picture that comes of it; None for a refusal."""
        assert not isinstance(outcome, JoinLost), outcome
        if isinstance(outcome, NotModified):
            self.unchanged += 1
            return had
        return outcome.jpeg if isinstance(outcome, Thumbnail) else None

    async def _settle(self) -> None:
        """Until all that was had is kept, or is not."""
        async with asyncio.timeout(10):
            while any(len(one.asker.work._unconfirmed) for persons in self._persons.values() for one in persons):
                loop: Any = self._loop
                # what is put off is due
                loop.skipped += 0.02
                await asyncio.sleep(0)

    async def _compare(
        self, person: Person, request: ThumbnailRequest, given: bytes | None, began: float, first: Truth
    ) -> None:
        self.answers += 1
        self.refused += given is None
        believed = began if request.version else max(began - self.belief, person.since)
        right, is_before = [], False
        for truth in reversed(self._history):
            if is_before and truth.until < believed:
                break
            is_before = is_before or truth is first
            right.append(await truth.of(person.user_id, request))
            if given in right[-1]:
                return
        if len(right) > 1 and given is None:
            # it was refused what changed meanwhile
            return
        if request.is_plain:
            # what may not be stored any more is drawn as a square, and not to be kept
            square = request._replace(height=request.width, stored=False)
            if len(right) > 1 and any([given in await truth.of(person.user_id, square) for truth in self._history]):
                return
            # OMERO has written a file anew, and not its row: nothing tells the two
            if any(given in had for truth in self._history for had in self._had(truth, request.image_id)):
                return
        raise Wrong(f"{request} of user {person.user_id}: {given!r} instead of one of {right}")

    def _note_files(self) -> None:
        rows = self._database.thumbnails
        for number, jpeg in self._disk.written:
            row = rows.get(number)
            if row is not None:
                self._files.setdefault((self._database.uuid, number, row.event.time), set()).add(jpeg)
        self._disk.written.clear()

    def _had(self, truth: Truth, image_id: int) -> Iterator[set[bytes]]:
        """What the files of an image's rows had while the rows were as they were then."""
        for row in truth.rows(image_id):
            yield self._files.get((truth.uuid, row.id, row.event.time), set())

    def _request(self, focus: int) -> ThumbnailRequest:
        rng = self.rng
        image = focus if rng.random() < 0.7 else rng.choice(list(self._database.images))
        version = str(next(self._names)) if rng.random() < 0.15 else ""
        request = ThumbnailRequest(image, 96, version=version)
        dice = rng.random()
        if dice < 0.45:
            return request
        request = request._replace(stored=False, width=rng.choice([64, 96]))
        if dice < 0.6:
            return request
        if dice < 0.7:
            return request._replace(height=rng.choice([48, 96]))
        if dice < 0.85:
            return request._replace(z=rng.choice([None, 0, 1]), t=rng.choice([None, 0]))
        return request._replace(rendering_def_id=self._settings_of(image))

    def _settings_of(self, image: int) -> int | None:
        found = list(self._database.rendering_defs.of(image + _PIXELS))
        return self.rng.choice(found) if found else None

    def _person(self, user_id: int) -> Person:
        """A session of that user's: one that there is, or a new one."""
        there = self._persons.setdefault(user_id, [])
        if not there or (len(there) < 2 and self.rng.random() < 0.2):
            there.append(Person(self, user_id, self._loop.time()))
        return self.rng.choice(there)

    async def _log_out(self, user_id: int) -> None:
        for person in self._persons.pop(user_id, []):
            await person.leave()

    # changes

    def _changed(self) -> None:
        """Something has: what was true until now was true."""
        if self._history:
            self._history[-1].until = self._loop.time()
        self._history.append(Truth(self._people, self._database))

    def _forget(self) -> None:
        """What was true before anybody believed it."""
        least = self._loop.time() - self.belief
        while self._history[0].until < least:
            del self._history[0]

    def _change(self, focus: int | None = None) -> None:
        (change,) = self.rng.choices([one for one, _ in self._changes], [weight for _, weight in self._changes])
        self._focus = focus
        change()
        self._changed()

    def _image(self) -> ImageRow:
        return self._database.images[self._focus or self.rng.choice(list(self._database.images))]

    def _somebody(self, image: ImageRow) -> int:
        readers = [one.id for one in self._people.users.values() if image.group_id in one.groups]
        return self.rng.choice([image.owner_id, *readers])

    def _user(self, number: int) -> Experimenter:
        groups = tuple(self.rng.sample(range(_FIRST_GROUP, _FIRST_GROUP + len(PERMISSION_BITS)), 3))
        leads = tuple(group for group in groups if self.rng.random() < 0.1)
        return Experimenter(number, f"user-{number}", "", "", (*groups, USER_GROUP), leads)

    def _group(self) -> int:
        return self.rng.randrange(_FIRST_GROUP, _FIRST_GROUP + len(PERMISSION_BITS))

    def _save(self) -> None:
        image = self._image()
        self._database.save_settings(image.primary, self._somebody(image), self.rng.choice(_LOOKS))

    def _save_in_all(self) -> None:
        """One event for all images of somebody."""
        owner = self._image().owner_id
        event = self._database.new_event(owner, USER_GROUP)
        for image in self._database.images.values():
            own = self._own_settings(image, owner)
            if own is not None and image.owner_id == owner:
                saved = replace(own, event=event, look=self.rng.choice(_LOOKS))
                self._database.rendering_defs.put(saved)

    def _own_settings(self, image: ImageRow, owner: int) -> RenderingDefRow | None:
        found = self._database.rendering_defs.of(image.primary.id).values()
        return max((one for one in found if one.owner_id == owner), key=lambda one: one.event.time, default=None)

    def _add_settings(self) -> None:
        """Somebody has several."""
        image = self._image()
        owner = self._somebody(image)
        event = self._database.new_event(owner, image.group_id)
        table = self._database.rendering_defs
        table.put(RenderingDefRow(table.next_id(), image.primary.id, owner, event, self.rng.choice(_LOOKS), 1))

    def _delete_settings(self) -> None:
        image = self._image()
        own = self._own_settings(image, self._somebody(image))
        if own is not None:
            self._database.rendering_defs.delete(own.id)

    def _change_pixels(self) -> None:
        image = self._image()
        image.primary.source = f"image-{image.id}-{next(self._names)}"
        image.primary.update_event = self._database.new_event(image.owner_id, image.group_id)

    def _regroup(self) -> None:
        user = self._user(self.rng.randrange(_FIRST_USER, _FIRST_USER + _USERS))
        self._people.set_groups(user.id, user.groups, user.leads)

    def _permit(self) -> None:
        self._people.set_permissions(self._group(), self.rng.choice(list(PERMISSION_BITS)))

    def _move(self) -> None:
        self._image().group_id = self._group()

    def _give(self) -> None:
        image = self._image()
        image.owner_id = self._somebody(image)

    async def _store_by_named_settings(self) -> None:
        """Somebody's OMERO.web stores what other settings give than those that count, as it does with ``rdefId``."""
        self._focus = None
        image = self._image()
        request = ThumbnailRequest(image.id, 96, rendering_def_id=self._settings_of(image.id))
        person = Person(self, self._somebody(image), 0.0)
        session: Any = person.asker.session
        found = await pixels.ask(session, [image.id], user_id=person.user_id, size=96, with_content=False)
        if image.id in found:
            try:
                async with session.stores.lend() as store:
                    await single.render_one(session, store, found[image.id], request, is_direct=False)
            except UserException:
                # it may not
                pass
        await person.leave()
        self._changed()
        self._note_files()

    async def _other_database(self) -> None:
        """A dump is taken; or one is restored; or another OMERO is behind the address, whose ids and events are alike.

        Everybody logs in anew.
        """
        dice = self.rng.random()
        if dice < 0.3:
            self._dump = self._database.copy()
            return
        for user_id in list(self._people.users):
            await self._log_out(user_id)
        if dice < 0.6:
            self._put(self._dump.copy())
        else:
            other = self._database.copy()
            other.uuid = f"another {next(self._names)}"
            for image in other.images.values():
                image.primary.source += "-of-another"
            for row, jpeg in list(other.files.items()):
                other.files[row] = jpeg.replace(b"\xff\xd9", b" of another\xff\xd9")
            self._put(other)
        self._changed()


def small_town(seed: int, *, steps: int, belief: float = 0.0, files: bool = False) -> SmallTown:
    """A town that has lived. Raises Wrong."""

    async def live() -> SmallTown:
        town = SmallTown(seed, belief=belief, files=files)
        await town.live(steps)
        return town

    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        return runner.run(live())
