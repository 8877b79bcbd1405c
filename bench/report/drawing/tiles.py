"""Images side by side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]

WHITE = 255


def in_colour(images: Images) -> Images:
    """Turn gray (n, h, w) or channels (n, h, w, C) into (n, h, w, 3): the first three, or gray."""
    if images.ndim == 4 and images.shape[-1] >= 3:
        return images[..., :3]
    gray = images[..., 0] if images.ndim == 4 else images
    return np.repeat(gray[..., None], 3, axis=-1)


def tiled(images: Images, columns: int, gap: int = 0) -> Images:
    """Put (n, h, w, 3) into one picture, row by row, ``gap`` white pixels between them."""
    count, height, width = images.shape[:3]
    rows = -(-count // columns)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, 3)
    sheet = np.full(shape, WHITE, np.uint8)
    for place, image in enumerate(images):
        top, left = place // columns * (height + gap), place % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet
