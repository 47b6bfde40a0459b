"""What `check --image` says of what OMERO has stored: an OMERO of a few lines that has whatever a test puts there."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from PIL import Image, ImageDraw

from omero_ms_thumbnail.check import jpeg
from omero_ms_thumbnail.check.diagnoses import STORED_DIFFERS, STORED_EMPTY, STORED_FILE_MISSING, STRETCHED
from omero_ms_thumbnail.check.finding import Finding, Outcome
from omero_ms_thumbnail.check.stored import look_at_stored
from omero_ms_thumbnail.omero import queries
from omero_ms_thumbnail.omero.exceptions import ResourceError
from omero_ms_thumbnail.omero.session import GROUP
from omero_ms_thumbnail.omero.system import EventContext

IMAGE, PIXELS, GROUP_ID = 7, 107, 5
OWNER, VIEWER, THIRD = 2, 3, 4
NAMES = {OWNER: "olga", VIEWER: "victor", THIRD: "theo"}


def picture(colour: str, size: tuple[int, int] = (96, 72), *, quality: int = 85) -> bytes:
    image = Image.new("RGB", size, "black")
    ImageDraw.Draw(image).ellipse((8, 8, size[0] - 8, size[1] - 8), fill=colour)
    written = io.BytesIO()
    image.save(written, "JPEG", quality=quality)
    return written.getvalue()


RED, BLUE = picture("red"), picture("blue")


class Omero:
    """One image of 256 x 192; tests change what is stored of it."""

    def __init__(self) -> None:
        #: number, owner, width, height, version
        self.rows: list[tuple[int, int, int, int, int | None]] = [(11, OWNER, 96, 72, None)]
        #: number, owner, the events in which they were made and changed
        self.settings = [(21, OWNER, 1, 9)]
        self.stored: bytes | None = RED
        self.now = RED
        self.is_clock = False
        self.file_missing = False
        self.errors: list[Exception] = []
        self.calls: list[str] = []
        self.contexts: list[Mapping[str, str]] = []
        self.lent = 0

    async def look(self) -> dict[str, Finding]:
        session: Any = self
        findings = await look_at_stored(session, IMAGE, 96)
        assert self.lent == 0
        # whatever is asked is asked as the viewer, in the image's group, of a store that knows nothing
        assert all(context == {GROUP: str(GROUP_ID)} for context in self.contexts)
        return {one.step: one for one in findings}

    @property
    def stores(self) -> Omero:
        return self

    async def event_context(self) -> EventContext:
        return EventContext(userId=VIEWER)

    async def projection(self, query: str, _parameters: Mapping[str, Any]) -> list[list[Any]]:
        return {
            queries.PIXELS_WITH_SIZES: [[PIXELS, IMAGE, GROUP_ID, OWNER, 256, 192, 0]],
            queries.THUMBNAILS_OF_PIXELS: [[number, PIXELS, *row[:3], 9, row[3]] for number, *row in self.rows],
            queries.SETTINGS_OF_PIXELS: [[number, PIXELS, *settings] for number, *settings in self.settings],
            queries.NAMES_OF_USERS: [[number, name] for number, name in NAMES.items()],
        }[query]

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[_Store]:
        self.lent += 1
        try:
            yield _Store(self)
        finally:
            self.lent -= 1


class _Store:
    def __init__(self, omero: Omero) -> None:
        self._omero = omero

    def _call(self, name: str, context: Mapping[str, str]) -> None:
        self._omero.calls.append(name)
        self._omero.contexts.append(context)

    async def set_pixels_id(self, pixels_id: int, context: Mapping[str, str]) -> bool:
        assert pixels_id == PIXELS
        self._call("setPixelsId", context)
        return bool(self._omero.settings)

    async def thumbnail_exists(self, size_x: int, size_y: int, context: Mapping[str, str]) -> bool:
        assert (size_x, size_y) == (96, 72)
        self._call("thumbnailExists", context)
        if self._omero.file_missing:
            raise ResourceError(serverStackTrace="", serverExceptionClass="", message="")
        return self._omero.stored is not None

    async def get_thumbnail_by_longest_side(self, size: int, context: Mapping[str, str]) -> bytes:
        self._call("stored", context)
        assert size == 96
        assert self._omero.stored is not None
        return self._omero.stored

    async def get_thumbnail_by_longest_side_direct(self, size: int, context: Mapping[str, str]) -> bytes:
        self._call("direct", context)
        if self._omero.errors:
            raise self._omero.errors.pop()
        assert size == 96
        return self._omero.now

    async def is_in_progress(self, context: Mapping[str, str]) -> bool:
        self._call("isInProgress", context)
        return self._omero.is_clock


@pytest.fixture
def omero() -> Omero:
    return Omero()


async def test_nothing_is_wrong(omero: Omero) -> None:
    found = await omero.look()
    assert {one.outcome for one in found.values()} == {Outcome.OK}
    assert "the 96 x 72 of user 2 (olga), Thumbnail:11" in found["stored thumbnail"].found
    assert "the same that OMERO draws now" in found["stored thumbnail"].found
    assert found["rendering settings"].found == "the image's owner, user 2 (olga), has settings"


async def test_a_wrong_picture(omero: Omero) -> None:
    omero.stored = BLUE
    stored = (await omero.look())["stored thumbnail"]
    assert (stored.outcome, stored.diagnosis) == (Outcome.WARNING, STORED_DIFFERS)
    assert "shows something else" in stored.found
    # who has to save them
    assert "the settings are those of user 2 (olga)" in stored.found


async def test_a_wrong_picture_of_the_viewers_own_settings(omero: Omero) -> None:
    omero.settings.append((22, VIEWER, 5, 9))
    omero.rows.append((12, VIEWER, 96, 72, 0))
    omero.stored = BLUE
    stored = (await omero.look())["stored thumbnail"]
    assert "the 96 x 72 of user 3 (victor), Thumbnail:12" in stored.found
    assert "the settings are those of user 3 (victor)" in stored.found


async def test_a_picture_of_another_shape(omero: Omero) -> None:
    omero.stored = picture("red", (96, 96))
    stored = (await omero.look())["stored thumbnail"]
    assert stored.diagnosis is STORED_DIFFERS
    assert "its picture is 96 x 96, and OMERO draws 96 x 72 now" in stored.found


async def test_the_same_picture_by_another_encoder(omero: Omero) -> None:
    omero.stored = picture("red", quality=92)
    assert omero.stored != omero.now
    stored = (await omero.look())["stored thumbnail"]
    assert stored.outcome is Outcome.OK
    assert "looks like what OMERO draws now" in stored.found


async def test_without_a_decoder_it_says_that_they_differ(omero: Omero, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg, "look_alike", lambda _one, _other: None)
    omero.stored = BLUE
    stored = (await omero.look())["stored thumbnail"]
    assert stored.diagnosis is STORED_DIFFERS
    assert "install Pillow" in stored.found


async def test_an_empty_file(omero: Omero) -> None:
    omero.stored = b""
    stored = (await omero.look())["stored thumbnail"]
    assert (stored.outcome, stored.diagnosis) == (Outcome.WARNING, STORED_EMPTY)


async def test_a_row_without_its_file(omero: Omero) -> None:
    omero.file_missing = True
    stored = (await omero.look())["stored thumbnail"]
    assert (stored.outcome, stored.diagnosis) == (Outcome.WARNING, STORED_FILE_MISSING)


async def test_what_is_not_stored_is_not_stored_by_looking(omero: Omero) -> None:
    omero.stored, omero.rows = None, []
    found = await omero.look()
    assert found["stored thumbnail"].outcome is Outcome.OK
    assert "no 96 x 72 is stored" in found["stored thumbnail"].found
    assert "stored" not in omero.calls


async def test_without_settings_none_are_made(omero: Omero) -> None:
    omero.settings, omero.rows, omero.stored = [], [], None
    found = await omero.look()
    assert "no rendering settings yet" in found["stored thumbnail"].found
    assert found["rendering settings"].found == "the image's owner, user 2 (olga), has no settings"
    assert omero.calls == ["setPixelsId"]


async def test_what_omero_cannot_draw_is_compared_with_nothing(omero: Omero) -> None:
    omero.errors = [ResourceError(serverStackTrace="", serverExceptionClass="", message="secret")]
    found = await omero.look()
    assert found["stored thumbnail"].outcome is Outcome.SKIPPED
    assert found["stored thumbnail"].found == "not compared: OMERO cannot draw it (ResourceError)"
    assert found["stored sizes"].outcome is Outcome.OK


async def test_a_clock_is_compared_with_nothing(omero: Omero) -> None:
    omero.is_clock, omero.rows = True, [(11, OWNER, 96, 72, -1)]
    found = await omero.look()
    assert "a clock" in found["stored thumbnail"].found
    assert found["stored sizes"].found == "1 row"


async def test_a_row_that_was_a_clock_once_is_no_fault(omero: Omero) -> None:
    omero.rows = [(11, OWNER, 96, 72, -1)]
    found = await omero.look()
    assert {one.outcome for one in found.values()} == {Outcome.OK}
    assert (
        "1 of them drawn while the image was in progress (version -1): that is no fault" in found["stored sizes"].found
    )


async def test_stretched_squares(omero: Omero) -> None:
    # one that is right but for rounding
    omero.rows += [(12, VIEWER, 96, 96, 0), (13, OWNER, 64, 49, 0), (14, THIRD, 64, 64, 0)]
    sizes = (await omero.look())["stored sizes"]
    assert (sizes.outcome, sizes.diagnosis) == (Outcome.WARNING, STRETCHED)
    assert "the 96 x 96 of user 3 (victor), Thumbnail:12, the 64 x 64 of user 4 (theo), Thumbnail:14" in sizes.found
    assert "Thumbnail:13" not in sizes.found


async def test_settings_in_viewers_names(omero: Omero) -> None:
    omero.settings += [(22, VIEWER, 5, 5), (23, THIRD, 6, 8)]
    settings = (await omero.look())["rendering settings"]
    assert settings.outcome is Outcome.OK
    assert "others have some of their own: user 3 (victor), user 4 (theo)" in settings.found
    assert "1 of the others' were never changed since they were made" in settings.found
    assert settings.found.endswith("omero delete RenderingDef:22")


@pytest.mark.parametrize("cut", [0, 1, 2, 5, 20, 100])
def test_what_is_cut_off_has_no_size(cut: int) -> None:
    assert jpeg.size_of(RED[:cut]) is None


def test_the_size_of_a_jpeg() -> None:
    assert jpeg.size_of(RED) == (96, 72)
    assert jpeg.size_of(b"\x89PNG") is None


def test_looks() -> None:
    assert jpeg.look_alike(RED, picture("red", quality=92)) is True
    assert jpeg.look_alike(RED, BLUE) is False
    assert jpeg.look_alike(RED, b"\xff\xd8 no more") is None
