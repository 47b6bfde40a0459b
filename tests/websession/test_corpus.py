"""What was found to be worth a look by fuzzing, and what fuzzing begins with: no crash and no hang."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.websession.decoding import decode_everywhere

CORPUS = sorted(Path(__file__).with_name("corpus").iterdir())


def test_there_is_a_corpus() -> None:
    assert len(CORPUS) >= 40


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.name)
def test_of_the_corpus(file: Path) -> None:
    data = file.read_bytes()
    began = time.thread_time()
    decode_everywhere(data)
    assert time.thread_time() - began < 0.1
