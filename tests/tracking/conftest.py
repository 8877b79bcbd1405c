import shutil
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from bench.metric import Reason
from bench.records.measurements import Measurement
from bench.records.record import pack, with_files
from bench.records.store import Store
from tests.tracking.sweeps import EVALUATIONS, RESULT, RUN, WHOLE, InProcess


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch) -> None:
    """A working folder of its own, and no tracking URI from outside."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory) -> Path:
    """A database without runs; making one takes seconds."""
    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def results(tmp_path, empty_database) -> Path:
    folder = tmp_path / "results"
    with Store(folder).writing():
        shutil.copy(empty_database, folder)
    return folder


@pytest.fixture
def client(results) -> MlflowClient:
    return MlflowClient(f"sqlite:///{results / 'mlflow.db'}")


@pytest.fixture
def put(results, make_cell, make_record):
    """Stores a record, ``ok`` with files or failed without."""

    def put(seed=0, status="ok", samples=None, evaluations=EVALUATIONS, reasons=None, **more):
        rng = np.random.default_rng(seed)
        files = {
            "series.npz": pack(
                {
                    f"{player}_{quantity}": rng.random(length).astype(np.float32)
                    for player, length in (("discriminator", 500), ("generator", 100))
                    for quantity in ("loss", "norm")
                }
            ),
            "samples.npz": pack(
                {"last samples": rng.normal(size=(3, 50, 2)) if samples is None else samples}
            ),
        }
        store = Store(results)
        if status != "ok":
            nothing = {"result": {}, "run": {}}
            data = make_record(make_cell("wgan_gp", seed), status, **nothing | more)
            return store.put(*_as_stored(data, {}))
        places = ("update", "generator_update")
        checkpoints = [{name: e[name] for name in places} for e in evaluations]
        parts = {"result": {**RESULT, "checkpoints": checkpoints}, "run": RUN}
        data = make_record(make_cell("wgan_gp", seed), status, **parts | more)
        store.put(*_as_stored(data, files))
        values = {
            e["update"]: {name: e[name] for name in e if name not in places} for e in evaluations
        }
        why = {name: Reason("unavailable", text) for name, text in (reasons or {}).items()}
        part = {"name": "modes", "hyperparameters": {}}
        measured = {"seconds": 1.5}
        found = Measurement("m", "modes", part, {}, values, WHOLE, why, measured=measured)
        return store.measured(data["key"], [found])

    return put


def _as_stored(data, files):
    return with_files(data, files), files


@pytest.fixture
def in_process(monkeypatch):
    """Send without the seconds that a process of its own takes to start."""
    monkeypatch.setattr("bench.tracking.tracker.Process", InProcess)
