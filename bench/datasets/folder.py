"""Any folder of images as a dataset: ``folder:PATH``."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from annotated_types import Interval
from PIL import Image

from bench.datasets.decoding import MODES, Channels, Decoder, Widened
from bench.datasets.files import EXTENSIONS, NAMED, Files, below, content_of, most
from bench.datasets.images import ImageDataset, Parts
from bench.datasets.paths import check_path, printable
from bench.errors import BenchError
from bench.once import once
from bench.values import Unbounded

SPLIT_SEED = 1
PACKING = 2
"""Raise it when the same files would be packed otherwise."""
FEWEST = 4
SMALLEST, LARGEST = 4, 1024
"""Pixels of a side."""
Side = Annotated[int, Interval(ge=SMALLEST, le=LARGEST)]
FEATURES = 2048
"""Those that FID fits a Gaussian to."""


@dataclass(frozen=True)
class Folder(ImageDataset):
    """Every image below a folder, in subfolders or not, through links too.

    Files are taken, converted, turned and scaled by the rules of docs/image-folders.md, the same
    for the whole set, and the protocol counts what was done to them. Colours are converted to
    ``channels``, the image is resized to cover ``size`` (one side of a square in pixels, or
    [height, width]; bilinear, antialiased), the middle is cut out, and all are packed once.
    Values deeper than 8 bits are scaled from ``range``: [low, high] become black and white;
    ``auto`` takes what the files' type holds. A share ``held_out``, chosen with a fixed seed, is
    the test part. Files that cannot be read whole are left out, counted and named.

    An instance looks into the folder once; a relative path begins where the command was called.
    """

    name: ClassVar[str] = "folder"
    ranked_by: ClassVar[tuple[str, ...]] = ("fid", "pixel_fd")
    told_by_label: ClassVar[tuple[str, ...]] = ("path",)

    path: str = ""
    size: Side | tuple[Side, Side] = 64
    channels: Channels = "rgb"
    held_out: Annotated[float, Interval(gt=0, lt=1)] = 0.1
    range: Literal["auto"] | tuple[Unbounded, Unbounded] = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_path(self.path)
        if self.range != "auto" and not self.range[0] < self.range[1]:
            raise ValueError("range must be auto or [low, high] with low below high")

    @property
    def label(self) -> str:
        return f"folder:{printable(Path(self.path).name or self.path)}"

    @property
    def sample_shape(self) -> tuple[int, ...]:
        return (len(MODES[self.channels]), *self._sides)

    def content(self) -> str:
        """Return a hash of the files' names and sizes, and of what begins and ends them.

        Of very many files, only some are opened: an edit that keeps the size of a file may go
        unnoticed there.
        """
        return self._content

    def training_size(self) -> int:
        """Return the number of image files in the training part, broken ones included.

        A study is planned without decoding its images, and its plan must not change with what
        the cache knows: where files are broken, ``epochs`` makes slightly more passes over those
        that are left. The protocol counts what was trained on.
        """
        count = len(self._files.images)
        return count - self._held(count)

    def parts(self, cache: Path) -> Parts:
        as_asked: list[int | str] = [*self._sides, self.channels]
        if self.range != "auto":
            as_asked += [f"{value:g}" for value in self.range]
        key = "-".join(map(str, [self.content(), *as_asked, PACKING]))
        where = cache / "data" / f"folder-{key}.npy"
        told = where.with_suffix(".json")

        def make(scratch: Path) -> None:
            told.write_text(json.dumps(self._pack(scratch)), encoding="utf-8")

        def load(file: Path) -> tuple[torch.Tensor, dict[str, Any]]:
            known = json.loads(told.read_text(encoding="utf-8"))
            return torch.from_numpy(np.load(file, mmap_mode="c")[: known["kept"]]), known

        images, known = once(where, load, make)
        held = self._held(len(images))
        remarks = {**known["remarks"], **self._files.told()}
        cautions = [*known["cautions"], *self._files.cautions]
        if equal := known["equal"]:
            beyond = sum(len(group) - 1 for group in equal)
            remarks["equal images"] = f"{beyond} of {len(images)} are equal to another one"
            # the test part comes first
            copied = sum(at < held for group in equal for at in group if group[-1] >= held)
            if copied:
                cautions.append(
                    f"{copied} of {held} images of the test part are in the training part, too, "
                    "pixel by pixel: scores against it reward copies; remove duplicates"
                )
        if cautions:
            remarks["cautions"] = cautions
        return Parts(images[held:], images[:held], f"{key}-{self.held_out}", remarks=remarks)

    def protocol(self) -> dict[str, Any]:
        told = super().protocol()
        own = [*self.remarks.get("cautions", [])]
        if (n := len(self.reference_samples())) < FEATURES:
            own.append(
                f"the {self.reference} part has {n:,} images, fewer than the {FEATURES:,} features "
                "that FID is fitted to: FID is then far too large, and the more so the fewer there "
                "are; read it beside its floor, or KID in its place"
            )
        # counts of images replace those of the files
        cautions = [*own, *(each for each in told.get("cautions", []) if each not in own)]
        return {**told, **({"cautions": cautions} if cautions else {})}

    @property
    def remarks(self) -> dict[str, Any]:
        """Remarks on the images, once they are prepared."""
        return self._ready.parts.remarks

    @property
    def _sides(self) -> tuple[int, int]:
        """Height and width."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    @property
    def _root(self) -> Path:
        # of an unknown user it leaves the path as it is, and Path.expanduser raises
        return Path(os.path.expanduser(self.path))

    @property
    def _called(self) -> str:
        return f"dataset folder:{printable(self.path)}"

    def _held(self, count: int) -> int:
        """Return the number of images in the test part; both parts have at least two."""
        return min(max(2, round(count * self.held_out)), count - 2)

    @cached_property
    def _files(self) -> Files:
        """Image files below the folder, and what else lies there."""
        if not self.path:
            raise BenchError("dataset folder: which one? write it as folder:PATH")
        if not os.path.isdir(self._root):
            raise BenchError(f"{self._called}: there is no such folder of images")
        try:
            found = below(self._root)
        except OSError as error:
            place = printable(str(error.filename))
            raise BenchError(
                f"{self._called}: '{place}' cannot be read ({error.strerror})"
            ) from error
        if (n := len(found.images)) < FEWEST:
            beside = "".join(f"; {name}: {told}" for name, told in found.told().items())
            raise BenchError(
                f"{self._called}: there {'is' if n == 1 else 'are'} {n or 'no'} "
                f"image{'' if n == 1 else 's'} below it, at least {FEWEST} are needed; known are "
                f"{', '.join(EXTENSIONS)}{beside}"
            )
        return found

    @cached_property
    def _content(self) -> str:
        return content_of(self._root, self._files.images)

    def _pack(self, scratch: Path) -> dict[str, Any]:
        """Write all images, shuffled; return their number and remarks on them."""
        given = None if self.range == "auto" else self.range
        decoder = Decoder(self.channels, given, self._called)
        while True:
            try:
                return self._write(scratch, decoder)
            except Widened:
                decoder.restart()

    def _write(self, scratch: Path, decoder: Decoder) -> dict[str, Any]:
        files = [name for name, _ in self._files.images]
        order = torch.randperm(len(files), generator=torch.Generator().manual_seed(SPLIT_SEED))
        broken: list[str] = []
        first: dict[bytes, int] = {}
        equal: dict[int, list[int]] = {}
        height, width = self._sides
        kept = enlarged = 0
        with open(scratch, "wb") as out:
            # not by a memory map, which ends the process where the disk is full
            shape = (len(files), *self.sample_shape)
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(out, header)
            end = out.tell() + int(np.prod(shape))
            for index in order.tolist():
                try:
                    image, depth = decoder.read(self._root / files[index])
                except (BenchError, Widened):
                    raise
                except Exception:  # the exception of a damaged file depends on its format
                    broken.append(files[index])
                    continue
                pixels = fitted(image, height, width)
                decoder.seen(pixels, depth)
                content = pixels.tobytes()
                at = first.setdefault(hashlib.blake2b(content, digest_size=16).digest(), kept)
                if at != kept:
                    equal.setdefault(at, [at]).append(kept)
                enlarged += image.height < height or image.width < width
                out.write(content)
                kept += 1
            # the header counts broken ones, too: missing rows take no room on the disk
            out.truncate(end)
        if broken and replace(self).content() != self.content():
            raise BenchError(f"{self._called}: it was changed while it was read; run again")
        if kept < FEWEST:
            raise BenchError(
                f"{self._called}: of {len(files)} image files {kept} can be read, "
                f"{_some(sorted(broken))} cannot; at least {FEWEST} are needed"
            )
        fit = f"shorter side to {height} pixels"
        if height != width:
            fit = f"resized to cover {width} × {height} pixels"
        modes = decoder.counted["modes"]
        dropped = "" if self.channels == "rgba" else ", without transparency"
        remarks = {
            "images": f"{kept} of {len(files)} files",
            "sizes": f"{most(decoder.counted['sizes'])}; {fit}, bilinear with antialiasing, middle "
            "cut out",
            "colour modes": f"{most(modes, len(modes))}; converted to {self.channels}{dropped}",
            **decoder.told(),
            **({"enlarged": f"{enlarged} images smaller than that"} if enlarged else {}),
            **({"broken images": _some(sorted(broken))} if broken else {}),
        }
        return {
            "kept": kept,
            "remarks": remarks,
            "cautions": decoder.cautions,
            "equal": [*equal.values()],
        }


def fitted(image: Image.Image, height: int, width: int) -> np.ndarray:
    """Return the middle of an image that is resized to cover height × width: (C, H, W) bytes."""
    # torchvision's Resize and CenterCrop, without computing the margins
    if height * image.width >= width * image.height:
        resized = (int(height * image.width / image.height), height)
    else:
        resized = (width, int(width * image.height / image.width))
    left, right = _middle(image.width, resized[0], width)
    top, bottom = _middle(image.height, resized[1], height)
    box = (left, top, right, bottom)
    cut_out = image.resize((width, height), Image.Resampling.BILINEAR, box)
    array = np.asarray(cut_out, np.uint8)
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def _middle(whole: int, resized: int, size: int) -> tuple[float, float]:
    """Return where the middle ``size`` of ``resized`` pixels lie among the ``whole`` ones."""
    start = round((resized - size) / 2)
    return start * whole / resized, (start + size) * whole / resized


def _some(names: list[str]) -> str:
    """Return a list such as ``3 (a.png, b.png, c.png)``; of many, the first few."""
    more = ", …" if len(names) > NAMED else ""
    return f"{len(names)} ({', '.join(map(printable, names[:NAMED]))}{more})"
