"""Facts of a real OMERO that an OMERO could break: each built into the model on purpose, by its name.

Most are kind: what they let pass, a real OMERO does not. A stand-in that is so proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from omero_embedded.model import call as call_module
from omero_embedded.model.call import Call
from omero_embedded.model.thumbnail_context import ThumbnailContext, widths
from omero_embedded.model.thumbnail_drawing import StoreState, ThumbnailDrawing
from omero_embedded.model.thumbnail_store import ThumbnailBean

if TYPE_CHECKING:
    import pytest

Break = Callable[["pytest.MonkeyPatch"], None]


def _wrap(kind: Any, name: str, mutant: Callable[..., Any]) -> Break:
    """`mutant` gets what it replaces first."""
    original = getattr(kind, name)
    return lambda patch: patch.setattr(kind, name, lambda *given, **named: mutant(original, *given, **named))


def _always_loaded_anew(check: Any, self: Any, call: Call) -> None:
    self._dirty = True
    check(self, call)


def _new_each_time(set_pixels_id: Any, self: Any, call: Call, pixels_id: int) -> Any:
    self._context = None
    return set_pixels_id(self, call, pixels_id)


def _nothing(_original: Any, *_given: Any) -> Any:
    return
    yield  # a generator, as what it replaces


def _each_images_own_owner(load: Any, self: Any, call: Call, pixels_ids: Any) -> None:
    for pixels_id in pixels_ids:
        load(self, call, [pixels_id])


def _right_shape(instead: Any, self: Any, call: Call, error: Exception, dimension: tuple[int, int]) -> Any:
    return instead(self, call, error, widths(self._check_pixels(), max(dimension)))


def _shape_of_the_image(_clock: Any, self: Any, width: int, height: int) -> Any:
    return (yield from self._drawn(ThumbnailDrawing(None, None, width, height)))


def _as_themselves(enter: Any, people: Any, user: Any, group: int, said: Any) -> Any:
    return enter(people, user, group, {name: value for name, value in said.items() if name != "omero.user"})


MUTANTS: Final[dict[str, Break]] = {
    "a store draws with the settings that were set last": _wrap(StoreState, "_check_renderer", _always_loaded_anew),
    "a store begins anew with the same Pixels": _wrap(ThumbnailBean, "setPixelsId", _new_each_time),
    "a set makes no settings": _wrap(ThumbnailContext, "make_missing_settings", _nothing),
    "a set shows each image with its own owner's settings": _wrap(
        ThumbnailContext, "load_settings", _each_images_own_owner
    ),
    "a stored call makes no row": _wrap(ThumbnailContext, "_make_missing_metadata", lambda *_: None),
    "where no row may be made the shape is right": _wrap(ThumbnailBean, "_instead", _right_shape),
    "a clock has the shape of the image": _wrap(StoreState, "_clock", _shape_of_the_image),
    "an administrator acts in nobody else's name": _wrap(call_module, "enter", _as_themselves),
    "what is stored is always as new as the settings": _wrap(ThumbnailContext, "is_dirty", lambda *_: False),
    "everybody may make rows and settings everywhere": _wrap(
        ThumbnailContext, "is_extended_graph_critical", lambda *_: False
    ),
    "private groups are read by all members": _wrap(
        call_module, "context_may_read", lambda _original, _people, _context, _owner, group: group > 1
    ),
    "a set forgets that one of its images is in progress": _wrap(
        ThumbnailBean, "_has_become_in_progress", lambda *_: False
    ),
}
