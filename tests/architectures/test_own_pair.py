"""A user's own architecture, as docs/adding-an-architecture.md shows it."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.cli import main
from bench.records.sources import sources_of
from bench.registry import find, make_architecture, make_dataset, make_method
from bench.training.configuration import TrainingConfiguration
from bench.training.loop import Training, train

PAGE = Path(__file__).parent.parent.parent / "docs" / "adding-an-architecture.md"
(EXAMPLE,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
def example(tmp_path, monkeypatch):
    """The page's example, in a folder of the user's own."""
    (tmp_path / "my_pair.py").write_text(EXAMPLE)
    monkeypatch.setenv("BENCH_ARCHITECTURES_DIR", str(tmp_path))
    find.cache_clear()
    yield make_architecture
    find.cache_clear()
    del sys.modules["bench.architectures.my_pair"]


@pytest.mark.parametrize("shape", [(2,), (1, 28, 28)])
def test_the_example_makes_and_judges_samples(example, shape):
    pair = example("my_pair", {"width": 16})
    assert pair.hyperparameters() == {"latent": 8, "width": 16}
    assert pair.does_not_fit("any", shape) is None
    samples = pair.generator(shape)(torch.randn(3, 8))
    assert samples.shape == (3, *shape)
    assert pair.discriminator(shape)(samples).shape == (3,)


@pytest.mark.parametrize("method", ["non_saturating", "wgan_gp", "spectral_norm"])
def test_the_example_trains(example, method):
    training = Training(
        make_method(method),
        make_dataset("ring8", {"evaluation_samples": 100}),
        example("my_pair"),
        TrainingConfiguration(optimizer="sgd", learning_rate=1e-3, batch_size=16),
        updates=10,
        evaluations=1,
    )
    first, second = train(training, [0, 1], torch.device("cpu"))
    assert first.status == second.status == "ok"
    assert not np.array_equal(first.samples[-1], second.samples[-1])


def test_what_it_imports_from_another_architecture_is_a_source_too(example, tmp_path):
    file = tmp_path / "my_pair.py"
    file.write_text(EXAMPLE + "\n\nfrom bench.architectures.resnet import SIZE  # noqa\n")
    pair = example("my_pair")
    sources = sources_of(make_method("non_saturating"), make_dataset("ring8"), pair)
    assert {"bench/architectures/my_pair.py", "bench/architectures/resnet.py"} <= set(sources)


@pytest.mark.usefixtures("example")
def test_the_list_shows_it_and_the_files_that_fail(tmp_path, monkeypatch, capsys):
    (tmp_path / "unfinished.py").write_text("import no_such\n")
    find.cache_clear()
    monkeypatch.setattr(sys, "argv", ["bench", "list"])
    with pytest.raises(SystemExit, match="0"):
        main()
    shown = capsys.readouterr().out
    assert "Two hidden layers each" in shown
    assert "cannot be used: ModuleNotFoundError: No module named 'no_such' (line 1)" in shown
