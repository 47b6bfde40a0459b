"""Through nginx to this service, or to OMERO.web itself: the answers are the same, or differ as documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real.stack.cases import Difference, all_cases
from tests.real.stack.running import Stack
from tests.real.stack.side_by_side import SideBySide, differences, table
from tests.real.stack.visitor import Visitor
from tests.support.parts import ROOT

_DOCUMENT = ROOT / "docs" / "compatibility.md"


def test_answers_are_those_of_omero_web(stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = all_cases()
    assert len(cases) >= 300
    with SideBySide(stack, ("alice", "bob", "root")) as side_by_side:
        outcomes = [side_by_side.ask(case) for case in cases]
    (tmp_path / "differences.txt").write_text(differences(outcomes))
    with capsys.disabled():
        print(f"\n{table(outcomes)}\n      in full: {tmp_path / 'differences.txt'}")
    unexpected = [str(outcome) for outcome in outcomes if not outcome.is_as_expected]
    assert not unexpected, "\n".join(unexpected)


def test_the_document_counts_right() -> None:
    assert f"{len(all_cases())} URLs" in _DOCUMENT.read_text()


@pytest.mark.parametrize("difference", Difference, ids=lambda difference: difference.name)
def test_every_difference_is_asked_for_and_documented(difference: Difference) -> None:
    assert any(case.differs is difference for case in all_cases())
    assert f"| {difference.value} |" in _DOCUMENT.read_text()


def test_an_image_that_is_not_there_has_something_to_show(stack: Stack) -> None:
    visitor = Visitor(stack.address)
    visitor.log_in("alice")
    path = "/webclient/render_thumbnail/99999/"
    for_img = visitor.client.get(path, headers={"accept": "image/avif,image/webp,image/*,*/*;q=0.8"})
    assert (for_img.status_code, for_img.headers["content-type"]) == (404, "image/svg+xml")
    for other in ("text/html,application/xhtml+xml,image/webp;q=0.8", "*/*", "application/json"):
        answer = visitor.client.get(path, headers={"accept": other})
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/plain; charset=utf-8")
    # only where there is no image: whoever is not logged in sees no placeholder, here as there
    visitor.client.cookies.clear()
    refused = visitor.client.get(path, headers={"accept": "image/*"})
    assert (refused.status_code, refused.headers["content-type"]) == (403, "text/plain; charset=utf-8")
    visitor.close()
