"""Compiled rounds against plain ones, and the cache that keeps them."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.architectures.dcgan import DCGAN
from bench.architectures.mlp import MLP
from bench.check import check_part
from bench.check.methods import can_be_compiled
from bench.check.trial import FewDigits
from bench.datasets.grid25 import Grid25
from bench.errors import BenchError
from bench.method import Method
from bench.registry import find, make_method
from bench.training.checkpoints import Outcome
from bench.training.configuration import TrainingConfiguration
from bench.training.engines import Compiled, Engine, Traced, _overwrite, compiler
from bench.training.loop import Training, train
from tests.recipes import changed

CPU = torch.device("cpu")
METHODS = list(find("method").parts)
COMBINED = ["hinge+spectral_norm+r1", "lecam+unrolled", "consensus_optimization+r1", "pacgan+ttur"]
SMALL = MLP(latent=2, generator_widths=(16,), discriminator_widths=(16,))
IMAGES = DCGAN(8, (4, 4, 4), (4, 4, 4), discriminator_batch_norm=False)


def training(method: Method, rounds: int = 6, **changes) -> Training:
    """A few rounds on points, or on images where the method means nothing on points."""
    images = method.not_applicable(Grid25(), SMALL) is not None
    steps = changes.get("critic_steps") or method.critic_steps
    return changed(
        Training(
            method=method,
            dataset=FewDigits(evaluation_samples=16) if images else Grid25(evaluation_samples=50),
            architecture=IMAGES if images else SMALL,
            configuration=TrainingConfiguration(learning_rate=1e-3, betas=(0.5, 0.9), batch_size=8),
            updates=rounds * method.round_length(steps),
            evaluations=1,
        ),
        **changes,
    )


def assert_near(plain: Outcome, other: Outcome, rtol: float = 1e-3) -> None:
    assert other.status == plain.status
    assert other.cost == plain.cost
    for name, values in plain.series.items():
        # a Wasserstein loss has no slope by the last bias: Adam makes full steps of its rounding
        # errors, which shift the generator's loss and nothing else
        atol = 5e-3 if name == "generator_loss" else 1e-4
        np.testing.assert_allclose(other.series[name], values, rtol=rtol, atol=atol, err_msg=name)
    np.testing.assert_allclose(other.samples[-1], plain.samples[-1], rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("name", [*METHODS, *COMBINED])
def test_the_graph_of_a_round_gives_the_numbers_of_the_round(name):
    recipe = training(make_method(name))
    plain, traced = (train(recipe, [1], CPU, engine=e)[0] for e in (Engine(), Traced()))
    assert (plain.engine, traced.engine) == ("eager", "traced"), traced.engine_note
    assert_near(plain, traced)


OPTIONS = {
    "linear decay": {"decay": "linear"},
    "average": {"ema": 0.9},
    "simultaneous": {"simultaneous": True},
    "critic steps": {"critic_steps": 2},
    "bfloat16": {"precision": "bfloat16"},
    "rmsprop": {"optimizer": "rmsprop"},
    "batch normalisation": {
        "architecture": replace(SMALL, generator_batch_norm=True, discriminator_batch_norm=True)
    },
    "convolutions with batch normalisation": {
        "dataset": FewDigits(evaluation_samples=16),
        "architecture": DCGAN(8, (4, 4, 4), (4, 4, 4)),
    },
}


@pytest.mark.parametrize("option", OPTIONS)
def test_so_does_that_of_every_option(option):
    recipe = training(Method(), rounds=12, **OPTIONS[option])
    plain, traced = (train(recipe, [1], CPU, engine=e)[0] for e in (Engine(), Traced()))
    assert traced.engine == "traced", traced.engine_note
    # products in bfloat16 differ by more than their order of summation
    assert_near(plain, traced, rtol=0.05 if option == "bfloat16" else 1e-3)


def test_what_is_annealed_is_not_fixed_in_the_graph():
    recipe = training(make_method("instance_noise", {"strength": 2.0}), rounds=40)
    plain, traced = (train(recipe, [0], CPU, engine=e)[0] for e in (Engine(), Traced()))
    assert_near(plain, traced, rtol=1e-2)


@pytest.fixture(scope="session")
def graphs(tmp_path_factory) -> Path:
    """A cache for the tests of a session."""
    return tmp_path_factory.mktemp("rounds")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wgan_gp", "spectral_norm"])
def test_a_compiled_round_gives_its_numbers_and_the_same_bits_in_any_company(name, graphs):
    recipe, engine = training(make_method(name)), Compiled(graphs, name)
    plain = train(recipe, [0, 1, 2, 3, 4], CPU)
    together = train(recipe, [3, 0, 2], CPU, engine=engine)
    (alone,) = train(recipe, [2], CPU, engine=engine)
    assert [outcome.engine for outcome in (*together, alone)] == ["compiled"] * 4
    for outcome in together:
        assert_near(plain[outcome.seed], outcome)
    for name, values in alone.series.items():
        np.testing.assert_array_equal(values, together[2].series[name])
    np.testing.assert_array_equal(alone.samples, together[2].samples)
    assert alone.checkpoints == together[2].checkpoints


@pytest.mark.slow
def test_convolutions_with_batch_normalisation_are_compiled(graphs):
    recipe = training(Method(), **OPTIONS["convolutions with batch normalisation"])
    plain = train(recipe, [1], CPU)[0]
    compiled = train(recipe, [1], CPU, engine=Compiled(graphs, "images"))[0]
    assert compiled.engine == "compiled", compiled.engine_note
    assert_near(plain, compiled)


@pytest.mark.slow
def test_a_graph_is_compiled_once_and_a_damaged_one_again(graphs, monkeypatch):
    made = []
    really = engines_compile()
    monkeypatch.setattr(
        "bench.training.engines._compile", lambda *a: (made.append(1), really(*a))[1]
    )
    folder = graphs / "damaged"
    recipe, engine = training(Method(), rounds=2), Compiled(folder, "a round")
    for _ in range(2):
        (first,) = train(recipe, [0], CPU, engine=engine)
    # other data of the same shape, another budget: the same round
    other = replace(recipe, dataset=Grid25(evaluation_samples=50, spacing=1.0), updates=5)
    train(other, [0], CPU, engine=engine)
    assert len(made) == 1
    (file,) = folder.glob("*.pt2")
    file.write_bytes(file.read_bytes()[:5000])
    (again,) = train(recipe, [0], CPU, engine=engine)
    assert len(made) == 2
    assert again.engine == "compiled"
    np.testing.assert_array_equal(again.samples, first.samples)
    monkeypatch.setattr(torch, "__version__", "0.0")
    really = None  # to be asked for it is enough
    (other,) = train(recipe, [0], CPU, engine=engine)
    assert len(made) == 3
    assert other.engine == "eager"


def engines_compile():
    from bench.training import engines

    return engines._compile


needs_compiler = pytest.mark.skipif(not compiler(), reason="no C++ compiler")


@needs_compiler
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_costs_speed_alone(tmp_path):
    tmp_path.chmod(0o500)
    (outcome,) = train(training(Method(), 2), [0], CPU, engine=Compiled(tmp_path, "x"))
    assert outcome.status == "ok"
    assert outcome.engine == "eager"
    assert "cannot write" in outcome.engine_note


@needs_compiler
def test_a_cache_that_cannot_be_had_costs_speed_alone(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    engine = Compiled(tmp_path / "file" / "rounds", "x")
    (outcome,) = train(training(Method(), 2), [0], CPU, engine=engine)
    assert (outcome.status, outcome.engine) == ("ok", "eager")
    assert "cannot write" in outcome.engine_note


def test_without_a_compiler_rounds_are_played_plainly_and_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    (outcome,) = train(training(Method(), 2), [0], CPU, engine=Compiled(tmp_path, "x"))
    assert (outcome.status, outcome.engine) == ("ok", "eager")
    assert "compiler" in outcome.engine_note


COMPILING = """
import sys, torch
from pathlib import Path
from tests.training.test_engines import CPU, training, train, Compiled, Method
torch.set_num_threads(1)
(outcome,) = train(training(Method(), 2), [0], CPU, engine=Compiled(Path(sys.argv[1]), "x"))
print(outcome.engine, outcome.samples[-1].sum(), outcome.timing["compile_seconds"])
"""


def compiling(folder: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", COMPILING, str(folder)], stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


@pytest.mark.slow
def test_of_two_who_want_a_graph_one_compiles_and_a_killed_one_leaves_nothing_broken(tmp_path):
    victim = compiling(tmp_path)
    while not list(tmp_path.glob("*.lock")):
        assert victim.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.communicate()
    told = [p.communicate(timeout=300)[0].split() for p in [compiling(tmp_path) for _ in range(2)]]
    assert [each[0] for each in told] == ["compiled", "compiled"]
    assert told[0][1] == told[1][1]
    assert len([f for f in tmp_path.glob("*.pt2") if ".tmp" not in f.name]) == 1


@dataclass(frozen=True)
class Looking(Method):
    """A method that branches on the value of a tensor."""

    def generator_loss(self, fake_logits, real_logits):
        loss = super().generator_loss(fake_logits, real_logits)
        if loss.sum().item() > 1e9:
            return 2 * loss
        return loss


def test_a_method_that_looks_at_values_trains_plainly_and_the_place_is_named(tmp_path):
    recipe = training(Looking(), 3)
    (outcome,) = train(recipe, [0], CPU, engine=Compiled(tmp_path, "looking"))
    assert (outcome.status, outcome.engine) == ("ok", "eager")
    assert outcome.engine_note.startswith("at test_engines.py, line ")
    assert "value of a tensor" in outcome.engine_note
    (plain,) = train(replace(recipe, method=Method()), [0], CPU)
    np.testing.assert_array_equal(outcome.samples, plain.samples)


def test_the_suite_says_beforehand_that_a_method_cannot_be_compiled():
    problems = [v.problem for v in check_part(Looking()) if v.problem]
    assert any("cannot be compiled" in problem and "line" in problem for problem in problems)


@dataclass(frozen=True)
class Counting(Method):
    """A method whose loss depends on how often it was called."""

    def __post_init__(self):
        object.__setattr__(self, "calls", [])

    def generator_loss(self, fake_logits, real_logits):
        self.calls.append(1)
        return super().generator_loss(fake_logits, real_logits) * len(self.calls)


def test_the_suite_says_that_a_method_remembers_what_a_graph_cannot():
    with pytest.raises(BenchError, match="compiled, it gives other numbers"):
        can_be_compiled(Counting())


@dataclass(frozen=True)
class Hoarding(Method):
    """A method that keeps its random numbers outside its state."""

    def __post_init__(self):
        object.__setattr__(self, "kept", [])

    def initial_state(self, discriminator, noise):
        self.kept[:] = [noise.normal(1)]
        return {}

    def generator_loss(self, fake_logits, real_logits):
        return super().generator_loss(fake_logits, real_logits) * self.kept[0].square()[:, 0]


def test_what_was_drawn_for_some_members_is_not_compiled_for_all(tmp_path):
    recipe, engine = training(Hoarding(), 3), Compiled(tmp_path, "hoarding")
    for seed in (0, 7):
        (outcome,) = train(recipe, [seed], CPU, engine=engine)
        assert outcome.engine == "eager"
        assert "neither an argument" in outcome.engine_note
        (plain,) = train(recipe, [seed], CPU)
        np.testing.assert_array_equal(
            outcome.series["generator_loss"], plain.series["generator_loss"]
        )


@dataclass(frozen=True)
class Turning(Method):
    """A method whose state changes its layout."""

    def initial_state(self, discriminator, noise):
        weight = next(iter(discriminator.values()))
        return {"square": weight.new_ones(len(weight), 2, 3)}

    def discriminator_weights(self, weights, state, advance):
        if advance:
            state["square"] = (state["square"] + 1).mT.contiguous().mT
        return weights


def test_a_state_that_changes_its_layout_is_not_compiled(tmp_path):
    (outcome,) = train(training(Turning(), 3), [0], CPU, engine=Compiled(tmp_path, "turning"))
    assert outcome.engine == "eager"
    assert "layout" in outcome.engine_note


def test_a_lack_of_memory_is_no_reason_to_train_plainly(tmp_path, monkeypatch):
    def none_left(*_):
        raise MemoryError

    monkeypatch.setattr("bench.training.engines._compile", none_left)
    engine = Compiled(tmp_path, "x", lambda error: isinstance(error, MemoryError))
    with pytest.raises(MemoryError):
        train(training(Method(), 2), [0], CPU, engine=engine)


@dataclass(frozen=True)
class Greedy(Method):
    """A method that draws more noise once training has begun."""

    def penalty(self, discriminator, real, fake, noise):
        noise.uniform(3)
        for _ in range(len(CALLS)):
            noise.uniform(1)
        CALLS.append(1)
        return


CALLS: list[int] = []


def test_a_round_that_asks_for_more_than_the_first_is_refused_in_one_line():
    with pytest.raises(BenchError, match="every round must draw the same"):
        train(training(Greedy(), 3), [0], CPU)


def test_a_method_that_leaves_out_a_player_is_refused():
    class Idle(Method):
        def update(self, game):
            game.generator_gradients()

    class Still(Method):
        def update(self, game):
            game.step_discriminator(game.discriminator_gradients())

    with pytest.raises(BenchError, match="made no discriminator update"):
        train(training(Idle(), 3), [0], CPU)
    with pytest.raises(BenchError, match="made no generator update"):
        train(training(Still(), 3), [0], CPU)


def test_entries_of_a_state_that_change_places_are_not_lost():
    one, two = torch.ones(3), torch.full((3,), 2.0)
    held = {"a": one, "b": two}
    _overwrite(held, {"a": two, "b": one})
    assert held["a"].tolist() == [2, 2, 2]
    assert held["b"].tolist() == [1, 1, 1]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("name", METHODS)
def test_a_captured_round_gives_the_numbers_of_the_round(name, graphs):
    device, recipe = torch.device("cuda"), training(make_method(name))
    plain = train(recipe, [1], device)[0]
    compiled = train(recipe, [1], device, engine=Compiled(graphs, name))[0]
    assert compiled.engine == "compiled", compiled.engine_note
    assert_near(plain, compiled)
