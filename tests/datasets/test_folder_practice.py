"""What folders hold in practice: companions, depths, turned photographs, copies, odd shapes."""

import io
import json
import shutil
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.cli import main
from bench.datasets.decoding import TURNS
from bench.datasets.folder import Folder
from bench.measuring.score import score
from bench.report.drawing.tiles import in_colour, tiled
from bench.tracking.pictures import pictures
from tests.datasets.folders import CPU, dataset, levels, noise, one_line, paint

SLOPE = np.linspace(0.08, 0.8, 24)[None, :] * np.linspace(0.5, 1, 24)[:, None]
"""Gray levels 0.04 to 0.8, (24, 24)."""


def save(folder: Path, white: int, kind: type, extension: str = ".png") -> Path:
    """Write eight files, each a little darker than the one before; ``white`` stands for 1."""
    folder.mkdir()
    for number in range(8):
        values = SLOPE * (1 - number / 100) * white
        Image.fromarray(values.astype(kind)).save(folder / f"{number}{extension}")
    return folder


def prepared(folder: Path, cache: Path, **hyperparameters) -> Folder:
    one = dataset(folder, **{"size": 24, "channels": "gray", **hyperparameters})
    one.prepare(cache, CPU)
    return one


def every(one: Folder, cache: Path) -> torch.Tensor:
    """All images, in the order of the split."""
    parts = one.parts(cache)
    return torch.cat([parts.test, parts.train]).int()


def cautions(one: Folder, about: str) -> list[str]:
    return [line for line in one.protocol().get("cautions", []) if about in line]


def test_every_mode_size_spelling_link_and_name_is_one_image(tmp_path):
    folder = tmp_path / "zoo"
    colours = [Image.fromarray(np.full((24, 24, 3), 10 * n + 40, np.uint8)) for n in range(12)]
    deep = Image.fromarray(np.full((24, 24), 30_000, np.uint16))
    images = {
        "plain.png": colours[0],
        "wide.JPG": colours[1].resize((60, 30)),
        "cats/TALL.JPEG": colours[2].resize((30, 61)),
        "cats/small/gray.png": colours[3].convert("L"),
        "cats/small/bits.png": colours[4].convert("1"),
        "dogs/palette.png": colours[5].convert("P"),
        "dogs/rgba.png": colours[6].convert("RGBA"),
        "dogs/la.png": colours[7].convert("LA"),
        "dogs/cmyk.jpg": colours[8].convert("CMYK"),
        "sixteen.png": deep,
        "ünïcode 漢字/😀.png": colours[9],
        "with space/a b.webp": colours[10],
        "one_pixel.png": colours[11].resize((1, 1)),
        "ribbon.png": colours[11].resize((3000, 8)),
    }
    for name, image in images.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        image.save(folder / name)
    colours[0].save(folder / "really_a_png.jpg", format="PNG")
    (folder / "linked.png").symlink_to(folder / "plain.png")
    (folder / "dogs/up").symlink_to(folder)
    (folder / "notes.txt").write_text("no image")
    one = prepared(folder, tmp_path / "cache", size=16, channels="rgb")
    told = one.protocol()
    assert told["images"] == "16 of 16 files"
    assert len(every(one, tmp_path / "cache")) == 16
    assert told["colour modes"] == (
        "RGB (9), 1 (1), CMYK (1), I;16 (1), L (1), LA (1), P (1), RGBA (1); converted to rgb, "
        "without transparency"
    )
    assert told["sizes"].startswith(
        "24 × 24 (12), 1 × 1 (1), 30 × 61 (1), 3000 × 8 (1), 60 × 30 (1); shorter side to 16 pixels"
    )
    assert told["enlarged"] == "2 images smaller than that"
    assert told["other files"] == "1 that are no images: .txt (1)"
    assert "broken images" not in told


def test_companions_of_notebooks_zips_and_devices_are_left_out_and_counted(tmp_path):
    folder = tmp_path / "hidden"
    for number in range(8):
        file = noise(folder / f"a{number}.png", number)
        noise(folder / f".ipynb_checkpoints/a{number}-checkpoint.png", number)
        noise(folder / f"@eaDir/a{number}.png/SYNOPHOTO_THUMB_S.jpg", number, (8, 8))
        for junk in (folder / f"._{file.name}", folder / f"__MACOSX/._{file.name}"):
            junk.parent.mkdir(exist_ok=True)
            junk.write_bytes(b"\x00\x05\x16\x07" + bytes(80))
    (folder / ".DS_Store").write_bytes(b"")
    (folder / "Thumbs.db").write_bytes(b"")
    noise(folder / "$Recycle.Bin/x.png", 1)
    one = prepared(folder, tmp_path / "cache")
    told = one.protocol()
    assert told["images"] == "8 of 8 files"
    assert told["left out"] == (
        "33 image files by name: names that begin with a dot (16), @eaDir (8), __MACOSX (8), "
        "$Recycle.Bin (1)"
    )
    assert told["other files"] == "1 that are no images: .db (1)"
    assert "broken images" not in told
    # the folder itself may be hidden
    hidden = tmp_path / ".hidden"
    folder.rename(hidden)
    assert len(every(dataset(hidden), tmp_path / "cache")) == 8


def test_what_is_left_out_is_told_where_too_few_are_left(tmp_path):
    for number in range(5):
        noise(tmp_path / "set/.thumbnails" / f"{number}.png", number)
        (tmp_path / "set" / f"{number}.heic").write_bytes(b"")
    message = one_line(dataset(tmp_path / "set").content)
    assert "there are no images below it" in message
    assert "left out: 5 image files by name: names that begin with a dot (5)" in message
    assert "other files: 5 that are no images: .heic (5)" in message


def test_pictures_of_formats_that_are_not_read_are_a_caution(images, tmp_path):
    one = prepared(images, tmp_path / "cache")
    assert not cautions(one, "formats")
    for name in ("a.heic", "b.HEIC", "c.gif", "d.txt", "e"):
        (images / name).write_bytes(b"")
    one = prepared(images, tmp_path / "cache")  # what is packed does not hide new files
    (told,) = cautions(one, "formats")
    assert told.startswith("3 files beside the images are of formats that are not read: .heic (2),")
    assert one.protocol()["other files"] == (
        "5 that are no images: .heic (2), .gif (1), .txt (1), no extension (1)"
    )


def test_floats_from_0_to_1_become_the_same_bytes_as_their_8_bit_twins(tmp_path):
    one = prepared(save(tmp_path / "floats", 1, np.float32, ".tif"), tmp_path / "cache")
    twin = prepared(save(tmp_path / "bytes", 255, np.float32, ".tif"), tmp_path)
    found, expected = every(one, tmp_path / "cache"), every(twin, tmp_path)
    assert found.max() == round(0.8 * 255)
    assert (found - expected).abs().max() <= 1
    assert one.protocol()["values of floating point"].startswith("0 to 1 became 0 to 255")
    assert twin.protocol()["values of floating point"].startswith("0 to 255 became 0 to 255")
    assert not cautions(one, "nearly black")


@pytest.mark.parametrize(
    ("values", "wide", "told"),
    [
        ([0.5, 200.0, 0.25, 1.0, 0.5], np.float32, "0 to 255 became 0 to 255"),
        ([100, 40_000, 200, 7, 255], np.int32, "0 to 65535 became 0 to 255"),
        ([100, 200, 7, 255, 0], np.int32, "0 to 255 became 0 to 255"),
    ],
)
def test_the_range_is_one_for_the_whole_set_whatever_comes_first(tmp_path, values, wide, told):
    folder = tmp_path / "set"
    folder.mkdir()
    for number, value in enumerate(values):
        Image.fromarray(np.full((8, 8), value, wide)).save(folder / f"{number}.tif")
    one = prepared(folder, tmp_path / "cache", size=8)
    white = 65_535 if max(values) > 255 else 255
    expected = sorted(round(value * 255 / white) for value in values)
    assert sorted(levels(every(one, tmp_path / "cache"))) == expected
    (kind,) = (each for each in one.protocol() if each.startswith("values of"))
    assert one.protocol()[kind].startswith(told)


@pytest.mark.parametrize("outside", [-0.5, 300.0])
def test_values_that_no_range_holds_are_refused_until_one_is_stated(tmp_path, outside):
    folder = save(tmp_path / "set", 1, np.float32, ".tif")
    Image.fromarray(np.full((24, 24), outside, np.float32)).save(folder / "odd.tif")
    message = one_line(dataset(folder).fetch, tmp_path / "cache")
    assert f"'odd.tif' (floating point) holds values from {outside:g} to {outside:g}" in message
    assert "state range: [low, high]" in message
    stated = prepared(folder, tmp_path / "cache", range=(0, 1))
    assert every(stated, tmp_path / "cache").max() == (255 if outside > 1 else 204)
    assert stated.protocol()["values cut off"] == "in 1 images, outside the stated range"
    # a comparison has no range to be stated
    shown = one_line(score, str(folder), str(folder), ["pixel_fd"], tmp_path / "cache", CPU)
    assert "convert the files" in shown
    assert "state range" not in shown


def test_values_that_are_not_finite_are_broken(tmp_path):
    folder = save(tmp_path / "set", 1, np.float32, ".tif")
    Image.fromarray(np.full((24, 24), np.nan, np.float32)).save(folder / "odd.tif")
    assert prepared(folder, tmp_path / "cache").protocol()["broken images"] == "1 (odd.tif)"


def test_12_bits_in_16_are_a_caution_and_a_stated_range_mends_it(tmp_path):
    deep = save(tmp_path / "deep", 4095, np.uint16)
    twin = save(tmp_path / "twin", 255, np.uint8)
    cache = tmp_path / "cache"
    one = prepared(deep, cache)
    assert every(one, cache).max() == round(0.8 * 4095 / 65_535 * 255)
    (told,) = cautions(one, "nearly black")
    assert told.startswith("images of 16 bits are nearly black: their largest pixel is 13 of 255")
    assert "state range: [0, 4095]" in told
    stated = prepared(deep, cache, range=(0, 4095))
    assert not cautions(stated, "nearly black")
    expected = every(prepared(twin, cache), cache)
    assert (every(stated, cache) - expected).abs().max() <= 1


def test_dark_deep_images_among_bright_ones_are_a_caution(tmp_path):
    folder = save(tmp_path / "set", 255, np.uint8)
    Image.fromarray((SLOPE * 4095).astype(np.uint16)).save(folder / "deep.png")
    (told,) = cautions(prepared(folder, tmp_path / "cache"), "nearly black")
    assert told.startswith("images of 16 bits ")


def colour_png(file: Path, value: int) -> None:
    """16 bits a channel, which Pillow reads and does not write."""
    rows = b"".join(b"\0" + struct.pack(">24H", *[value] * 24) for _ in range(8))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    packed = b"\x89PNG\r\n\x1a\n"
    for kind, content in chunks:
        check = struct.pack(">I", zlib.crc32(kind + content))
        packed += struct.pack(">I", len(content)) + kind + content + check
    file.write_bytes(packed)


def test_colours_of_16_bits_keep_the_upper_8_and_it_is_told(images, tmp_path):
    colour_png(images / "deep.png", 40_000)
    one = prepared(images, tmp_path / "cache", size=8)
    assert 40_000 >> 8 in levels(every(one, tmp_path / "cache"))
    assert "RGB, 16 bits a channel (1)" in one.protocol()["colour modes"]
    colour_png(images / "deep.png", 4_000)
    (told,) = cautions(prepared(images, tmp_path / "cache"), "nearly black")
    assert "only the upper 8 bits are read" in told


def turned(folder: Path, tag: int, extension: str) -> None:
    """A picture that is upright once its tag is followed."""
    back = {6: 8, 8: 6}.get(tag, tag)
    upright = Image.fromarray((SLOPE[:16] * 255).astype(np.uint8)).convert("RGB")
    image = upright.transpose(TURNS[back]) if tag in TURNS else upright
    tags = image.getexif()
    tags[0x0112] = tag
    how = {"quality": 100, "subsampling": 0} if extension == ".jpg" else {}
    image.save(folder / f"{tag}{extension}", exif=tags, **how)


@pytest.mark.parametrize("extension", [".jpg", ".png", ".tif", ".webp"])
def test_photographs_are_upright_by_their_tag_and_counted(tmp_path, extension):
    folder = tmp_path / "photos"
    folder.mkdir()
    for tag in range(1, 9):
        turned(folder, tag, extension)
    one = prepared(folder, tmp_path / "cache", size=16)
    found = every(one, tmp_path / "cache")
    expected = torch.from_numpy((SLOPE[:16, 4:20] * 255).astype(np.uint8)).int()
    near = 12 if extension == ".webp" else 3
    assert (found - expected).abs().max() <= near
    assert one.protocol()["turned"] == "7 images upright, by their orientation tag"
    assert one.protocol()["sizes"].startswith("24 × 16 (8);")


def test_damaged_tags_leave_the_picture(images, tmp_path):
    paint(images / "tagged.jpg", (200,) * 3, exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")
    one = prepared(images, tmp_path / "cache", size=8)
    assert max(levels(every(one, tmp_path / "cache"))) == pytest.approx(200, abs=1)


def test_transparency_frames_and_enlargement_are_counted(images, tmp_path):
    paint(images / "opaque.png", (9, 9, 9, 255), mode="RGBA")
    paint(images / "glass.png", (9, 9, 9, 40), mode="RGBA")
    frames = [Image.new("RGB", (8, 8), (level,) * 3) for level in (77, 200)]
    frames[0].save(images / "several.tif", save_all=True, append_images=frames[1:])
    told = (one := prepared(images, tmp_path / "cache", channels="rgb")).protocol()
    assert told["see-through"].startswith("1 images; transparency dropped")
    assert told["first of several frames"] == "1 images"
    assert 77 in every(one, tmp_path / "cache")[:, 0, 0, 0]
    assert told["enlarged"] == "13 images smaller than that"


def test_copies_in_both_parts_are_a_caution(images, tmp_path):
    one = prepared(images, tmp_path / "cache", size=8)
    assert "equal images" not in one.protocol()
    assert not cautions(one, "pixel by pixel")
    for file in sorted(images.rglob("*.png")):
        shutil.copy(file, images / f"copy of {file.name}")
    one = prepared(images, tmp_path / "cache", size=8, held_out=0.3)
    assert one.protocol()["equal images"] == "10 of 20 are equal to another one"
    parts = one.parts(tmp_path / "cache")
    train, test = levels(parts.train), levels(parts.test)
    count = sum(level in train for level in test)
    assert 0 < count <= 6
    (told,) = cautions(one, "pixel by pixel")
    assert told.startswith(f"{count} of 6 images of the test part are in the training part, too")


def test_few_images_are_a_caution_under_fid(images, tmp_path):
    (told,) = cautions(prepared(images, tmp_path / "cache"), "FID is fitted to")
    assert told.startswith("the test part has 2 images, fewer than the 2,048 features")


@pytest.mark.parametrize(
    ("size", "covering", "part"),
    [((8, 12), (12, 8), (0, 0, 12, 8)), ((12, 8), (18, 12), (5, 0, 13, 12))],
)
def test_sizes_that_are_no_squares(tmp_path, size, covering, part):
    folder = tmp_path / "wide"
    for number in range(4):
        noise(folder / f"{number}.png", number, (20, 30))
    one = prepared(folder, tmp_path / "cache", size=size, channels="rgb")
    found = every(one, tmp_path / "cache")
    assert found.shape[1:] == one.sample_shape == (3, *size)
    for file in folder.iterdir():
        with Image.open(file) as image:
            whole = image.resize(covering, Image.Resampling.BILINEAR).crop(part)
        wanted = torch.from_numpy(np.array(whole)).permute(2, 0, 1)
        assert (found - wanted).abs().amax((1, 2, 3)).min() <= 1
    assert f"cover {size[1]} × {size[0]} pixels" in one.protocol()["sizes"]


def test_four_channels_keep_transparency(images, tmp_path):
    paint(images / "glass.png", (90, 80, 70, 40), mode="RGBA")
    one = prepared(images, tmp_path / "cache", size=8, channels="rgba")
    assert one.sample_shape == (4, 8, 8)
    middles = every(one, tmp_path / "cache")[:, :, 4, 4]
    seen = middles[middles[:, 3] < 255].tolist()
    assert seen == [[pytest.approx(v, abs=3) for v in (90, 80, 70)] + [40]]
    assert (middles[:, 3] == 255).sum() == 10
    assert one.protocol()["see-through"] == "1 images; transparency kept"


@pytest.mark.parametrize(("channels", "mode"), [(2, "L"), (3, "RGB"), (5, "RGB")])
def test_pictures_show_the_first_three_channels(channels, mode):
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 8, 12, channels), np.uint8)
    sent = pictures({"samples": images})
    with Image.open(io.BytesIO(sent["evolution.png"])) as image:
        assert (image.mode, image.size) == (mode, (48, 16))
    tiles = tiled(in_colour(images[0]), 2)
    assert tiles.shape == (16, 24, 3)
    first = images[0, 0, ..., :3] if channels > 2 else images[0, 0, ..., :1].repeat(3, -1)
    assert (tiles[:8, :12] == first).all()


def test_scores_read_folders_by_the_same_rules(tmp_path):
    deep = save(tmp_path / "deep", 1, np.float32, ".tif")
    twin = save(tmp_path / "twin", 65_535, np.uint16)
    noise(deep / ".thumbs/x.png", 1, (5, 5))
    found = score(str(deep), str(twin), ["pixel_fd"], tmp_path / "cache", CPU)
    assert found.scores[0].value == pytest.approx(0, abs=1e-3)
    protocol = found.protocol
    assert protocol["generated left out"].startswith("1 image files by name")
    assert protocol["reference values of 16 bits"].startswith("0 to 65535 became 0 to 255")
    (few,) = protocol["cautions"]
    assert few.startswith("pixel FD fits 64 features to only 8 generated and 8 real samples")


def test_the_doctor_looks_at_a_studys_folders(tmp_path, monkeypatch, capsys):
    deep = save(tmp_path / "deep", 4095, np.uint16)
    experiment = {"dataset": {f"folder:{deep}": {"size": 8}}, "architecture": "mlp", "updates": 8}
    study = {
        "methods": ["non_saturating"],
        "experiments": [experiment, {**experiment, "dataset": "ring8"}],
    }
    (tmp_path / "mine.yaml").write_text(json.dumps(study))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bench", "doctor", "mine.yaml"])

    def told(code: int) -> str:
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == code
        return capsys.readouterr().out

    found = told(0)
    assert "images: 8 of 8 files" in found
    assert "images of 16 bits are nearly black" in found
    assert "ring8" not in found
    assert [file.name for file in (tmp_path / "results").iterdir()] == ["cache"]
    for file in deep.iterdir():
        file.write_bytes(b"no image")
    assert "of 8 image files 0 can be read" in told(1)
