"""ZeroC's own Ice as a server or as a client for the tests. Runs alone, on the Python that has ``zeroc-ice``.

``peer.py server`` prints the port it listens on and serves until its input ends. ``peer.py client`` reads calls, one
JSON object a line, and prints what came of each:

    {"endpoint": "tcp -h 127.0.0.1 -p 4063", "operation": "echoNode", "arguments": [description, …], "encoding": "1.0",
     "how": "twoway" | "oneway" | "batch", "facet": "", "identity": "peer"}
    {"ok": description} or {"error": type, "members": {…}}
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import Ice

sys.path.insert(0, str(Path(__file__).parent))
from graphs import build, describe

Ice.loadSlice(str(Path(__file__).with_name("sample.ice")))
import Sample  # noqa: E402 - made by the line above

SETTINGS = {
    "Ice.Default.Host": "127.0.0.1",
    "Ice.Override.Timeout": "10000",
    # a call that fails is reported, not tried again
    "Ice.RetryIntervals": "-1",
    "Ice.ThreadPool.Server.Size": "4",
    "Ice.Warn.Dispatch": "0",
    "Ice.Warn.Connections": "0",
    # a stock OMERO's, of which an OMERO client can have nothing but anonymous Diffie-Hellman
    "Ice.Plugin.IceSSL": "IceSSL:createIceSSL",
    "IceSSL.Ciphers": "ADH:@SECLEVEL=0",
    "IceSSL.Protocols": "tls1_0,tls1_1,tls1_2",
    "IceSSL.VerifyPeer": "0",
}


def _made(name: str) -> Any:
    if name == "null":
        return None
    inner = Sample.Circle("inner", 0.5)
    disc = Sample.Disc("disc", 2.0, "red", inner)
    return {"circle": Sample.Circle("circle", 1.5), "disc": disc, "shape": Sample.Shape("shape")}[name]


def _failure(kind: str) -> Exception:
    culprit = Sample.Circle("culprit", 3.5)
    return {
        "failure": Sample.Failure("plain"),
        "detailed": Sample.DetailedFailure("detailed", 7, culprit),
        "novel": Sample.Novel("novel", 8, culprit, "more", Sample.Shape("witness")),
        "strange": Sample.Strange(culprit),
        "undeclared": RuntimeError("undeclared"),
    }[kind]


class PeerI(Sample.Peer):
    """Echoes, or makes what it is asked for."""

    def _echo(self, value: Any, current: Any = None) -> Any:
        return value

    # Slice's names
    echoEverything = echoEverythingSliced = _echo  # noqa: N815
    echoNode = echoNodeSliced = _echo  # noqa: N815
    echoShape = echoShapeSliced = _echo  # noqa: N815
    echoProxies = _echo  # noqa: N815

    def seen(self, value: Any, current: Any = None) -> str:
        return json.dumps(describe(value))

    seenSliced = seen  # noqa: N815

    def makeShape(self, name: str, current: Any = None) -> Any:  # noqa: N802
        return _made(name)

    makeShapeSliced = makeShape  # noqa: N815

    def makeTagged(self, current: Any = None) -> Any:  # noqa: N802
        shape = Sample.Circle("optional", 4.5)
        return Sample.TaggedFurther(5, 1, 2, 3, 4.0, "text", ["a", "b"], [1, 2, 3], shape, "late", 6)

    makeTaggedSliced = makeTagged  # noqa: N815

    def withOptional(self, value: int, current: Any = None) -> Any:  # noqa: N802
        return value, "more", Sample.Circle("out", 5.5)

    def fail(self, kind: str, current: Any = None) -> None:
        raise _failure(kind)

    failSliced = fail  # noqa: N815

    def twice(self, value: int, current: Any = None) -> int:
        return 2 * value

    def note(self, text: str, current: Any = None) -> None:
        pass

    def context(self, key: str, current: Any = None) -> str:
        return str(current.ctx.get(key, ""))


def serve(communicator: Any) -> None:
    """Serve until the input ends."""
    adapter = communicator.createObjectAdapterWithEndpoints("peer", "tcp -p 0:ssl -p 0")
    adapter.add(PeerI(), communicator.stringToIdentity("peer"))
    adapter.addFacet(PeerI(), communicator.stringToIdentity("peer"), "side")
    adapter.activate()
    print(json.dumps([endpoint.getInfo().port for endpoint in adapter.getEndpoints()]), flush=True)
    sys.stdin.read()


def _proxy(communicator: Any, plan: dict[str, Any]) -> Any:
    proxy = communicator.stringToProxy(f"{plan.get('identity', 'peer')}:{plan['endpoint']}")
    if plan.get("facet"):
        proxy = proxy.ice_facet(plan["facet"])
    if plan.get("encoding") == "1.0":
        proxy = proxy.ice_encodingVersion(Ice.Encoding_1_0)
    how = plan.get("how", "twoway")
    if how == "oneway":
        proxy = proxy.ice_oneway()
    if how == "batch":
        proxy = proxy.ice_batchOneway()
    return Sample.PeerPrx.uncheckedCast(proxy)


def _call(communicator: Any, plan: dict[str, Any]) -> dict[str, Any]:
    classes = vars(Sample)
    try:
        proxy = _proxy(communicator, plan)
        arguments = [build(argument, classes) for argument in plan.get("arguments", [])]
        result = getattr(proxy, plan["operation"])(*arguments)
        if plan.get("how") == "batch":
            proxy.ice_flushBatchRequests()
    except Ice.Exception as error:
        members = {name: member for name, member in vars(error).items() if isinstance(member, (str, int))}
        if isinstance(error, Ice.UserException):
            members = {name: describe(member) for name, member in vars(error).items()}
        return {"error": type(error).__name__, "members": members}
    return {"ok": describe(result)}


def call(communicator: Any) -> None:
    """Carry out the calls on the input."""
    print(json.dumps(Ice.stringVersion()), flush=True)
    for line in sys.stdin:
        print(json.dumps(_call(communicator, json.loads(line))), flush=True)


def main(role: str) -> None:
    """Be what `role` says."""
    data = Ice.InitializationData()
    data.properties = Ice.createProperties()
    for key, value in SETTINGS.items():
        data.properties.setProperty(key, value)
    communicator = Ice.initialize(data)
    try:
        {"server": serve, "client": call}[role](communicator)
    finally:
        communicator.destroy()


if __name__ == "__main__":
    main(sys.argv[1])
