"""What fuzzing begins with, and what it has found: no failure, and no hang."""

from __future__ import annotations

import importlib
import time
from pathlib import Path

import pytest

from tests.hard.fuzz.targets import TARGETS, Target

#: of the processor, for one input; the slowest takes a tenth of it
SECONDS_MAX = 0.5

SEEDS = [(target, seed) for target in TARGETS.values() for seed in target.seeds]


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_there_is_a_corpus_and_it_is_small(target: Target) -> None:
    assert len(target.seeds) >= 20
    assert sum(seed.stat().st_size for seed in target.seeds) < 200_000


@pytest.mark.parametrize(("target", "seed"), SEEDS, ids=[f"{target.name}-{seed.name}" for target, seed in SEEDS])
def test_of_a_corpus(target: Target, seed: Path) -> None:
    function = getattr(importlib.import_module(target.module), target.function)
    data = seed.read_bytes()
    began = time.thread_time()
    function(data)
    assert time.thread_time() - began < SECONDS_MAX
