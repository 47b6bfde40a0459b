"""A read-only OMERO: what is stored is shown, the rest is drawn without storing it, as by OMERO.web's single views."""

from __future__ import annotations

from omero_embedded.model.data import ImageState
from tests.unit.thumbnails.model_session import Asker
from tests.unit.thumbnails.test_true_to_omero import rows_of, settings_of, stage_of


async def test_what_cannot_be_stored_is_drawn_all_the_same() -> None:
    stage = stage_of("rwrw--", ["owner saves red"], ["owner saves green"], ["owner saves blue", "owner stores 96"], [])
    stage.server.limits.read_only = True
    async with Asker(stage, "owner") as owner:
        pictures = await owner.see(0, 1, 2)
        assert pictures == [[96, 72, "red"], [96, 72, "green"], [96, 72, "blue"]]
        # without settings there is nothing to draw with, and none can be made
        assert await owner.see(3) == ["ImageUnavailable"]
        asked = owner.session.count("getConfigValues")
        # known by now: nothing is refused any more
        refused = owner.session.count("getThumbnailByLongestSideSet")
        assert await owner.see(0, 1, version="2") == pictures[:2]
        assert owner.session.count("getConfigValues") == asked
        assert owner.session.count("getThumbnailByLongestSideSet") == refused
    for number in range(4):
        assert rows_of(stage, number) == ({"owner": ["96x72"]} if number == 2 else {})
    assert settings_of(stage, 3) == {}


async def test_an_omero_that_can_be_written_to_refuses_for_another_reason() -> None:
    stage = stage_of("rwrw--", ["owner saves red"], ["owner saves green"])
    stage.image(1).state = ImageState.FAILING
    async with Asker(stage, "owner") as owner:
        assert await owner.see(1) == ["ImageUnavailable"]
        assert owner.session.count("getThumbnailByLongestSideDirect") == 0
        assert await owner.see(0) == [[96, 72, "red"]]
        assert rows_of(stage, 0) == {"owner": ["96x72"]}
