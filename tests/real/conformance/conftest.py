"""Fixtures: an OMERO built on the official Ice stubs behind the real glacier2router, and the official client.

`omero_standin` (function scope; the processes are the session's, each test begins with `reset`):

    omero_standin.plain | .adh | .self_signed | .ca_signed      routers; `.routers` has them by name
        .host .port .secure .ca_file .pid                       ca_file: PEM to verify with, None where there is none
        .kill() .restart() .pause() .resume() .accepts()        restart: on the same port
    omero_standin.stats()                                       dict: calls {operation: n}, joins, refused, overlaps,
                                                                without_client_uuid {operation: n}, left_open [name],
                                                                sessions [key], clients {uuid: {key, agent, present,
                                                                detachOnDestroy, services_created, services_closed}}
    omero_standin.calls("getThumbnailByLongestSideSet")         [{arguments, client, group, user}] in order of arrival
    omero_standin.set_image(11, behaviour="held")               see standin/world.py for behaviours
    omero_standin.release()                                     let go of "held" images
    omero_standin.wait_for("setPixelsId", 2)                    until so many calls have come in; no sleeping
    omero_standin.wait_until_left()                             until every join is destroyed
    omero_standin.start_session("alice"), .end_session(KEY), .end_session(KEY, "RemovedSessionException")
    omero_standin.fail("setPixelsId", "TryAgain", times=2)      the next calls, whatever they are about
    omero_standin.freeze(), .thaw()                             OMERO accepts calls and answers none
    omero_standin.start_router(session_timeout=1)               one more plain router, whose sessions time out
    omero_standin.reset(world)                                  another world for this test

All of these block for a moment; those that wait go into `asyncio.to_thread` in a coroutine. A name of the world
(`ALICE_KEY`, `LAB`, `pixels(11)`, `WORLD`, …) is imported from `tests.real.conformance.harness`; what a thumbnail shows
is read with `tests.real.conformance.standin.pictures.what_is_shown(jpeg)`: width, height and either clock, or image,
rendering_def, z, t.

`official_client`: `.run(host, port, steps, secure=…, anonymous=…)` and `.run_at(router, steps)` run omero-py's
`omero.client` in a process of its own, with `at_pause=` called where the plan says {"do": "pause"};
`harness.tour(…)` is a plan with its expectations for any OMERO, `harness.surprises(steps, results)` what did not come
as expected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.real.conformance.harness import OfficialClient, OmeroStandin
from tests.support.parts import require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def _standin_processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OmeroStandin]:
    folder = tmp_path_factory.mktemp("omero-standin")
    standin = OmeroStandin(require("omero-py (Python 3.10)"), require("glacier2router"), folder)
    yield standin
    standin.stop()


@pytest.fixture
def omero_standin(request: pytest.FixtureRequest) -> OmeroStandin:
    """The stand-in and its routers, as new."""
    require("omero-py (Python 3.10)")
    require("glacier2router")
    standin: OmeroStandin = request.getfixturevalue("_standin_processes")
    standin.reset()
    return standin


@pytest.fixture
def official_client(tmp_path: Path) -> OfficialClient:
    """omero-py's client."""
    return OfficialClient(require("omero-py (Python 3.10)"), tmp_path)
