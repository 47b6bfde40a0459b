"""Who acts where: what ``omero.group`` and ``omero.user`` make of a call, and what whoever acts may read and write.

Sources in omero-server: ``BasicEventContext.checkAndInitialize`` and ``BasicSecuritySystem.loadEventContext`` (who
acts), ``OneGroupSecurityFilter`` and ``AllGroupsSecurityFilter`` (what is read), ``OmeroInterceptor`` (what may be
linked to), ``BasicACLVoter`` (what may be changed), ``CurrentDetails.isGraphCritical``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .data import Event
from .omero_errors import OmeroError
from .people import SYSTEM_GROUP, USER_GROUP, Experimenter, People, is_granted

GROUP = "omero.group"
USER = "omero.user"


@dataclass(frozen=True)
class BasicEventContext:
    """Who acts, and in which group (-1: in all). `permissions` are those of that group, null for all groups."""

    user_id: int
    group_id: int
    permissions: str | None
    is_admin: bool
    member_of: tuple[int, ...]
    leader_of: tuple[int, ...]
    event: Event | None = None

    def with_event(self, event: Event) -> BasicEventContext:
        """The same, recorded in `event`."""
        return replace(self, event=event)

    @property
    def event_group(self) -> int:
        """The group that an event of this context is in."""
        if self.group_id >= 0:
            return self.group_id
        first = self.member_of[0]
        return self.member_of[1] if first == USER_GROUP and len(self.member_of) > 1 else first


def leader_of(user: Experimenter) -> tuple[int, ...]:
    """The groups of which a user is an owner; an administrator is one of the system group."""
    return user.leads + ((SYSTEM_GROUP,) if user.is_admin and SYSTEM_GROUP not in user.leads else ())


def enter(people: People, user: Experimenter, default_group: int, call_context: Mapping[str, str]) -> BasicEventContext:
    """Who acts in a call of a session of `user` whose group is `default_group`. Raises SecurityViolation."""
    user_id, group_id = user.id, default_group
    named = _number(call_context.get(USER))
    if named is not None:
        if not user.is_admin and named != user.id:
            raise OmeroError("SecurityViolation", f"User {user.id} is not an admin and so cannot set uid to {named}")
        if named not in people.users:
            raise OmeroError("ApiUsageException", f"No such user: {named}")
        user_id = named
    asked = _number(call_context.get(GROUP))
    if asked is not None:
        group_id = asked
    if group_id < 0:
        return BasicEventContext(user_id, group_id, None, user.is_admin, user.groups, leader_of(user))
    if group_id not in people.groups:
        raise OmeroError("ApiUsageException", f"No such group: {group_id}")
    permissions = people.permissions_of(group_id)
    if not user.is_admin and group_id not in user.groups and not is_granted(permissions, "world", "read"):
        raise OmeroError("SecurityViolation", f"User {user_id} is not a member of group {group_id} and cannot login")
    return BasicEventContext(user_id, group_id, permissions, user.is_admin, user.groups, leader_of(user))


def _number(text: str | None) -> int | None:
    """OMERO logs and ignores what is no number."""
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None


def may_read(people: People, context: BasicEventContext, owner_id: int, group_id: int) -> bool:
    """Whether what `owner_id` has in `group_id` is there for a query in this context."""
    is_leader = group_id in context.leader_of
    if context.group_id >= 0:
        if group_id == USER_GROUP:
            return True
        if group_id != context.group_id:
            return False
        readable = is_granted(context.permissions or "", "group", "read")
        return readable or context.is_admin or is_leader or owner_id == context.user_id
    permissions = people.permissions_of(group_id)
    return (
        context.is_admin
        or is_leader
        or (owner_id == context.user_id and is_granted(permissions, "user", "read"))
        or (group_id in context.member_of and is_granted(permissions, "group", "read"))
        or is_granted(permissions, "world", "read")
    )


def is_graph_critical(people: People, context: BasicEventContext, group_id: int | None = None) -> bool:
    """Whether what whoever acts made there could be read by nobody else: administrators and leaders in private groups.

    `group_id` is that of the object in question, if there is one. Raises SecurityViolation where only that would tell.
    """
    permissions = context.permissions
    group = context.group_id
    if permissions is None:
        if group_id is None:
            raise OmeroError("SecurityViolation", "isGraphCriticalCheck: not enough context")
        group, permissions = group_id, people.permissions_of(group_id)
    if is_granted(permissions, "world", "read") or is_granted(permissions, "group", "read"):
        return False
    return context.is_admin or group in context.leader_of


def check_link(
    people: People, context: BasicEventContext, what: str, pixels: tuple[int, int, int], owner_id: int | None
) -> int:
    """Whether settings or a row may belong to Pixels, given by id, owner and group; the group that they are then in.

    `what` names what is linked, `owner_id` is its owner if it has one already. Raises SecurityViolation or one of its
    kinds.
    """
    pixels_id, pixels_owner, pixels_group = pixels
    if pixels_group in (SYSTEM_GROUP, USER_GROUP):
        return pixels_group
    linked = f"ome.model.core.Pixels:Id_{pixels_id}"
    if context.group_id >= 0 and pixels_group != context.group_id:
        raise OmeroError(
            "GroupSecurityViolation",
            f"MIXED GROUP: {what}(group=ome.model.meta.ExperimenterGroup:Id_{context.group_id}) and "
            f"{linked}(group=ome.model.meta.ExperimenterGroup:Id_{pixels_group}) cannot be linked.",
        )
    is_owner = context.user_id == pixels_owner
    if not is_owner and is_graph_critical(people, context, pixels_group) and owner_id != pixels_owner:
        name = people.users[context.user_id].name
        group = people.groups[pixels_group]
        raise OmeroError(
            "ReadOnlyGroupSecurityViolation",
            f"Cannot link to {linked}\nCurrent user ({name}) is an admin or the owner of\nthe private group "
            f"({group.name}={group.permissions}). It is not allowed to\nlink to users' data.",
        )
    if not is_owner and (pixels_group in context.leader_of or context.is_admin):
        return pixels_group
    role = "user" if is_owner else "group" if pixels_group in context.member_of else "world"
    permissions = context.permissions or "------"
    if not is_granted(permissions, role, "read"):
        raise OmeroError("SecurityViolation", f"Group is {permissions}. Cannot link to object: {linked}")
    return pixels_group


def check_update(people: People, context: BasicEventContext, what: str, owner_id: int, group_id: int) -> None:
    """Whether what is another's or one's own may be changed. Raises SecurityViolation."""
    permissions = people.permissions_of(group_id)
    if not (
        context.is_admin
        or group_id in context.leader_of
        or is_granted(permissions, "world", "write")
        or (owner_id == context.user_id and is_granted(permissions, "user", "write"))
        or (group_id in context.member_of and is_granted(permissions, "group", "write"))
    ):
        raise OmeroError("SecurityViolation", f"Updating {what} not allowed.")
