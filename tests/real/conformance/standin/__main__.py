"""Start the stand-in: the world as JSON on the first line of standard input, then commands; see control.py.

It prints {"port": …} when it listens on 127.0.0.1, and ends when its input ends. With the argument "lean" it keeps no
log of calls and draws each picture once, as lean.py says.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import Ice
import omero.clients
import omero.rtypes
from omero import ObjectFactoryRegistrar

# the model of OMERO runs on any Python, and is not installed in this one
sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "src"))

from tests.real.conformance.standin.control import obey
from tests.real.conformance.standin.lean import LEAN_PROPERTIES, LeanSessionManagerI, LeanStage
from tests.real.conformance.standin.sessions import PermissionsVerifierI, SessionManagerI
from tests.real.conformance.standin.stage import Stage

#: What etc/templates/grid/templates.xml gives Blitz ("Basics", "MultiThreaded"), which matters to a client.
PROPERTIES = {
    "Ice.MessageSizeMax": "65536",
    "Ice.CacheMessageBuffers": "0",
    "Ice.Override.ConnectTimeout": "5000",
    "Ice.ThreadPool.Client.Size": "2",
    "Ice.ThreadPool.Client.SizeMax": "50",
    "Ice.ThreadPool.Server.Size": "10",
    "Ice.ThreadPool.Server.SizeMax": "100",
    "Ice.Warn.Dispatch": "0",
    "Ice.Warn.Connections": "0",
}


def main() -> None:
    settings = Ice.InitializationData()
    settings.properties = Ice.createProperties()
    lean = sys.argv[1:] == ["lean"]
    for name, value in (PROPERTIES | (LEAN_PROPERTIES if lean else {})).items():
        settings.properties.setProperty(name, value)
    communicator = Ice.initialize(settings)
    try:
        ObjectFactoryRegistrar.registerObjectFactory(communicator, None)
        for factory in omero.rtypes.ObjectFactories.values():
            factory.register(communicator)
        adapter = communicator.createObjectAdapterWithEndpoints("BlitzAdapter", "tcp -h 127.0.0.1")
        stage = (LeanStage if lean else Stage)(adapter, json.loads(sys.stdin.readline()))
        adapter.add(PermissionsVerifierI(stage), Ice.Identity("BlitzVerifier", ""))
        manager = (LeanSessionManagerI if lean else SessionManagerI)(stage)
        adapter.add(manager, Ice.Identity("BlitzManager", ""))
        adapter.activate()
        print(json.dumps({"port": adapter.getEndpoints()[0].getInfo().port}), flush=True)
        obey(stage, sys.stdin, sys.stdout)
    finally:
        communicator.shutdown()
        stage.gate.open()
        stage.release()
        communicator.destroy()


if __name__ == "__main__":
    main()
