"""Colours mean the same method everywhere, for every eye."""

import itertools
from collections import defaultdict

import matplotlib
import numpy as np
import pytest

from bench.report.drawing.style import COLOURS, Style


def test_colours_mean_the_same_method_whatever_the_size_of_the_figure():
    methods = [f"m{i}" for i in range(40)]
    page, paper = Style(methods), Style(methods, paper=True)
    assert (page.colour, page.dash, page.marker) == (paper.colour, paper.dash, paper.marker)
    looks = defaultdict(list)
    for method in methods:
        looks[page.colour[method], page.dash[method]].append(method)
        looks[page.colour[method], page.marker[method]].append(method)
    assert all(len(alike) == 1 for alike in looks.values())


# Machado, Oliveira & Fernandes (2009), severity 1.0, on linear RGB
EYES = {
    "ordinary": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                            [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                              [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                            [0.004733, 0.691367, 0.303900]]),
}  # fmt: skip
TO_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                   [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip


def lab(colour: str, eye: np.ndarray) -> np.ndarray:
    """CIELAB of what that eye sees, white being the screen's."""
    rgb = np.array(matplotlib.colors.to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(eye @ linear, 0, 1) / TO_XYZ.sum(1)
    x, y, z = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * 841 / 108 + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("eye", EYES)
def test_any_two_colours_stay_apart_for_every_eye(eye):
    seen = [lab(colour, EYES[eye]) for colour in COLOURS]
    nearest = min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))
    # 2.3 is just noticeable side by side; thin lines far from each other need several times that
    assert nearest > 15
