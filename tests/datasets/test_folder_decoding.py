"""A folder of images: what becomes of every mode, depth and size, and of broken files."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.datasets.folders import CPU, dataset, kept, levels, noise, one_line, paint

GRAY, RED = (128,) * 3, (255, 0, 0)


@pytest.mark.parametrize(
    ("mode", "colour", "name", "rgb", "gray"),
    [
        ("RGB", RED, "x.png", RED, 76),
        ("L", 128, "x.png", GRAY, 128),
        ("L", 128, "x.jpg", GRAY, 128),
        ("1", 1, "x.png", (255,) * 3, 255),
        ("RGBA", (255, 0, 0, 0), "x.png", RED, 76),
        ("LA", (128, 9), "x.png", GRAY, 128),
        ("CMYK", (0, 255, 255, 0), "x.tif", RED, 76),
        ("I;16", 128 * 256 + 77, "x.png", GRAY, 128),
        ("I;16", 128 * 256 + 77, "x.tif", GRAY, 128),
        ("I;16", 128 * 256 + 77, "x.pgm", GRAY, 128),
        ("I;16", 77, "x.pgm", (0, 0, 0), 0),
        ("I", 128, "x.tif", GRAY, 128),
        ("F", 128.0, "x.tif", GRAY, 128),
    ],
)
def test_every_colour_mode_becomes_what_is_asked_for(
    images, tmp_path, mode, colour, name, rgb, gray
):
    paint(images / name, colour, mode=mode)
    for channels, expected in (("rgb", rgb), ("gray", (gray,))):
        parts = dataset(images, channels=channels, held_out=0.2).parts(tmp_path / "cache")
        assert parts.train.shape[1:] == (len(expected), 8, 8)
        every = torch.cat([parts.train, parts.test])[:, :, 4, 4].tolist()
        assert any(np.abs(np.subtract(found, expected)).max() <= 1 for found in every)
        assert len(every) == 11
        assert "broken images" not in parts.remarks
        assert f"converted to {channels}" in parts.remarks["colour modes"]


def test_a_palette_with_transparency_is_read_by_its_colours(images, tmp_path):
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    palette.save(images / "x.png", transparency=0)
    parts = dataset(images).parts(tmp_path / "cache")
    every = torch.cat([parts.train, parts.test])[:, :, 4, 4].tolist()
    assert [255, 0, 0] in every
    assert "P (1)" in parts.remarks["colour modes"]


def test_the_shorter_side_is_resized_and_the_middle_cut_out(tmp_path):
    folder = tmp_path / "wide"
    for number in range(4):
        wide = np.zeros((20, 60, 3), np.uint8)
        wide[:, 20:40] = 200  # the middle square
        wide[:, 20:30, 0] = 100  # its left half has less red
        Image.fromarray(wide).save(paint(folder / f"{number}.png", 0))
    parts = dataset(folder, size=10).parts(tmp_path / "cache")
    assert parts.train.shape == (2, 3, 10, 10)
    # both edges are blended, as in an image that is resized before it is cut
    assert (parts.train[:, 1:, :, 1:-1] == 200).all()
    assert (parts.train[:, 0, :, 1:4] == 100).all()
    assert (parts.train[:, 0, :, 6:-1] == 200).all()
    assert parts.remarks["sizes"].startswith("60 × 20 (4); shorter side to 10 pixels, bilinear")


def test_mixed_sizes_are_resized_as_torchvision_does(tmp_path):
    from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

    folder = tmp_path / "mixed"
    for number, size in enumerate([(40, 30), (30, 40), (64, 64), (5, 5), (100, 8), (16, 17)]):
        noise(folder / f"{number}.png", number, size)
    parts = dataset(folder, size=16, held_out=0.4).parts(tmp_path / "cache")
    published = Compose([Resize(16, InterpolationMode.BILINEAR), CenterCrop(16)])
    found = torch.cat([parts.train, parts.test]).float()
    for file in folder.iterdir():
        with Image.open(file) as image:
            wanted = torch.from_numpy(np.array(published(image))).permute(2, 0, 1).float()
        assert (found - wanted).abs().amax((1, 2, 3)).min() <= 1
    told = "17 × 16 (1), 30 × 40 (1), 40 × 30 (1), 5 × 5 (1), 64 × 64 (1), others (1); shorter side"
    assert parts.remarks["sizes"].startswith(told)


def break_it(file: Path, how: str) -> None:
    content = file.read_bytes()
    file.write_bytes(
        {"empty": b"", "text": b"I am no image", "cut": content[: len(content) * 2 // 3]}[how]
    )


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.bmp", "x.ppm", "x.tif", "x.webp", "x.tiff"])
@pytest.mark.parametrize("how", ["empty", "text", "cut"])
def test_a_broken_image_is_left_out_and_named(images, tmp_path, name, how):
    whole = kept(images, tmp_path / "cache")
    break_it(noise(images / "sub" / name, 0, (50, 50)), how)
    parts = dataset(images).parts(tmp_path / "cache")
    assert sorted([*levels(parts.train), *levels(parts.test)]) == whole
    assert parts.remarks["broken images"] == f"1 (sub/{name})"
    assert parts.remarks["images"] == "10 of 11 files"


def test_many_broken_images_are_counted_and_some_named(images, tmp_path):
    for number in range(8):
        (images / f"bad{number}.jpg").write_bytes(b"")
    ready = dataset(images)
    ready.prepare(tmp_path / "cache", CPU)
    protocol = ready.protocol()
    assert protocol["broken images"] == ("8 (bad0.jpg, bad1.jpg, bad2.jpg, bad3.jpg, bad4.jpg, …)")
    assert protocol["images"] == "10 of 18 files"
    assert protocol["training"] == "8 images"
    assert protocol["reference"] == "2 images of the test part"
    # what a study is planned with: the files, for a plan must not depend on what is cached
    assert ready.training_size() == dataset(images).training_size() == 16
    assert (
        dataset(images).parts(tmp_path / "cache").remarks == ready.parts(tmp_path / "cache").remarks
    )


def test_a_file_that_may_not_be_read_is_a_broken_image(images, open_to_all, as_nobody):
    folder, cache = open_to_all / "images", open_to_all / "cache"
    shutil.copytree(images, folder)
    (folder / "03.png").chmod(0)
    cache.mkdir()
    cache.chmod(0o777)
    found, remarks = as_nobody(lambda: dataset(folder).parts(cache).remarks)
    assert found == "value", remarks
    assert remarks["broken images"] == "1 (03.png)"


@pytest.mark.parametrize("sound", [0, 3])
def test_too_few_sound_images_are_told_and_nothing_is_left(tmp_path, sound):
    folder = tmp_path / "broken"
    for number in range(sound):
        paint(folder / f"{number}.png", 5)
    for number in range(6):
        paint(folder / f"bad{number}.png", 5).write_bytes(b"broken")
    message = one_line(dataset(folder).fetch, tmp_path / "cache")
    assert f"of {6 + sound} image files {sound} can be read, 6 (bad0.png, " in message
    left = [file.name for file in (tmp_path / "cache" / "data").iterdir()]
    assert all(name.endswith(".lock") for name in left)
