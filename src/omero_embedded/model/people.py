"""Users and groups, the four kinds of groups, and who belongs where.

Source of the rights: ``ome.model.internal.Permissions`` of omero-model. What holds for a user is read when a call
begins, so whatever is changed here holds from the next call on, in sessions that are joined already too: after an
``UserGroupUpdateEvent`` omero-server reads the groups of every session anew (``SessionCache.updateEvent``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

#: ids that every OMERO has; source: the defaults of ``omero/sys/Roles``
SYSTEM_GROUP = 0
USER_GROUP = 1
ROOT = 0

#: ``perm1`` of ``omero::model::Permissions`` for each kind of group
PERMISSION_BITS = {"rw----": -120, "rwr---": -56, "rwra--": -40, "rwrw--": -8}

_ROLES = {"user": 0, "group": 2, "world": 4}


def is_granted(permissions: str, role: str, right: str) -> bool:
    """Whether `permissions` (one of `PERMISSION_BITS`) let "user", "group" or "world" "read" or "write"."""
    begin = _ROLES[role]
    read, write = permissions[begin], permissions[begin + 1]
    return read == "r" if right == "read" else write == "w"


@dataclass(frozen=True)
class Group:
    """A group; `permissions` is one of `PERMISSION_BITS`."""

    id: int
    name: str
    permissions: str

    @property
    def is_private(self) -> bool:
        """Whether members see only what is their own."""
        return not is_granted(self.permissions, "group", "read")

    @property
    def is_read_only(self) -> bool:
        """Whether members cannot change what is another's."""
        return self.permissions in ("rw----", "rwr---")


@dataclass(frozen=True)
class Experimenter:
    """An experimenter; the first of `groups` is the default one, `leads` are those of which they are the owner."""

    id: int
    name: str
    full_name: str
    password: str = field(repr=False)
    groups: tuple[int, ...]
    leads: tuple[int, ...] = ()

    @property
    def is_admin(self) -> bool:
        """Whether they are in the system group."""
        return SYSTEM_GROUP in self.groups


class People:
    """Everybody, by id. Tests change it as an administrator would."""

    def __init__(self, users: Iterable[Experimenter], groups: Iterable[Group]) -> None:
        self.users: dict[int, Experimenter] = {user.id: user for user in users}
        self.groups: dict[int, Group] = {group.id: group for group in groups}

    def named(self, name: str) -> Experimenter | None:
        """The user with that login name."""
        return next((user for user in self.users.values() if user.name == name), None)

    def permissions_of(self, group_id: int) -> str:
        """The permissions of a group."""
        return self.groups[group_id].permissions

    def set_groups(self, user_id: int, groups: tuple[int, ...], leads: tuple[int, ...] = ()) -> None:
        """Make a user member of `groups` alone, and owner of `leads`."""
        self.users[user_id] = replace(self.users[user_id], groups=groups, leads=leads)

    def set_permissions(self, group_id: int, permissions: str) -> None:
        """Give a group other permissions, one of `PERMISSION_BITS`."""
        self.groups[group_id] = replace(self.groups[group_id], permissions=permissions)
