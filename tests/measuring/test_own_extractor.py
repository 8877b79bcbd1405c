"""An extractor of one's own, a module with weights from a path, from file to score."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from bench.registry import find

EXTRACTOR = '''
"""A network of one's own."""
import hashlib
from dataclasses import dataclass
from pathlib import Path
import torch
from torch import nn
from bench.metric import Extractor, Features, Unavailable

@dataclass(frozen=True)
class MyNet(Extractor):
    """A linear map, its weights in a file."""
    label = "MyNet"
    weights: str = "{weights}"
    def not_applicable(self, dataset):
        return None if len(dataset.sample_shape) == 1 else "it looks at points"
    def identity(self):
        if not Path(self.weights).is_file():
            raise Unavailable(f"there is no file '{{self.weights}}'")
        return hashlib.sha256(Path(self.weights).read_bytes()).hexdigest()[:16]
    def load(self, dataset, cache, device):
        model = nn.Linear(2, 2)
        model.load_state_dict(torch.load(self.weights, weights_only=True))
        return Ready(model.to(device), device)

class Ready:
    def __init__(self, model, device):
        self.model, self.device = model, device
    @torch.no_grad()
    def __call__(self, samples):
        return Features(self.model(samples.to(self.device)).cpu())
    def describe(self):
        return {{"my_net": "a linear map"}}
'''


def save_weights(file, scale: float) -> None:
    """Weights that scale points."""
    model = nn.Linear(2, 2)
    model.load_state_dict({"weight": scale * torch.eye(2), "bias": torch.ones(2)})
    torch.save(model.state_dict(), file)


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """The file of weights; the extractor lies in a folder that the environment names."""
    file = tmp_path / "weights.pth"
    save_weights(file, 2.0)
    folder = tmp_path / "extractors"
    folder.mkdir()
    (folder / "my_net.py").write_text(EXTRACTOR.format(weights=file), encoding="utf-8")
    monkeypatch.setenv("BENCH_EXTRACTORS_DIR", str(folder))
    find.cache_clear()
    yield file
    find.cache_clear()
    sys.modules.pop("bench.extractors.my_net", None)


def test_runs_are_measured_by_it_and_again_by_other_weights(bench, weights):
    study = bench.study("metrics: [my_net_fd]")
    assert bench.work(study) == (0, {"my_net_fd"})
    bench.run(study, train=False)
    for each in bench.plan(study):
        found = each.record.evaluations[-1]
        # a map that scales by 2 takes distances of means and deviations times 4
        assert found["my_net_fd"] == pytest.approx(4 * found["data_fd"], rel=1e-4)
        assert each.record.protocol["my_net"] == "a linear map"
    assert bench.work(study) == (0, set())
    save_weights(weights, 3.0)
    assert bench.work(study) == (0, {"my_net_fd"})
    (why,) = {m.why for p in bench.plan(study) for m in p.measures if m.state == "stale"}
    assert why == "changed: extractor weights"
    weights.unlink()
    # what was measured where there were weights stands
    assert bench.work(study) == (0, set())
    assert all("my_net_fd" in each.record.evaluations[-1] for each in bench.plan(study))


@pytest.mark.usefixtures("weights")
def test_samples_of_anything_are_scored_by_it_from_the_command_line(tmp_path):
    random = np.random.default_rng(0)
    points = random.standard_normal((50, 2))
    np.save(tmp_path / "a.npy", points)
    np.save(tmp_path / "b.npy", points + np.array([3.0, 4.0]))
    environment = {k: v for k, v in os.environ.items() if k != "BENCH_EXTRACTORS_DIR"}
    folder = os.environ["BENCH_EXTRACTORS_DIR"]
    command = [sys.executable, "-m", "bench", "score", "a.npy", "b.npy", "--metrics", "my_net_fd"]
    done = subprocess.run(
        [*command, "--extractors-dir", folder],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert "100.0000" in done.stdout, done.stdout + done.stderr
    assert "MyNet FD" in done.stdout
