"""Image files of any mode and depth as bytes, by rules that hold for a whole set."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image
from PIL.Image import Transpose

from bench.datasets.paths import printable
from bench.errors import BenchError

Channels = Literal["rgb", "gray", "rgba"]
Range = tuple[float, float]

MODES = {"gray": "L", "rgb": "RGB", "rgba": "RGBA"}
DARK = 64
"""A set none of whose bytes reaches it, a quarter of their range, is called nearly black."""
BYTES, COLOUR = "8 bits", "16 bits a channel"
RANGES: dict[str, tuple[Range, ...]] = {
    "16 bits": ((0, 65_535),),
    "32 bits": ((0, 255), (0, 65_535)),
    "floating point": ((0, 1), (0, 255)),
}
"""By depth: values that become 0 and 255. The first range that holds the whole set is taken."""
ORIENTATION = 0x0112
TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
"""Operation that makes an image upright, by its orientation tag."""


class Widened(Exception):
    """Images that were read before are to be read again: the set's range has become wider."""


@dataclass
class Decoder:
    """Reads the images of one set; what it meets decides how all of them are scaled.

    Args:
        channels: what colours are converted to.
        given: values of images deeper than 8 bits that become 0 and 255; None: by ``RANGES``.
        called: the set's name in errors.
        statable: whether a user can give a range.
    """

    channels: Channels
    given: Range | None = None
    called: str = ""
    statable: bool = True
    found: dict[str, Range] = field(default_factory=dict)
    """The smallest and the largest value of all images of a depth."""

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget what was counted, and keep what is known of the set's range."""
        self.counted: dict[str, Counter[str]] = {"sizes": Counter(), "modes": Counter()}
        self.remarks: Counter[str] = Counter()
        self.gray = True  # whether all files are
        self.brightest: dict[str, int] = {}

    def read(self, file: Path) -> tuple[Image.Image, str]:
        """Return an upright image of 8 bits in ``channels``, and its file's depth.

        Raises:
            Widened: ``restart``, and read all files again.
            BenchError: no range that is tried by itself holds its values.
            Exception: the file is damaged; what is raised depends on its format.
        """
        # not Pillow's remarks on files that it reads nevertheless
        with warnings.catch_warnings(action="ignore"), Image.open(file) as image:
            deep = ";16" in str(image.tile) and not image.mode.startswith("I")
            # a TIFF turns itself while it is loaded, a PNG may have its tag at the end
            tags = {_orientation(image)}
            frames = bool(getattr(image, "is_animated", False))
            image.load()
            tags.add(still := _orientation(image))
            see_through = _see_through(image)
            scaled, depth, outside = self._scaled(image, file)
            if still in TURNS:
                scaled = scaled.transpose(TURNS[still])
            mode = MODES[self.channels]
            made = scaled if scaled.mode == mode else scaled.convert(mode)
        # nothing is counted before everything has succeeded
        self.gray = self.gray and Image.getmodebase(image.mode) == "L"
        self.counted["sizes"][f"{made.width} × {made.height}"] += 1
        self.counted["modes"][image.mode + (f", {COLOUR}" if deep else "")] += 1
        self.remarks["turned"] += bool(tags & TURNS.keys())
        self.remarks["frames"] += frames
        self.remarks["transparent"] += see_through
        self.remarks["outside"] += outside
        return made, COLOUR if deep else depth

    def seen(self, pixels: np.ndarray, depth: str) -> None:
        """Note the bytes (C, H, W) that became of an image of that depth."""
        brightest = int(pixels[:3].max())
        self.brightest[depth] = max(self.brightest.get(depth, 0), brightest)

    def told(self) -> dict[str, str]:
        """Return what a protocol says of files that were not taken as they are."""
        told, n = {}, self.remarks
        for depth, (low, high) in sorted(self.found.items()):
            black, white = self._range(depth)
            stated = "stated" if self.given else "the same for the whole set"
            told[f"values of {depth}"] = (
                f"{black:g} to {white:g} became 0 to 255 ({stated}); found {low:g} to {high:g}"
            )
        if n["outside"]:
            told["values cut off"] = f"in {n['outside']} images, outside the stated range"
        if n["turned"]:
            told["turned"] = f"{n['turned']} images upright, by their orientation tag"
        if n["frames"]:
            told["first of several frames"] = f"{n['frames']} images"
        if n["transparent"]:
            kept = "kept" if self.channels == "rgba" else "dropped: hidden colours show"
            told["see-through"] = f"{n['transparent']} images; transparency {kept}"
        return told

    @property
    def cautions(self) -> list[str]:
        """Depths whose images came out nearly black."""
        found = []
        for depth, brightest in sorted(self.brightest.items()):
            if brightest >= DARK:
                continue
            hint = ""
            if depth in self.found:
                low, high = self.found[depth]
                stated = f"state range: [0, {_guess(high):g}], or what they may hold"
                hint = f"; they hold {low:g} to {high:g}: "
                hint += stated if self.statable else "scale the files to all that their type holds"
            elif depth == COLOUR:
                hint = "; of colours only the upper 8 bits are read: scale the files to all 16"
            found.append(
                f"images of {depth} are nearly black: their largest pixel is {brightest} of 255"
                f"{hint}"
            )
        return found

    def _scaled(self, image: Image.Image, file: Path) -> tuple[Image.Image, str, bool]:
        """Return an image of 8 bits, the depth it had, and whether values were cut off."""
        if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PPM", "PNG")):
            depth = "16 bits"  # Pillow's reader of PGM scales to 16 bits, and calls it 32
        elif image.mode in ("I", "F"):
            depth = "32 bits" if image.mode == "I" else "floating point"
        else:
            return image, BYTES, False
        values = np.asarray(image, np.float64)
        if not np.isfinite(values).all():
            raise ValueError("it holds values that are not finite")
        own = (float(values.min()), float(values.max()))
        self._meet(depth, own, file)
        black, white = self._range(depth)
        scaled = ((values - black) * (255 / (white - black))).round().clip(0, 255)
        outside = own[0] < black or own[1] > white
        return Image.fromarray(scaled.astype(np.uint8)), depth, outside

    def _meet(self, depth: str, own: Range, file: Path) -> None:
        """Take an image's values into account."""
        before = self.found.get(depth, own)
        after = (min(before[0], own[0]), max(before[1], own[1]))
        if self.given is None and not any(_holds(each, after) for each in RANGES[depth]):
            known = " or ".join(f"{low:g} to {high:g}" for low, high in RANGES[depth])
            stated = "state range: [low, high], the values that become black and white, or "
            raise BenchError(
                f"{self.called}: '{printable(file.name)}' ({depth}) holds values from "
                f"{own[0]:g} to {own[1]:g}, and the set is not within {known}; "
                f"{stated if self.statable else ''}convert the files"
            )
        changed = depth in self.found and self._range(depth) != self._of(depth, after)
        self.found[depth] = after
        if changed:
            raise Widened

    def _range(self, depth: str) -> Range:
        return self._of(depth, self.found[depth])

    def _of(self, depth: str, found: Range) -> Range:
        return self.given or next(each for each in RANGES[depth] if _holds(each, found))


def _holds(wide: Range, narrow: Range) -> bool:
    return wide[0] <= narrow[0] and narrow[1] <= wide[1]


def _guess(largest: float) -> float:
    """Return the largest value of the smallest depth that holds it; fractions unchanged."""
    whole = largest >= 1 and float(largest).is_integer()
    return 2 ** int(largest).bit_length() - 1 if whole else largest


def _orientation(image: Image.Image) -> Any:
    try:
        return image.getexif().get(ORIENTATION, 1)
    except Exception:  # damaged tags leave the picture as it is
        return 1


def _see_through(image: Image.Image) -> bool:
    """Return whether any pixel is not opaque."""
    if not image.has_transparency_data:
        return False
    alpha = image if "A" in image.getbands() else image.convert("RGBA")
    return bool(np.asarray(alpha.getchannel("A")).min() < 255)
