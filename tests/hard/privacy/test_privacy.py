"""Nobody gets another's picture: every answer of a busy while is one that OMERO itself would have given."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.hard.privacy.town import busy_while

pytestmark = pytest.mark.long

#: how long sessions believe what they were told, in seconds
LIFE = 1.0

SEED = int(os.environ.get("PRIVACY_SEED", "7"))
ANSWERS = int(os.environ.get("PRIVACY_ANSWERS", "2500"))


def test_every_answer_is_one_that_omero_would_have_given(tmp_path: Path, redis_port: int) -> None:
    watch = busy_while(tmp_path, redis_port, SEED, answers=ANSWERS, seconds=600, life=LIFE)
    print(f"seed {SEED}: {watch}")
    assert watch.unanswered == 0
    # all of it has happened
    assert min(watch.shown, watch.refused) > ANSWERS / 20
    assert watch.logged_out > 0
    assert watch.torn < ANSWERS / 20
