import marshal
import os
import signal
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

import pytest
import torch

from bench.cli import main
from bench.cli.options import out
from bench.records import record
from bench.records.cell import SCHEMA, Cell, Component
from bench.records.sources import sources_of
from bench.registry import find, holds_part, label_of, make_architecture, make_dataset, make_method
from bench.training.configuration import TrainingConfiguration

torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="module")
def _unchanged() -> Iterator[None]:
    """Fail if a test changes what equal records share: it would change other tests' records."""
    yield
    for packed, part in record._known.items():
        assert marshal.dumps(part, 2) == packed


@contextmanager
def _own_parts() -> Iterator[None]:
    """Look for parts anew, and forget afterwards those that were imported meanwhile."""
    before = set(sys.modules)
    find.cache_clear()
    yield
    find.cache_clear()
    for name in set(sys.modules) - before:
        if holds_part(name):
            del sys.modules[name]


@pytest.fixture
def methods_folder(tmp_path, monkeypatch):
    """A methods folder of the user's own, searched beside the shipped one."""
    monkeypatch.setenv("BENCH_METHODS_DIR", str(tmp_path))
    with _own_parts():
        yield tmp_path


@pytest.fixture
def call(monkeypatch, capsys) -> Callable[..., str]:
    """Calls ``bench`` in this process; returns what both streams were given."""

    def called(*arguments: object, code: int = 0, **environment: object) -> str:
        own = {name: str(value) for name, value in environment.items()}
        # options set variables, too
        with monkeypatch.context() as patch, mock.patch.dict(os.environ, own), _own_parts():
            patch.setattr(signal, "signal", lambda *_: None)
            patch.setattr(out, "width", 400)
            # urllib keeps the proxies of its first request for all later ones
            patch.setattr(urllib.request, "_opener", None)
            patch.setattr(sys, "argv", ["bench", *map(str, arguments)])
            with pytest.raises(SystemExit) as left:
                main()
        shown = capsys.readouterr()
        assert (left.value.code or 0) == code, shown.out + shown.err
        return shown.out + shown.err

    return called


def _make_cell(
    method: str = "vanilla",
    seed: int = 0,
    updates: int = 20,
    method_hyperparameters: dict | None = None,
    dataset_hyperparameters: dict | None = None,
) -> Cell:
    parts = (
        make_method(method, method_hyperparameters),
        make_dataset("ring8", {"evaluation_samples": 100, **(dataset_hyperparameters or {})}),
        make_architecture("mlp", {"generator_widths": [8], "discriminator_widths": [8]}),
    )
    components = [Component(part.name, part.hyperparameters(), label_of(part)) for part in parts]
    return Cell(
        *components,
        training=TrainingConfiguration(learning_rate=1e-3, batch_size=32),
        seed=seed,
        updates=updates,
        evaluations=2,
        sources=sources_of(*parts),
    )


@pytest.fixture(scope="session")
def make_cell() -> Callable[..., Cell]:
    """Makes a cell of a few small updates on ring8."""
    return _make_cell


@pytest.fixture
def make_record() -> Callable[..., dict]:
    """A record's data for a cell, without files."""

    def make(cell: Cell, status: str = "ok", **more) -> dict:
        return {
            "schema": SCHEMA,
            "key": cell.key,
            "cell": cell.to_json(),
            "ingredients": cell.ingredients(),
            "status": status,
            "reason": "" if status == "ok" else f"it {status}",
            "output": "",
            "result": {"evaluations": []},
            "run": {},
            "files": {},
            **more,
        }

    return make
