"""Inception-v3 behind antialiased ("clean") resizing (Parmar, Zhang & Zhu, CVPR 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bench.extractors.inception import InceptionV3


@dataclass(frozen=True)
class CleanInceptionV3(InceptionV3):
    """The same network and weights; bicubic resizing with antialiasing, as PIL's.

    Scores compare with others of this variant and with none that is called FID.
    """

    label: ClassVar[str] = "clean Inception"
    antialias: ClassVar[bool] = True

    @property
    def prefix(self) -> str:
        return "clean_"

    @property
    def distance(self) -> tuple[str, str]:
        return "clean_fid", "clean-FID"
