"""Prepares scenarios on any OMERO from outside, with omero-py's own client: commands as JSON in, answers as JSON out.

Runs on Python 3.10 with omero-py, alone: it imports nothing of this project. The first line of standard input is
{"host": …, "port": …, "secure": true, "password": …} of an administrator named root, whose password is in no argument
and no answer. Then a command a line, as `command_driver.py` writes them, each answered by {"ok": …} or
{"error": "a sentence"}.

It makes, once each: groups named "thumbnail-replay KIND", people named "thumbnail-replay-ROLE", and their sessions.
"""

from __future__ import annotations

import json
import logging
import secrets
import sys
from functools import lru_cache
from typing import Any

import omero
import omero.clients
import omero.model
import omero.sys
from omero.rtypes import rbool, rlist, rlong, rstring, unwrap

#: for OMERO's stock routers, which have no certificate, and for others; OpenSSL 3 refuses the former at its level 1
_PROPERTIES = {"IceSSL.Ciphers": "ADH:HIGH:@SECLEVEL=0", "IceSSL.Protocols": "tls1_0,tls1_1,tls1_2"}

_ALL_GROUPS = {"omero.group": "-1"}

_WIDTH, _HEIGHT, _CHANNELS = 256, 192, 2

_COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}

#: how long a session may go without a call, in ms
_TIME_TO_IDLE = 3_600_000

_ROWS = (
    "select t.pixels.image.id, t.details.owner.id, t.sizeX, t.sizeY, t.version from Thumbnail t "
    "where t.pixels.image.id in (:ids)"
)
_SETTINGS = (
    "select r.pixels.image.id, r.details.owner.id, count(r.id) from RenderingDef r "
    "where r.pixels.image.id in (:ids) group by r.pixels.image.id, r.details.owner.id"
)
_NEWEST = "select max(r.id) from RenderingDef r where r.pixels.image.id = :id and r.details.owner.id = :owner"
_EVENTS = "select count(e.id) from Event e where e.experimenter.id = :id"


@lru_cache
def _slope(width: int, height: int, channel: int) -> bytes:
    """A plane that rises to the right in the first channel, downwards in the others."""
    if channel == 0:
        return bytes(x & 255 for x in range(width)) * height
    return b"".join(bytes([y * 255 // height]) * width for y in range(height))


class CannotBeDone(Exception):
    """Nobody can do that from outside; the text says what."""


class Hand:
    """Everybody's sessions, joined when they are first needed."""

    def __init__(self, where: dict[str, Any]) -> None:
        scheme = "ssl" if where["secure"] else "tcp"
        self._properties = {**_PROPERTIES, "omero.host": f"{scheme}://{where['host']}:{where['port']}"}
        self._root = omero.client(pmap=self._properties)
        self._root.createSession("root", where["password"])
        self._root.enableKeepAlive(60)
        self._joined: dict[tuple[str, str], Any] = {}
        self._groups: dict[str, int] = {}
        self._users: dict[str, int] = {}
        self._names = {"root": "root"}
        self._keys: dict[tuple[str, str], str] = {}
        self._sessions: list[Any] = []
        self._group_of: dict[int, str] = {}
        self._pixels_of: dict[int, int] = {}

    # what is made once

    def begin(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Groups, people, and a session for each in each; what is there from another time is taken."""
        for kind in asked["groups"]:
            self._groups[kind] = self._group(kind)
        for role in asked["roles"]:
            self._users[role] = self._user(role)
        admin = self._root.sf.getAdminService()
        for role, user in self._users.items():
            if role == "root":
                continue
            known = {group.id.val for group in admin.containedGroups(user)}
            missing = [omero.model.ExperimenterGroupI(one, False) for one in self._groups.values() if one not in known]
            if missing:
                admin.addGroups(omero.model.ExperimenterI(user, False), missing)
        leader = omero.model.ExperimenterI(self._users["leader"], False)
        for group in self._groups.values():
            admin.addGroupOwners(omero.model.ExperimenterGroupI(group, False), [leader])
        for kind in self._groups:
            for role in self._users:
                self._keys[role, kind] = self._session(role, kind)
        return {
            "groups": self._groups,
            "users": self._users,
            "keys": [[role, kind, key] for (role, kind), key in self._keys.items()],
        }

    def _group(self, kind: str) -> int:
        admin = self._root.sf.getAdminService()
        name = f"thumbnail-replay {kind}"
        try:
            return int(admin.lookupGroup(name).id.val)
        except omero.ApiUsageException:
            group = omero.model.ExperimenterGroupI()
            group.name = rstring(name)
            group.ldap = rbool(False)
            group.details.permissions = omero.model.PermissionsI(kind)
            return int(admin.createGroup(group))

    def _user(self, role: str) -> int:
        """Somebody whose id is no group's: OMERO takes whoever leads a group of their own id for its owner."""
        admin = self._root.sf.getAdminService()
        if role == "root":
            return int(admin.getEventContext().userId)
        for name in (f"thumbnail-replay-{role}{suffix}" for suffix in ("", *"abcdefgh")):
            user = self._known_or_new_user(name, role)
            if user not in self._groups.values():
                self._names[role] = name
                return user
        raise RuntimeError(f"nobody can be made whose id is none of the groups {sorted(self._groups.values())}")

    def _known_or_new_user(self, name: str, role: str) -> int:
        admin = self._root.sf.getAdminService()
        try:
            return int(admin.lookupExperimenter(name).id.val)
        except omero.ApiUsageException:
            user = omero.model.ExperimenterI()
            user.omeName = rstring(name)
            user.firstName, user.lastName = rstring("Thumbnail"), rstring(f"Replay {role}")
            user.ldap = rbool(False)
            groups = [omero.model.ExperimenterGroupI(group, False) for group in self._groups.values()]
            everybody = omero.model.ExperimenterGroupI(admin.getSecurityRoles().userGroupId, False)
            password = rstring(secrets.token_urlsafe())
            return int(admin.createExperimenterWithPassword(user, password, groups[0], [*groups[1:], everybody]))

    def _session(self, role: str, kind: str) -> str:
        name = self._names[role]
        group = "system" if role == "root" else f"thumbnail-replay {kind}"
        principal = omero.sys.Principal(name, group, "User", None)
        session = self._root.sf.getSessionService().createSessionWithTimeouts(principal, 0, _TIME_TO_IDLE)
        self._sessions.append(session)
        return str(session.uuid.val)

    def _as(self, role: str, kind: str) -> Any:
        client = self._joined.get((role, kind))
        if client is None:
            client = omero.client(pmap=self._properties)
            client.joinSession(self._keys[role, kind])
            client.sf.detachOnDestroy()
            self._joined[role, kind] = client
        return client.sf

    # what is made for each scenario

    def image(self, asked: dict[str, Any]) -> list[int]:
        """An image with its planes; in each channel a slope, so that it shows in any colour."""
        kind = asked["group"]
        width, height = asked.get("size", (_WIDTH, _HEIGHT))
        factory = self._as(asked["owner"], kind)
        context = {"omero.group": str(self._groups[kind])}
        types = factory.getPixelsService().getAllEnumerations("PixelsType")
        uint8 = next(one for one in types if one.value.val == "uint8")
        image = (
            factory.getPixelsService()
            .createImage(width, height, 1, 1, list(range(_CHANNELS)), uint8, "thumbnail-replay", "", context)
            .val
        )
        query = "select p.id from Pixels p where p.image.id = :id"
        pixels = int(self._projection(query, {"id": rlong(image)})[0][0])
        planes = factory.createRawPixelsStore()
        try:
            planes.setPixelsId(pixels, True, context)
            for channel in range(_CHANNELS):
                planes.setPlane(_slope(width, height, channel), 0, channel, 0)
            planes.save()
        finally:
            planes.close()
        for channel in range(_CHANNELS):
            factory.getPixelsService().setChannelGlobalMinMax(pixels, channel, 0.0, 255.0, context)
        self._group_of[image], self._pixels_of[image] = kind, pixels
        return [int(image), pixels]

    def save(self, asked: dict[str, Any]) -> None:
        """Default settings if whoever saves has none, then the first channel alone in that colour."""
        image, who = asked["image"], asked["who"]
        kind, pixels = self._group_of[image], self._pixels_of[image]
        factory = self._as(who, kind)
        context = {"omero.group": str(self._groups[kind])}
        if not self.newest({"image": image, "who": who}):
            factory.getRenderingSettingsService().resetDefaultsInSet("Image", [image], context)
        engine = factory.createRenderingEngine()
        try:
            engine.lookupPixels(pixels, context)
            engine.lookupRenderingDef(pixels, context)
            engine.load(context)
            model = next(one for one in engine.getAvailableModels(context) if one.value.val == "rgb")
            engine.setModel(model, context)
            engine.setActive(0, True, context)
            engine.setActive(1, False, context)
            engine.setRGBA(0, *_COLOURS[asked["colour"]], 255, context)
            engine.saveCurrentSettings(context)
        finally:
            engine.close()

    def in_progress(self, asked: dict[str, Any]) -> None:
        raise CannotBeDone("an image cannot be made one in progress from outside, nor be completed")

    # what is looked at

    def newest(self, asked: dict[str, Any]) -> int:
        parameters = {"id": rlong(asked["image"]), "owner": rlong(self._users[asked["who"]])}
        rows = self._projection(_NEWEST, parameters)
        # OMERO may leave out a column that is null
        return int(rows[0][0] or 0) if rows and rows[0] else 0

    def left(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        """Rows and settings by owner; who is none of the scenarios' people goes by the id."""
        roles = {user: role for role, user in self._users.items()}
        ends: dict[int, dict[str, Any]] = {image: {"rows": {}, "settings": {}} for image in asked["images"]}
        ids = {"ids": rlist([rlong(image) for image in asked["images"]])}
        for image, owner, width, height, version in self._projection(_ROWS, ids):
            row = f"{width}x{height}" + (" version -1" if version == -1 else "")
            ends[image]["rows"].setdefault(roles.get(owner, str(owner)), []).append(row)
        for image, owner, count in self._projection(_SETTINGS, ids):
            ends[image]["settings"][roles.get(owner, str(owner))] = count
        return [ends[image] for image in asked["images"]]

    def events(self, asked: dict[str, Any]) -> int:
        return int(self._projection(_EVENTS, {"id": rlong(self._users[asked["who"]])})[0][0])

    def _projection(self, query: str, named: dict[str, Any]) -> list[list[Any]]:
        parameters = omero.sys.ParametersI()
        for name, value in named.items():
            parameters.add(name, value)
        rows = self._root.sf.getQueryService().projection(query, parameters, _ALL_GROUPS)
        return [[unwrap(value) for value in row] for row in rows]

    def close(self) -> None:
        """Leave, and end the sessions that were made."""
        for client in self._joined.values():
            client.closeSession()
        for session in self._sessions:
            self._root.sf.getSessionService().closeSession(session)
        self._root.closeSession()


def main() -> None:
    logging.disable(logging.WARNING)
    try:
        hand = Hand(json.loads(sys.stdin.readline()))
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {getattr(error, 'reason', '')}"}), flush=True)
        return
    print(json.dumps({"ok": None}), flush=True)
    try:
        for line in sys.stdin:
            asked = json.loads(line)
            try:
                answer = {"ok": getattr(hand, asked.pop("do"))(asked)}
            except CannotBeDone as error:
                answer = {"cannot": str(error)}
            except Exception as error:
                said = getattr(error, "message", None) or str(error)
                answer = {"error": f"{type(error).__name__}: {said}"}
            print(json.dumps(answer), flush=True)
    finally:
        hand.close()


if __name__ == "__main__":
    main()
