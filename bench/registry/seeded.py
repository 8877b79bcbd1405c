"""The random state in which parts are imported and made: always the same one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded() -> Iterator[None]:
    """Seed the global generators of torch, numpy and Python, and restore them in the end.

    So a part that draws from them while it is imported or made, as initial weights of a module of
    its own are drawn, is the same part in every process and whatever was made before it.
    """
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    torch.random.default_generator.manual_seed(0)  # a GPU's would be asked for, too
    np.random.seed(0)
    random.seed(0)
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])
