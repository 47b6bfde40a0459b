"""A user's folder: every format, and every way a file can be bad."""

from __future__ import annotations

import logging
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from omero_embedded.images import unreadable
from omero_embedded.images.from_folder import NoPictures, pictures_from_folder
from omero_embedded.images.picture import Picture
from omero_embedded.images.render import render_jpeg
from omero_embedded.images.rendering import default_settings
from omero_embedded.images.unreadable import UnreadablePicture

from .jpegs import pixels

_RNG = np.random.default_rng(5)


def _ramp(height: int, width: int, top: int = 255) -> np.ndarray:
    return np.broadcast_to(np.linspace(0, top, width), (height, width))


def _one(folder: Path) -> Picture:
    (picture,) = pictures_from_folder(folder)
    return picture


def _shown(picture: Picture, width: int, height: int) -> np.ndarray:
    return pixels(render_jpeg(picture, default_settings(picture), width, height, quality=95))


def _huge_png(path: Path, width: int, height: int) -> None:
    """A PNG of a few hundred bytes that claims to be width x height pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.JPEG", "a.tif"])
def test_colour_pictures(tmp_path: Path, name: str) -> None:
    rgb = np.zeros((60, 80, 3), np.uint8)
    rgb[:, :40] = (200, 30, 30)
    rgb[:, 40:] = (20, 40, 220)
    if name.endswith("tif"):
        tifffile.imwrite(tmp_path / name, rgb, photometric="rgb")
    else:
        Image.fromarray(rgb).save(tmp_path / name)
    picture = _one(tmp_path)
    assert (picture.name, picture.size_x, picture.size_y) == (name, 80, 60)
    assert (picture.size_z, picture.size_t) == (1, 1)
    assert [channel.name for channel in picture.channels] == ["Red", "Green", "Blue"]
    seen = _shown(picture, 40, 30)
    assert seen[15, 8] == pytest.approx((200, 30, 30), abs=10)
    assert seen[15, 32] == pytest.approx((20, 40, 220), abs=10)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_kind_of_png(tmp_path: Path, mode: str) -> None:
    grey = Image.fromarray(_ramp(40, 60).astype(np.uint8))
    image = Image.fromarray((_ramp(40, 60, 4095)).astype(np.uint16)) if mode == "I;16" else grey.convert(mode)
    image.save(tmp_path / "a.png")
    seen = _shown(_one(tmp_path), 60, 40)
    assert seen[:, :6].mean() < 30
    assert seen[:, -6:].mean() > 225


def test_a_palette_with_transparency(tmp_path: Path) -> None:
    image = Image.new("P", (20, 20), 1)
    image.putpalette([0, 0, 0, 250, 10, 10])
    image.save(tmp_path / "a.png", transparency=bytes([0, 128]))
    assert _shown(_one(tmp_path), 20, 20)[10, 10] == pytest.approx((250, 10, 10), abs=8)


def test_a_cmyk_jpeg(tmp_path: Path) -> None:
    Image.new("CMYK", (30, 30), (0, 255, 255, 0)).save(tmp_path / "a.jpg")
    assert _shown(_one(tmp_path), 30, 30)[15, 15] == pytest.approx((254, 0, 0), abs=10)


def test_a_large_jpeg_is_kept_small_and_keeps_its_size(tmp_path: Path) -> None:
    Image.fromarray(_ramp(1500, 3000).astype(np.uint8)).save(tmp_path / "a.jpg")
    picture = _one(tmp_path)
    assert (picture.size_x, picture.size_y) == (3000, 1500)
    seen = _shown(picture, 96, 48)
    assert seen[:, 2].mean() < 20
    assert seen[:, -3].mean() > 235


@pytest.mark.parametrize("kind", [np.uint16, np.int16, np.float32, np.uint32])
def test_deep_samples_are_scaled_by_percentiles(tmp_path: Path, kind: type) -> None:
    plane = _ramp(100, 100, 900).astype(kind) + kind(100)
    plane[3, 3] = kind(30000)
    tifffile.imwrite(tmp_path / "a.tif", plane)
    seen = _shown(_one(tmp_path), 100, 100)
    assert seen[50, 2, 0] < 20
    assert seen[50, 97, 0] > 235


def test_what_is_not_a_number_is_black(tmp_path: Path) -> None:
    plane = _ramp(50, 50, 1).astype(np.float32).copy()
    plane[:, 25:] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", plane)
    assert _shown(_one(tmp_path), 50, 50)[:, 30:].max() < 12


def test_an_even_plane_is_black(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.full((20, 20), 700, np.uint16))
    assert _shown(_one(tmp_path), 20, 20).max() == 0


def test_ome_tiff_has_channels_sections_and_times(tmp_path: Path) -> None:
    data = np.zeros((2, 3, 2, 40, 50), np.uint16)
    for t in range(2):
        for z in range(3):
            data[t, z, 0, :, : 10 * (z + 1)] = 4000 - 2000 * t
            data[t, z, 1, : 10 * (z + 1)] = 500
    channels = {"Name": ["DNA", "Actin"], "Color": [0x0000FFFF, struct.unpack(">i", b"\xff\x80\x00\xff")[0]]}
    metadata = {"axes": "TZCYX", "Channel": channels}
    tifffile.imwrite(tmp_path / "a.ome.tif", data, metadata=metadata, photometric="minisblack", compression="zlib")
    picture = _one(tmp_path)
    assert (picture.size_x, picture.size_y, picture.size_z, picture.size_t) == (50, 40, 3, 2)
    assert [(channel.name, channel.color) for channel in picture.channels] == [
        ("DNA", (0, 0, 255)),
        ("Actin", (255, 128, 0)),
    ]
    for z in range(3):
        dna, actin = picture.intensities(50, 40, z, 0)
        assert (dna[35] > 0.9).sum() == 10 * (z + 1)
        assert (actin[:, 45] > 0.9).sum() == 10 * (z + 1)
    later = picture.intensities(50, 40, 1, 1)[0]
    assert later[35, 5] == pytest.approx(0.5, abs=0.02)


def test_an_imagej_hyperstack_in_one_piece(tmp_path: Path) -> None:
    data = np.zeros((4, 3, 30, 30), np.uint8)
    for z in range(4):
        data[z, 1, : 7 * (z + 1)] = 255
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, metadata={"axes": "ZCYX"})
    picture = _one(tmp_path)
    assert (picture.size_z, len(picture.channels)) == (4, 3)
    assert [(picture.intensities(30, 30, z, 0)[1][:, 4] > 0.5).sum() for z in range(4)] == [7, 14, 21, 28]


def test_colours_of_imagej(tmp_path: Path) -> None:
    rising = np.arange(256, dtype=np.uint8)
    tables = [np.stack([rising, rising * 0, rising]), np.stack([rising * 0, rising, rising * 0])]
    data = _RNG.integers(0, 255, (2, 20, 20), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, metadata={"axes": "CYX", "LUTs": tables})
    assert [channel.color for channel in _one(tmp_path).channels] == [(255, 0, 255), (0, 255, 0)]


def test_plain_pages_are_sections(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for page in range(5):
            writer.write(np.full((24, 24), page * 50, np.uint8), contiguous=False, metadata=None)
    picture = _one(tmp_path)
    assert picture.size_z == 5
    assert [round(float(picture.intensities(4, 4, z, 0)[0].mean() * 255)) for z in range(5)] == [0, 50, 100, 150, 200]


def test_separate_colour_planes(tmp_path: Path) -> None:
    planes = np.stack([np.full((20, 30), value, np.uint8) for value in (10, 120, 240)])
    tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    assert _shown(_one(tmp_path), 30, 20)[10, 10] == pytest.approx((10, 120, 240), abs=6)


def test_lzw_needs_no_further_library(tmp_path: Path) -> None:
    Image.fromarray(_ramp(40, 60).astype(np.uint8)).save(tmp_path / "a.tif", compression="tiff_lzw")
    seen = _shown(_one(tmp_path), 60, 40)
    assert seen[:, :4].mean() < 25
    assert seen[:, -4:].mean() > 230


def test_a_pyramid_is_read_at_a_small_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = _ramp(1200, 2400).astype(np.uint8)
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as writer:
        writer.write(full, subifds=2, tile=(256, 256), metadata={"axes": "YX"})
        writer.write(full[::2, ::2], subfiletype=1, tile=(256, 256))
        writer.write(full[::4, ::4], subfiletype=1, tile=(256, 256))
    # Only the smallest level is within this limit.
    monkeypatch.setattr(unreadable, "MAX_PIXELS", 600 * 300)
    picture = _one(tmp_path)
    assert (picture.size_x, picture.size_y) == (2400, 1200)
    assert _shown(picture, 96, 48)[:, -3].mean() > 235


def test_bad_files_are_left_out_with_one_warning_each(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    good = Image.fromarray(_RNG.integers(0, 255, (200, 200, 3), np.uint8))
    good.save(tmp_path / "good.png")
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.tif").write_text("no image at all")
    good.save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:2000])
    (tmp_path / "whole.jpg").unlink()
    tifffile.imwrite(tmp_path / "whole.tif", np.asarray(good), compression="zlib")
    (tmp_path / "cut.tif").write_bytes((tmp_path / "whole.tif").read_bytes()[:3000])
    (tmp_path / "whole.tif").unlink()
    _huge_png(tmp_path / "bomb.png", 60000, 60000)
    _huge_png(tmp_path / "large.png", 9000, 9000)
    (tmp_path / "notes.txt").write_text("no picture, no warning")
    with caplog.at_level(logging.WARNING):
        assert [picture.name for picture in pictures_from_folder(tmp_path)] == ["good.png"]
    bad = ["bomb.png", "cut.jpg", "cut.tif", "empty.jpg", "large.png", "text.tif"]
    messages = [record.getMessage() for record in caplog.records]
    assert [message.split(":")[0] for message in messages] == [f"left out {name}" for name in bad]
    assert "far too many pixels" in messages[0]
    assert "9000 x 9000 pixels are too many, the limit is 64 megapixels" in messages[4]
    assert all(len(message.split(": ", 1)[1]) > 10 for message in messages)


def test_a_tiff_that_claims_to_be_huge_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((16, 16), np.uint8), tile=(16, 16))
    data = (tmp_path / "a.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        tags = tiff.pages.first.tags
        places = [tags[name].valueoffset for name in ("ImageWidth", "ImageLength")]
    changed = bytearray(data)
    for place in places:
        changed[place : place + 2] = struct.pack("<H", 60000)
    (tmp_path / "a.tif").write_bytes(changed)
    with pytest.raises(NoPictures, match="none of its 1 PNG, JPEG and TIFF files can be read"):
        pictures_from_folder(tmp_path)
    (record,) = caplog.records
    assert "60000 x 60000 pixels are too many" in record.getMessage()


def test_a_file_that_breaks_later_says_which_plane(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    stack = _RNG.integers(0, 255, (4, 64, 64), np.uint8)
    tifffile.imwrite(path, stack, compression="zlib", photometric="minisblack", metadata={"axes": "ZYX"})
    picture = _one(tmp_path)
    path.write_bytes(path.read_bytes()[:200])
    assert picture.intensities(16, 16, 2, 0)[0].shape == (16, 16)
    with pytest.raises(UnreadablePicture, match=r"a\.tif: section 0 of time 0 cannot be decoded"):
        picture.intensities(16, 16, 0, 0)


def test_complex_pixels_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.ones((8, 8), np.complex64))
    with pytest.raises(NoPictures):
        pictures_from_folder(tmp_path)
    assert "complex numbers" in caplog.text


def test_files_come_by_name_up_to_the_limit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("c", "a", "d", "b"):
        Image.new("L", (8, 8)).save(tmp_path / f"{name}.png")
    (tmp_path / ".hidden.png").write_bytes(b"")
    assert [picture.name for picture in pictures_from_folder(tmp_path)] == ["a.png", "b.png", "c.png", "d.png"]
    assert not caplog.records
    assert [picture.name for picture in pictures_from_folder(tmp_path, limit=3)] == ["a.png", "b.png", "c.png"]
    assert "the first 3 pictures, leaving out 1 more" in caplog.text


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NoPictures, match="it holds no PNG, JPEG or TIFF file"):
        pictures_from_folder(tmp_path)
    with pytest.raises(NoPictures, match=r"there is no folder .*nowhere"):
        pictures_from_folder(tmp_path / "nowhere")
