"""What a worker keeps from job to job, and what it says of the machine."""

import pytest
import torch

from bench.execution import worker
from bench.execution.leftovers import Baseline
from bench.execution.prepared import KEPT_ON_CPU, PreparedDatasets
from bench.execution.worker import settle
from bench.registry import make_dataset

CPU = torch.device("cpu")


@pytest.fixture
def prepared(monkeypatch):
    """Counts how often each dataset is prepared."""
    counts: dict[int, int] = {}
    kind = type(make_dataset("digits8"))
    before = kind.prepare

    def prepare(self, cache, device):
        counts[self.evaluation_samples] = counts.get(self.evaluation_samples, 0) + 1
        before(self, cache, device)

    monkeypatch.setattr(kind, "prepare", prepare)
    return counts


def digits(samples: int = 50):
    return make_dataset("digits8", {"evaluation_samples": samples})


def test_a_dataset_is_prepared_once_for_the_same_hyperparameters(prepared, tmp_path):
    kept = PreparedDatasets()
    first, second = (kept.prepare(digits(), tmp_path, CPU) for _ in range(2))
    assert torch.equal(first.held_out_samples(), second.held_out_samples())
    kept.prepare(digits(60), tmp_path, CPU)
    kept.prepare(digits(), tmp_path / "other", CPU)
    assert prepared == {50: 2, 60: 1}


def test_a_job_gets_a_copy_of_its_own(tmp_path):
    kept = PreparedDatasets()
    first = kept.prepare(digits(), tmp_path, CPU)
    object.__setattr__(first, "_prepared", None)
    assert len(kept.prepare(digits(), tmp_path, CPU).reference_samples()) == 359


def test_the_dataset_that_was_not_asked_for_for_longest_is_dropped(prepared, tmp_path):
    kept = PreparedDatasets()
    for samples in (50, *range(60, 60 + KEPT_ON_CPU - 1), 50, 99, 50, 60):
        kept.prepare(digits(samples), tmp_path, CPU)
    assert prepared[50] == 1
    assert prepared[60] == 2


def test_a_worker_notices_that_its_own_code_was_changed():
    baseline = Baseline(CPU)
    assert baseline.changed_files() == []
    baseline._files[worker.__file__] = (0, 0)
    assert baseline.changed_files() == [worker.__file__]


def test_settings_of_precision_that_contradict_each_other_are_reset():
    torch.backends.fp32_precision = "tf32"
    settle(CPU)
    torch.set_flush_denormal(False)  # as for the other tests of this process
    assert torch.backends.fp32_precision == "none"
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


def test_versions_of_a_gpus_libraries_are_text(monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 92400)
    versions = worker._gpu_versions()
    assert versions["cuda"] == "13.0"
    assert versions["cudnn"] == "92400"
    assert set(versions) <= {"cuda", "cudnn", "driver"}
