"""What OMERO itself would answer: rights and rendering by OMERO's rules, drawn directly, with nothing in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from omero_embedded.images.picture import fit
from omero_embedded.images.rendering import RenderingSettings, default_settings
from omero_embedded.world import Experimenter, Image, ImageState
from tests.hard.privacy.history import ImageFacts, RecordedWorld
from tests.support.labelled_pictures import told, told_clock

_SYSTEM_GROUP = 0

#: the only size that is stored
DEFAULT_SIZE = 96


@dataclass(frozen=True)
class Asked:
    """One picture that was asked for."""

    image: int
    width: int
    height: int | None = None
    rendering_def: int | None = None
    section: tuple[int, int] | None = None


class Oracle:
    """Knows the world's history, and every image that there ever was."""

    def __init__(self, world: RecordedWorld) -> None:
        self._world = world
        self._images = dict(world.images)

    def answers(self, user_id: int, asked: Asked, begin: float, end: float) -> set[bytes | None]:
        """What OMERO would have answered that user at some moment from `begin` to `end`; None where it refuses."""
        moments = list(self._moments(user_id, asked, begin, end))
        answers = {answer for moment in moments for answer in self._answer(user_id, asked, moment)}
        if _is_stored(asked):
            # where OMERO would have to draw another's row anew, and may not save it, it draws a square
            square = replace(asked, height=asked.width)
            for moment in moments:
                answers |= self._answer(user_id, square, moment, is_steady=False)
        if len(moments) > 1:
            # several calls make one thumbnail, and what was told of the image may be from before a change: OMERO then
            # refuses one of them, shows the user's own settings in place of those that were named, or draws a square
            # where it may store nothing any more. All of it is what this user may see at some moment of these
            answers.add(None)
            for other in (replace(asked, rendering_def=None), replace(asked, height=asked.height or asked.width)):
                for moment in moments:
                    answers |= self._answer(user_id, other, moment, is_steady=False)
        return answers

    def is_steady(self, user_id: int, asked: Asked, begin: float, end: float) -> bool:
        """Whether nothing changed in that time that matters for the answer."""
        return len(list(self._moments(user_id, asked, begin, end))) == 1

    def was_locked_out(self, session_key: str, user_id: int, begin: float, end: float) -> bool:
        """Whether the session's own group was not one of its user's: OMERO then refuses calls that name no group."""
        timeline, group = self._world.user_at[user_id], self._world.session_group[session_key]
        users = [timeline.at(moment) for moment in (begin, *timeline.changes(begin, end))]
        return any(group not in user.groups and not _is_admin(user) for user in users)

    def was_alive(self, session_key: str, begin: float, end: float) -> set[bool]:
        """Whether the session was alive: all that was true in that time."""
        timeline = self._world.session_at[session_key]
        return {timeline.at(moment) for moment in (begin, *timeline.changes(begin, end))}

    def _moments(self, user_id: int, asked: Asked, begin: float, end: float) -> Iterator[float]:
        image = self._world.image_at.get(asked.image)
        yield begin
        if image is None:
            return
        yield from image.changes(begin, end)
        yield from self._world.user_at[user_id].changes(begin, end)
        groups = {facts[1] for moment in (begin, *image.changes(begin, end)) if (facts := image.at(moment))}
        for group in groups:
            yield from self._world.group_at[group].changes(begin, end)

    def _answer(self, user_id: int, asked: Asked, moment: float, *, is_steady: bool = True) -> set[bytes | None]:
        timeline = self._world.image_at.get(asked.image)
        facts = timeline.at(moment) if timeline is not None else None
        if facts is None:
            return {None}
        user = self._world.user_at[user_id].at(moment)
        permissions = self._world.group_at[facts[1]].at(moment).permissions
        if not _may_read(user, facts, permissions):
            # of one's own in a group that one has left OMERO tells, and refuses to draw it: what is kept is shown
            is_told = facts[0] == user.id and permissions[0] == "r"
            return {None, *self._shown(user, facts, permissions, asked, is_steady=is_steady)} if is_told else {None}
        return self._shown(user, facts, permissions, asked, is_steady=is_steady)

    def _shown(
        self, user: Experimenter, facts: ImageFacts, permissions: str, asked: Asked, *, is_steady: bool
    ) -> set[bytes | None]:
        image = self._images[asked.image]
        own = _settings(self._images, user, facts, permissions, asked)
        answers = {self._drawn(image, own, asked)}
        if own is None:
            # unless somebody has looked at it who may make settings
            answers.add(self._drawn(image, default_settings(image.picture), asked))
        if image.state is ImageState.READY:
            others = self._others(user.id, asked, is_steady=is_steady)
            answers |= {self._drawn(image, look, asked) for look in others}
        if _is_stored(asked) and permissions[3] != "w" and facts[0] != user.id and not _is_admin(user):
            # who leads a private group may store nothing of another's, and is refused until the owner has; where the
            # owner's has been out of date since settings were saved, nobody else may have it drawn anew
            answers.add(None)
        return answers

    def _others(self, user_id: int, asked: Asked, *, is_steady: bool) -> Iterator[RenderingSettings]:
        """Looks that OMERO may show besides the newest: it takes any settings that go with the image's channels, and
        a thumbnail that is stored for the viewer or for an owner until it takes that for out of date."""
        if asked.rendering_def is not None:
            yield from self._world.looks_by_id.get(asked.rendering_def, ())
        elif _is_stored(asked) or not is_steady:
            # a call chooses whose settings count, another one draws with what they are by then
            theirs = {user_id, *self._world.owners_ever[asked.image]}
            yield from (look for by, look in self._world.looks_ever[asked.image] if by in theirs)

    def _drawn(self, image: Image, settings: RenderingSettings | None, asked: Asked) -> bytes | None:
        picture = image.picture
        size = fit(picture.size_x, picture.size_y, asked.width)
        if asked.height is not None:
            size = (asked.width, asked.height)
        if settings is None or image.state is ImageState.FAILING:
            return None
        if image.state is ImageState.IN_PROGRESS:
            return told_clock((max(size), max(size)))
        z, t = asked.section or (settings.default_z, settings.default_t)
        if z >= picture.size_z or t >= picture.size_t:
            return None
        return told(picture, settings, size, (z, t))


def _is_stored(asked: Asked) -> bool:
    """Whether OMERO stores it, so that what was stored before counts."""
    return (asked.width, asked.height, asked.rendering_def, asked.section) == (DEFAULT_SIZE, None, None, None)


def _is_admin(user: Experimenter) -> bool:
    return _SYSTEM_GROUP in user.groups


def _may_read(user: Experimenter, facts: ImageFacts, permissions: str) -> bool:
    owner, group, _ = facts
    if _is_admin(user):
        return True
    if group not in user.groups:
        return False
    # the fourth letter: what members of the group may read
    return owner == user.id or permissions[2] == "r" or group in user.leads


def _settings(
    images: dict[int, Image], user: Experimenter, facts: ImageFacts, permissions: str, asked: Asked
) -> RenderingSettings | None:
    owner, _, saved = facts
    by_id = {number: settings for number, _, settings in saved}
    if asked.rendering_def in by_id:
        return by_id[asked.rendering_def]
    by_owner = {by: settings for _, by, settings in reversed(saved)}
    for whose in (user.id, owner):
        if whose in by_owner:
            return by_owner[whose]
    # only they may make settings, and then see the default ones
    if owner == user.id or _is_admin(user) or permissions[3] != "-":
        return default_settings(images[asked.image].picture)
    return None
