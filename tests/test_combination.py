"""Several methods as one: what each brings in, what they may share, and what is refused."""

from dataclasses import dataclass

import pytest
import torch

from bench.check import check_part
from bench.combination import CLAIMS, NUMBERS, SHARED, Combination
from bench.errors import BenchError
from bench.method import Method, Optimizer
from bench.records.sources import sources_of
from bench.registry import (
    described,
    label_of,
    make_architecture,
    make_dataset,
    make_method,
)
from bench.training.streams import MemberNoise
from bench.training.views import View

P, B = 2, 4


def told(name: str, hyperparameters: dict | None = None) -> str:
    with pytest.raises(BenchError) as error:
        make_method(name, hyperparameters)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_order_of_typing_changes_nothing(make_cell):
    names = ("hinge+r1+ttur", "ttur+hinge+r1", " r1 + ttur + hinge ")
    made = [make_method(name) for name in names]
    assert {method.name for method in made} == {"hinge+r1+ttur"}
    assert made[0] == made[1] == made[2]
    assert len({make_cell(method.name).key for method in made}) == 1
    assert make_cell("hinge+r1").key != make_cell("hinge+r2").key


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wgan_gp+hinge", "hinge and wgan_gp cannot be combined: both state the loss;"),
        ("ttur+wgan_gp+r1+hinge", "hinge and wgan_gp cannot"),
        ("vanilla+label_smoothing", "label_smoothing and vanilla cannot"),
        ("diffaugment+instance_noise", "both state what the discriminator is shown"),
        ("unrolled+extragradient", "both state the round of updates"),
        ("wgan_clip+optimistic_adam", "both state the optimisers, and their order would matter"),
        ("ttur+ttur", "'ttur+ttur' names ttur twice"),
        ("ttur+", "'+ttur' is not a combination; write it as one+other"),
        ("spectral_nrom+ttur", "unknown method 'spectral_nrom'; did you mean 'spectral_norm'?"),
    ],
)
def test_what_cannot_be_combined_is_told_with_its_names(name, message):
    assert message in told(name)


def test_settings_are_named_by_part():
    method = make_method(
        "ttur+spectral_norm", {"ttur.ratio": 8, "spectral_norm.power_iterations": 1}
    )
    assert method.hyperparameters() == {"spectral_norm.power_iterations": 1, "ttur.ratio": 8.0}
    assert make_method(method.name, method.hyperparameters()) == method
    assert label_of(method) == "spectral_norm+ttur(ratio=8.0)"
    assert label_of(make_method("ttur+spectral_norm")) == "spectral_norm+ttur"
    known = "'spectral_norm+ttur' has no hyperparameter 'ratio'; did you mean 'ttur.ratio'?"
    assert known in told("ttur+spectral_norm", {"ratio": 8})
    assert "hyperparameter ttur.ratio is 'fast'" in told("r1+ttur", {"ttur.ratio": "fast"})


def test_every_hook_of_the_contract_is_thought_of():
    """One that a combination forgot would quietly be the default, whatever the parts say."""
    hooks = {name for name in vars(Method) if not name.startswith("_")}
    known = {*NUMBERS, *SHARED, *(hook for hooks in CLAIMS.values() for hook in hooks)}
    known |= {"initial_state", "not_applicable", "hyperparameters", "search", "published", "name"}
    assert hooks == known | {"on_request"}
    assert known <= set(vars(Combination))


@dataclass(frozen=True)
class Numbers(Method):
    name: str = "numbers"
    critic_steps: int = 1
    packing: int = 1
    ema: float = 0.0


@pytest.mark.parametrize("number", [{"critic_steps": 3}, {"packing": 2}, {"ema": 0.9}])
def test_numbers_may_be_stated_twice_if_they_agree(number):
    ((key, value),) = number.items()
    one, same = Numbers("one", **number), Numbers("same", **number)
    for parts in ((one, same), (one, Numbers("silent")), (Numbers("a"), one)):
        assert getattr(Combination(parts), key) == value
    with pytest.raises(BenchError, match=f"one and other .* differ .*{value} and {value + 0.05}"):
        Combination((one, Numbers("other", **{key: value + 0.05})))


@pytest.mark.parametrize("kind", ["adam", "rmsprop", "sgd"])
def test_optimisers_are_applied_one_after_the_other(kind):
    base = Optimizer(kind, 1e-3, (0.5, 0.9))
    combined = make_method("optimistic_adam+r3gan+ttur", {"ttur.ratio": 3})
    generator, discriminator = combined.optimizers(base)
    assert generator == Optimizer(f"optimistic_{kind}", 1e-3, (0.0, 0.9))
    assert discriminator == Optimizer(f"optimistic_{kind}", pytest.approx(3e-3), (0.0, 0.9))


@dataclass(frozen=True)
class Counting(Method):
    """Adds what it has counted so far, under a name that others use, too."""

    name: str = "counting"
    step: float = 1.0
    whole: bool = False

    def initial_state(self, discriminator, noise):
        return {"count": torch.zeros(P)}

    def penalty(self, discriminator, real, fake, noise):
        discriminator.state["count"] = discriminator.state["count"] + self.step
        count = discriminator.state["count"]
        return count.mean() if self.whole else count


def penalties(method: Method, times: int) -> list[list[float]]:
    noise = MemberNoise(list(range(P)), torch.device("cpu"))
    state = method.initial_state({}, noise)
    view = View(None, {}, state, lambda: None)
    batch = torch.zeros(P, B, 2)
    return [method.penalty(view, batch, batch, noise).tolist() for _ in range(times)]


def test_every_part_has_a_state_of_its_own():
    combined = Combination((Counting("one"), Counting("ten", 10.0), Method()))
    assert penalties(combined, 3) == [[11.0] * P, [22.0] * P, [33.0] * P]


def test_a_penalty_without_a_value_a_member_is_not_hidden_by_another():
    combined = Combination((Counting("fine"), Counting("mine", whole=True)))
    with pytest.raises(BenchError, match=r"penalty of mine returned \(\) .*mean\(1\)"):
        penalties(combined, 1)


def test_what_has_no_meaning_for_one_has_none_for_all():
    dirac = make_dataset("dirac"), make_architecture("dirac")
    reason = make_method("ttur+spectral_norm").not_applicable(*dirac)
    assert reason == f"spectral_norm: {make_method('spectral_norm').not_applicable(*dirac)}"
    assert make_method("ttur+r1").not_applicable(*dirac) is None


def test_the_sources_are_those_of_all_parts():
    pair = make_dataset("ring8"), make_architecture("mlp")
    alone = {name: sources_of(make_method(name), *pair) for name in ("r2", "ttur")}
    assert not any("combination" in file for files in alone.values() for file in files)
    together = sources_of(make_method("ttur+r2"), *pair)
    assert together.items() >= alone["r2"].items() | alone["ttur"].items()
    # r2 takes its formula from r1's file
    assert "methods/r1.py" in together
    assert together.keys() - alone["r2"].keys() == {"methods/ttur.py", "bench/combination.py"}


def test_a_description_says_what_each_part_brings_in():
    text = described("spectral_norm+hinge+r1+generator_ema", {"generator_ema.ema": 0.9})
    first, *_ = text.split("\n\n")
    assert first == (
        "A combination. generator_ema: the decay of the generator's average (0.9); hinge: the "
        "loss; r1: a penalty; spectral_norm: the weights that the discriminator is called with."
    )
    for name in ("hinge", "r1", "spectral_norm"):
        assert described(name, {}) in text
    assert described("hinge+one_that_is_gone", {}) is None


def test_a_combination_passes_the_suite():
    verdicts = check_part(make_method("lecam+spectral_norm+dragan+ttur"))
    assert [verdict for verdict in verdicts if verdict.problem] == []
