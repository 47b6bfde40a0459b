"""omero-py's own `omero.client` doing what it is told: a plan as JSON in, the result of each of its steps as JSON out.

Runs on Python 3.10 with omero-py, alone: it imports nothing of this project, so it can be pointed at any OMERO.

    {"host": "127.0.0.1", "port": 4064, "secure": true, "anonymous": false, "properties": {"IceSSL.VerifyPeer": "1"},
     "steps": [{"do": "join", "name": "…", "password": "…"}, {"do": "pixels", "images": [11, 12]}, {"do": "leave"}]}

The plan is one line of standard input, the results are one line of standard output. A step's "group" is the
`omero.group` of the call, its "user" the `omero.user`. Without a "group" the thumbnail steps look into the group of the
image they name, found by the step "pixels". A thumbnail in a result is base64. A result is {"ok": …} or
{"error": {"type": "omero.QueryException", "message": "…"}}. The step "pause" prints the line {"paused": true} and
goes on after the next line of input.
"""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import sys
from typing import Any

import Ice
import omero
import omero.api
import omero.clients
import omero.sys
from omero.rtypes import rint, rlist, rlong

PIXELS_OF_IMAGES = (
    "select p.id, i.id, i.details.group.id, i.details.owner.id from Pixels p join p.image i where i.id in (:ids)"
)
SECTION_OF_RENDERING_DEF = "select r.defaultZ, r.defaultT from RenderingDef r where r.id = :id"

ANONYMOUS = {"IceSSL.Ciphers": "ADH:@SECLEVEL=0", "IceSSL.Protocols": "tls1_0,tls1_1,tls1_2"}


def _size(size: Any) -> Any:
    return None if size is None else rint(size)


def _rows(answer: Any) -> list[list[Any]]:
    return [[value.val for value in row] for row in answer]


class Client:
    """One `omero.client` after the other, and one ThumbnailStore at a time."""

    def __init__(self, plan: dict[str, Any]) -> None:
        scheme = "ssl" if plan["secure"] else "tcp"
        self._properties = {
            "omero.host": plan["host"] if "://" in plan["host"] else f"{scheme}://{plan['host']}:{plan['port']}",
            **(ANONYMOUS if plan["anonymous"] else {}),
            **plan["properties"],
        }
        self._client: Any = None
        self._store: Any = None
        self._group: dict[int, int] = {}
        self._pixels: dict[int, int] = {}
        self._image: Any = None

    @property
    def _session(self) -> Any:
        return self._client.getSession()

    def _context(self, step: dict[str, Any], image: Any = None) -> dict[str, str]:
        context = dict(self._client.getImplicitContext().getContext())
        group = step.get("group", self._group.get(image))
        if group is not None:
            context["omero.group"] = str(group)
        if "user" in step:
            context["omero.user"] = str(step["user"])
        return context

    def join(self, step: dict[str, Any]) -> str:
        """The session's key, as every OMERO client gets at it: the name in the identity of its ServiceFactory."""
        self._client = omero.client(pmap=self._properties)
        self._client.setAgent("conformance")
        if step.get("without_uuid"):
            self._client.getImplicitContext().remove(omero.constants.CLIENTUUID)
        try:
            self._client.createSession(step["name"], step["password"])
        except BaseException:
            self.leave(step)
            raise
        return str(self._client.getSessionId())

    def leave(self, step: dict[str, Any]) -> None:
        client, self._client = self._client, None
        client.closeSession()

    def forget(self, step: dict[str, Any]) -> None:
        """Leave if the plan did not, without minding that OMERO may be gone."""
        if self._client is not None:
            with contextlib.suppress(Ice.Exception):
                self.leave({})

    def leave_and_detach(self, step: dict[str, Any]) -> None:
        self.detach(step)
        self.leave(step)

    def detach(self, step: dict[str, Any]) -> None:
        self._session.detachOnDestroy()

    def event_context(self, step: dict[str, Any]) -> dict[str, Any]:
        context = self._session.getAdminService().getEventContext(self._context(step))
        return {
            "userId": context.userId,
            "userName": context.userName,
            "groupId": context.groupId,
            "isAdmin": context.isAdmin,
            "memberOfGroups": list(context.memberOfGroups),
            "leaderOfGroups": list(context.leaderOfGroups),
        }

    def set_group(self, step: dict[str, Any]) -> int:
        """Which group was the default one before."""
        before = self._session.setSecurityContext(omero.model.ExperimenterGroupI(step["group"], False))
        return int(before.id.val)

    def pixels(self, step: dict[str, Any]) -> list[list[Any]]:
        """Rows of Pixels, image, group and owner."""
        parameters = omero.sys.ParametersI().add("ids", rlist([rlong(image) for image in step["images"]]))
        context = self._context({"group": -1, **step})
        rows = _rows(self._session.getQueryService().projection(PIXELS_OF_IMAGES, parameters, context))
        for pixels, image, group, _ in rows:
            self._pixels[image], self._group[image] = pixels, group
        return rows

    def section(self, step: dict[str, Any]) -> list[list[Any]]:
        """Rows of default z and t, one or none."""
        parameters = omero.sys.ParametersI().addId(step["rendering_def"])
        context = self._context({"group": -1, **step})
        return _rows(self._session.getQueryService().projection(SECTION_OF_RENDERING_DEF, parameters, context))

    def projection(self, step: dict[str, Any]) -> list[list[Any]]:
        return _rows(self._session.getQueryService().projection(step["query"], None, self._context(step)))

    def store(self, step: dict[str, Any]) -> None:
        self._store = self._session.createThumbnailStore()

    def close_store(self, step: dict[str, Any]) -> None:
        self._store.close()

    def set_pixels(self, step: dict[str, Any]) -> bool:
        self._image = step["image"]
        pixels = step.get("pixels", self._pixels.get(self._image, -1))
        return bool(self._store.setPixelsId(pixels, self._context(step, self._image)))

    def in_progress(self, step: dict[str, Any]) -> bool:
        return bool(self._store.isInProgress())

    def set_rendering_def(self, step: dict[str, Any]) -> None:
        self._store.setRenderingDefId(step["rendering_def"], self._context(step, self._image))

    def get_rendering_def(self, step: dict[str, Any]) -> int:
        return int(self._store.getRenderingDefId())

    def reset_defaults(self, step: dict[str, Any]) -> None:
        self._store.resetDefaults(self._context(step, self._image))

    def exists(self, step: dict[str, Any]) -> bool:
        width, height = step["size"]
        return bool(self._store.thumbnailExists(rint(width), rint(height), self._context(step, self._image)))

    def thumbnail(self, step: dict[str, Any]) -> str:
        """One thumbnail of the image that is set: "size" is the longest side or [width, height]."""
        context = self._context(step, self._image)
        size = step["size"]
        sizes = [_size(one) for one in size] if isinstance(size, list) else [_size(size)]
        by = "" if isinstance(size, list) else "ByLongestSide"
        if "z" in step:
            ask = getattr(self._store, f"getThumbnailForSection{by}Direct")
            return _base64(ask(step["z"], step["t"], *sizes, context))
        ask = getattr(self._store, f"getThumbnail{by}{'Direct' if step.get('direct') else ''}")
        return _base64(ask(*sizes, context))

    def thumbnail_at_once(self, step: dict[str, Any]) -> list[str]:
        """The same thumbnail "times" times, asked for without waiting for the one before."""
        size, context = _size(step["size"]), self._context(step, self._image)
        asked = [self._store.begin_getThumbnailByLongestSide(size, _ctx=context) for _ in range(step["times"])]
        return [_base64(self._store.end_getThumbnailByLongestSide(one)) for one in asked]

    def thumbnails(self, step: dict[str, Any]) -> dict[str, str]:
        """Many thumbnails by Pixels id, an empty string for those that came empty."""
        context = self._context(step, step["images"][0])
        pixels = [self._pixels.get(image, 1_000_000 + image) for image in step["images"]]
        size = step["size"]
        if isinstance(size, list):
            answer = self._store.getThumbnailSet(*(_size(one) for one in size), pixels, context)
        else:
            answer = self._store.getThumbnailByLongestSideSet(_size(size), pixels, context)
        return {str(key): _base64(value) for key, value in answer.items()}

    def pause(self, step: dict[str, Any]) -> None:
        print(json.dumps({"paused": True}), flush=True)
        sys.stdin.readline()

    def keep_alive(self, step: dict[str, Any]) -> bool:
        return bool(self._session.keepAlive(self._store))

    def keep_all_alive(self, step: dict[str, Any]) -> int:
        return int(self._session.keepAllAlive([]))


def _base64(answer: Any) -> str:
    return base64.b64encode(bytes(answer)).decode() if answer else ""


def _result(client: Client, step: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"ok": getattr(client, step["do"])(step)}
    except Exception as raised:
        kind = type(raised)
        message = getattr(raised, "reason", getattr(raised, "message", None)) or str(raised)
        return {"error": {"type": f"{kind.__module__}.{kind.__qualname__}", "message": message}}


def main() -> None:
    logging.disable(logging.WARNING)
    plan = json.loads(sys.stdin.readline())
    client = Client(plan)
    try:
        results = [_result(client, step) for step in plan["steps"]]
    finally:
        client.forget({})
    print(json.dumps(results))


if __name__ == "__main__":
    main()
