"""Who and what is there: 200 users in 20 groups of all kinds, 2,000 images, and how all of it changes."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

from omero_embedded.images.picture import Channel, Picture, Plane
from omero_embedded.images.rendering import RenderingSettings, default_settings
from omero_embedded.model.omero_sessions import OmeroSessions
from omero_embedded.world import (
    PERMISSION_BITS,
    SYSTEM_GROUP,
    USER_GROUP,
    Experimenter,
    Group,
    Image,
    ImageState,
    RenderingDef,
)
from tests.hard.privacy.history import RecordedWorld, Timeline

USERS, GROUPS, IMAGES = 200, 20, 2_000

_FIRST_USER, _FIRST_GROUP, _FIRST_IMAGE, _PIXELS = 2, 3, 101, 1_000_000
_CHANNEL = Channel("Grey", (255, 255, 255))


class NamedPicture(Picture):
    """A picture that is never drawn: what is told of it is its name."""

    def __init__(self, name: str, size_x: int, size_y: int) -> None:
        self.name, self.size_x, self.size_y = name, size_x, size_y
        self.size_z = self.size_t = 3
        self.channels = (_CHANNEL,)

    def intensities(self, width: int, height: int, z: int, t: int) -> list[Plane]:
        raise NotImplementedError


def crowd(rng: random.Random) -> RecordedWorld:
    """The world at the beginning."""
    kinds = itertools.cycle(PERMISSION_BITS)
    groups = [Group(number, f"group-{number}", next(kinds)) for number in range(_FIRST_GROUP, _FIRST_GROUP + GROUPS)]
    users = [_user(number, rng) for number in range(_FIRST_USER, _FIRST_USER + USERS)]
    members = {group.id: [user for user in users if group.id in user.groups] or users for group in groups}
    settings = itertools.count(1)
    images = [_image(number, rng, members, settings) for number in range(_FIRST_IMAGE, _FIRST_IMAGE + IMAGES)]
    everywhere = [Group(SYSTEM_GROUP, "system", "rw----"), Group(USER_GROUP, "user", "rwr---")]
    return RecordedWorld(users, [*everywhere, *groups], images)


def _some_groups(rng: random.Random) -> list[int]:
    return rng.sample(range(_FIRST_GROUP, _FIRST_GROUP + GROUPS), rng.randint(1, 5))


def _user(number: int, rng: random.Random) -> Experimenter:
    groups = _some_groups(rng)
    leads = tuple(group for group in groups if rng.random() < 0.05)
    if rng.random() < 0.03:
        groups.insert(0, SYSTEM_GROUP)
    return Experimenter(number, f"user-{number}", "", "", (*groups, USER_GROUP), leads)


def _image(
    number: int, rng: random.Random, members: dict[int, list[Experimenter]], settings: itertools.count[int]
) -> Image:
    group = rng.choice(list(members))
    owner = rng.choice(members[group])
    picture = NamedPicture(f"image-{number}", rng.choice([64, 512]), rng.choice([32, 64, 700]))
    image = Image(number, picture.name, _PIXELS + number, owner.id, group, picture)
    by = {owner.id: 0.7, **{rng.choice(members[group]).id: 0.3 for _ in range(3)}}
    image.rendering_defs = [
        RenderingDef(next(settings), user, varied(picture, rng)) for user, chance in by.items() if rng.random() < chance
    ]
    if rng.random() < 0.02:
        image.state, image.rendering_defs = ImageState.IN_PROGRESS, []
    elif rng.random() < 0.02:
        image.state = ImageState.FAILING
        image.rendering_defs = [RenderingDef(next(settings), owner.id, default_settings(picture))]
    return image


def varied(picture: Picture, rng: random.Random) -> RenderingSettings:
    """Settings that nobody else has."""
    return RenderingSettings("greyscale", (True,), ((0.0, rng.random()),), (_CHANNEL.color,), picture.size_z // 2, 0)


class Changes:
    """Changes something, at random: a right, a rendering, an owner, a session."""

    def __init__(self, world: RecordedWorld, sessions: OmeroSessions, rng: random.Random) -> None:
        self._world = world
        self._sessions = sessions
        self._rng = rng
        #: the keys of each user's live sessions
        self.keys: dict[int, list[str]] = {user: [] for user in world.users}
        #: the one that ended last of each user
        self.ended: dict[int, str] = {}
        self.made = 0
        self._what: list[tuple[Callable[[], None], float]] = [
            (self._render, 10),
            (self._regroup, 4),
            (self._appoint, 0.5),
            (self._permit, 1),
            (self._move, 3),
            (self._give, 3),
            (self._delete, 0.2),
            (self._log_in_anew, 6),
        ]

    def change(self) -> None:
        """Change one thing."""
        (what,) = self._rng.choices([one for one, _ in self._what], [weight for _, weight in self._what])
        what()
        self.made += 1

    def log_in(self, user: int) -> str:
        """A new session of a user; its key."""
        session = self._sessions.keep(self._world.users[user], f"{user}-{self._rng.getrandbits(64):x}")
        key = session.key
        self._world.session_at[key] = Timeline(True)
        self._world.session_group[key] = session.group_id
        self.keys[user].append(key)
        return key

    def favourite(self) -> int:
        """An image, of which a few are looked at far more often than the others."""
        return _FIRST_IMAGE + min(int(self._rng.expovariate(1 / 25)), IMAGES - 1) * 7 % IMAGES

    def interesting(self, user: int) -> int:
        """An image that a user asks for: mostly one that they may read now."""
        for _ in range(8 if self._rng.random() < 0.8 else 1):
            number = self.favourite()
            image = self._world.images.get(number)
            if image is not None and self._world.may_read(self._world.users[user], image):
                break
        return number

    def _image(self) -> Image:
        while (image := self._world.images.get(self.favourite())) is None:
            pass
        return image

    def _user(self) -> Experimenter:
        return self._world.users[self._rng.choice(list(self.keys))]

    def _render(self) -> None:
        image = self._image()
        whose = self._world.users[image.owner_id] if self._rng.random() < 0.5 else self._user()
        if image.state is ImageState.READY:
            self._world.save_settings(image, whose, varied(image.picture, self._rng))

    def _regroup(self) -> None:
        user = self._user()
        groups = _some_groups(self._rng)
        kept = (SYSTEM_GROUP,) if user.is_admin else ()
        leads = tuple(group for group in groups if self._rng.random() < 0.05)
        self._world.set_groups(user.id, (*kept, *groups, USER_GROUP), leads)

    def _appoint(self) -> None:
        user = self._user()
        others = tuple(group for group in user.groups if group != SYSTEM_GROUP)
        self._world.set_groups(user.id, others if user.is_admin else (SYSTEM_GROUP, *others), user.leads)

    def _permit(self) -> None:
        group = self._rng.randrange(_FIRST_GROUP, _FIRST_GROUP + GROUPS)
        self._world.set_permissions(group, self._rng.choice(list(PERMISSION_BITS)))

    def _move(self) -> None:
        self._world.move(self._image(), self._rng.randrange(_FIRST_GROUP, _FIRST_GROUP + GROUPS))

    def _give(self) -> None:
        self._world.give(self._image(), self._user().id)

    def _delete(self) -> None:
        # half of them are always left to look at, and those that are looked at most go no sooner than others
        if len(self._world.images) > IMAGES / 2:
            self._world.delete(self._world.images[self._rng.choice(list(self._world.images))])

    def _log_in_anew(self) -> None:
        user = self._user().id
        if self.keys[user] and self._rng.random() < 0.8:
            key = self.keys[user].pop(0)
            self._sessions.end(key)
            self.ended[user] = key
            self._world.session_at[key].change(False)
        if len(self.keys[user]) < 2:
            self.log_in(user)
