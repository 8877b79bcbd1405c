"""Folders of images for tests, and datasets of them."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.datasets.folder import Folder
from bench.errors import BenchError

CPU = torch.device("cpu")


def paint(file: Path, colour, size=(8, 8), mode: str = "RGB", **how) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(file, **how)
    return file


def noise(file: Path, seed: int, size=(12, 10)) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    array = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(array).save(file)
    return file


def dataset(folder: Path | str, **hyperparameters) -> Folder:
    return Folder(path=str(folder), **{"size": 8, "evaluation_samples": 10, **hyperparameters})


def levels(tensor: torch.Tensor) -> list[int]:
    """The gray of each image, all of whose pixels are alike."""
    assert (tensor == tensor[:, :1, :1, :1]).all()
    return tensor[:, 0, 0, 0].tolist()


def kept(folder: Path, cache: Path, **hyperparameters) -> list[int]:
    parts = dataset(folder, **hyperparameters).parts(cache)
    return sorted([*levels(parts.train), *levels(parts.test)])


def one_line(call, *arguments) -> str:
    with pytest.raises(BenchError) as told:
        call(*arguments)
    message = str(told.value)
    assert "\n" not in message
    assert len(message) < 500
    return message


ODD = ["new\nline.png", "<b>bold&amp;.png", "[red]rich[bold].png", "a|b`c.png", "\x1b[31mred.png",
       "naïve 漢字 😀.png", os.fsdecode(b"not\xffutf8.png"), "'\"$HOME;.png"]  # fmt: skip
