"""Parts of records of images."""

import numpy as np

IMAGES = """
methods: [non_saturating, wgan_gp]
seeds: 2
evaluations: 2
experiments:
  - dataset: {dataset}
    architecture: {{mlp: {{generator_widths: [8], discriminator_widths: [8]}}}}
    updates: 100
"""
WITH_INCEPTION = "metrics: [fid, kid, prdc]\n"
"""To be added to a study."""
NO_WEIGHTS = "no Inception weights: let this machine reach the network once"


def shades(shape: tuple[int, ...], evaluations: int = 3) -> np.ndarray:
    """Images that differ by their evaluation and latent: (evaluations, 12, …) bytes."""
    values = np.arange(evaluations * 12).reshape(evaluations, 12) * 5
    return np.broadcast_to(
        values.reshape(evaluations, 12, *(1 for _ in shape)), (evaluations, 12, *shape)
    ).astype(np.uint8)
