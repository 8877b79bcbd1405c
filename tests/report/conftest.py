"""Fixtures for studies whose records are written by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from handmade import by_hand, ring_modes, store_in, studies_in, trainer

from bench.execution.plan import Planned
from bench.records.store import Store
from bench.report import write_report
from bench.study import Study


@pytest.fixture
def make_study(tmp_path: Path) -> Callable[..., Study]:
    """A study from YAML text."""
    return studies_in(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return store_in(tmp_path)


@pytest.fixture
def train(store: Store) -> Callable[..., Planned]:
    """Stores a record for a cell as if it had been trained.

    ``evaluations`` gives metric values by evaluation point; ``norms`` both players' gradients;
    ``pictures`` what ``samples.npz`` holds beside the samples.
    """
    return trainer(store)


@pytest.fixture
def modes() -> Callable[..., dict[int, dict[str, float | None]]]:
    """Evaluations of ring8, 50 updates apart, that differ by ``modes_20`` alone."""
    return ring_modes


@pytest.fixture
def two_methods(tmp_path: Path) -> tuple[Study, list[Planned]]:
    """non_saturating ends at 6, 7, 8 modes; wgan_gp at 2, 4, and diverges on seed 2."""
    return by_hand(tmp_path)[:2]


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the report of these two methods."""
    study, planned, store = by_hand(tmp_path_factory.mktemp("report"))
    return write_report(study, planned, store.results, ["broken.py: it has no method"]).parent
