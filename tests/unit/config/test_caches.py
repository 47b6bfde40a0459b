"""What the keys of `cache` come to: each 0 means what it says, and one key is the way back."""

from __future__ import annotations

from pathlib import Path

import pytest

from omero_ms_thumbnail.config import Settings
from omero_ms_thumbnail.config.loading import load_settings
from omero_ms_thumbnail.parts import caches
from omero_ms_thumbnail.thumbnails.caches import Caches


def _settings(folder: Path, cache: str) -> Settings:
    file = folder / "config.yaml"
    file.write_text(f"omero: {{host: 127.0.0.1}}\nsession-store: {{type: memory}}\ncache: {{{cache}}}\n")
    return load_settings(file, {})


def _caches(folder: Path, cache: str) -> Caches:
    settings = _settings(folder, cache)
    return caches(settings, settings.omero.all_servers[0])


def test_by_default_pictures_are_kept_for_a_day_and_omero_is_believed_for_seconds(tmp_path: Path) -> None:
    made = _caches(tmp_path, "")
    assert made.by_content
    assert made.facts_life == 5
    assert made.memory is not None
    assert made.memory.life == 86_400
    assert made.shared is None


def test_each_zero_means_what_it_says(tmp_path: Path) -> None:
    asking = _caches(tmp_path, "life: 0")
    assert asking.facts_life == 0
    assert asking.memory is not None
    keeping_none = _caches(tmp_path, "picture-life: 0")
    assert (keeping_none.memory, keeping_none.shared) == (None, None)
    assert keeping_none.facts_life == 5
    assert _caches(tmp_path, "memory: 0").memory is None


def test_the_way_back_is_one_key(tmp_path: Path) -> None:
    made = _caches(tmp_path, "by-content: false, redis-uri: 'redis://127.0.0.1:6379/3'")
    assert not made.by_content
    assert (made.memory, made.shared) == (None, None)


@pytest.mark.parametrize(
    ("cache", "is_said"), [("life: 600", True), ("life: 60", True), ("life: 5", False), ("", False)]
)
def test_a_file_of_before_is_told_what_its_key_means_now(tmp_path: Path, cache: str, is_said: bool) -> None:
    notes = [note for note in _settings(tmp_path, cache).notes if "cache.life" in note]
    assert bool(notes) is is_said
    assert all("cache.picture-life" in note for note in notes)
