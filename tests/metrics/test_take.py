"""What a metric does wrong costs its own numbers, and the reason says what it was."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from bench.datasets.ring8 import Ring8
from bench.errors import BenchError
from bench.measuring.evaluation import Seen, as_compared, generated, loaded, take
from bench.metric import Metric, NotFinite, NotKept, Quantity, Reason, TooFew, Unavailable
from bench.metrics.dirac import DiracPosition
from tests.measured import subject_of

NUMBERS = tuple(Quantity(name, name, "", True) for name in ("first", "second"))


@dataclass(frozen=True)
class Scripted(Metric):
    """Does what it is told."""

    name: ClassVar[str] = "scripted"

    script: Any = None

    def quantities(self, dataset):
        return NUMBERS

    def not_applicable(self, dataset):
        return None

    def measure(self, seen):
        return self.script(seen)


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> Seen:
    subject = subject_of(Ring8(evaluation_samples=10), tmp_path_factory.mktemp("cache"))
    return Seen(subject, torch.zeros(10, 2))


def taken(seen, what) -> dict:
    return take(Scripted(script=what), seen, NUMBERS)


def raises(error: Exception):
    def measure(_):
        raise error

    return measure


def test_numbers_of_any_kind_are_floats(seen):
    found = taken(seen, lambda _: {"first": np.float32(0.5), "second": torch.tensor(3)})
    assert found == {"first": 0.5, "second": 3.0}
    assert {type(value) for value in found.values()} == {float}


def test_a_reason_stays_with_its_number(seen):
    why = Reason("undefined", "there is nothing to divide by")
    assert taken(seen, lambda _: {"first": 1, "second": why}) == {"first": 1.0, "second": why}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TooFew.of(3, 1), "too_few"),
        (NotFinite("NaN"), "not_finite"),
        (Unavailable("no weights"), "unavailable"),
        (NotKept("no networks"), "not_kept"),
    ],
)
def test_what_is_not_measured_says_why_for_all_its_numbers(seen, error, kind):
    why = Reason(kind, str(error))
    assert taken(seen, raises(error)) == {"first": why, "second": why}


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("the idea\nis wrong"), "it raises ValueError: the idea"),
        (ZeroDivisionError(), "it raises ZeroDivisionError: "),
        (KeyError("x"), "it raises KeyError: 'x'"),
        (SystemExit(3), "it raises SystemExit: 3"),
        (BenchError("weights that are none"), "weights that are none"),
    ],
)
def test_an_exception_is_the_reason_in_one_line(seen, error, text):
    assert set(taken(seen, raises(error)).values()) == {Reason("failed", text)}


def test_what_is_no_fault_of_the_metric_is_passed_on(seen):
    with pytest.raises(MemoryError):
        taken(seen, raises(MemoryError("64 GiB")))


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ({"first": 1}, "it measures first where first, second is expected"),
        ({"first": 1, "third": 2}, "it measures first, third where first, second is expected"),
        ({}, "it measures nothing where first, second is expected"),
        (None, "it gives None where first, second is expected"),
        (3.5, "it gives 3.5 where first, second is expected"),
    ],
)
def test_other_names_are_told(seen, result, text):
    assert set(taken(seen, lambda _: result).values()) == {Reason("failed", text)}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float64("-inf")])
def test_a_number_that_is_not_finite_is_none(seen, value):
    found = taken(seen, lambda _: {"first": value, "second": 2})
    assert found["first"].kind == "not_finite"
    assert found["second"] == 2


@pytest.mark.parametrize("value", ["text", None, [1, 2], torch.zeros(3)])
def test_what_is_no_number_is_told(seen, value):
    found = taken(seen, lambda _: {"first": value, "second": 2})
    assert found["first"].kind == "failed"
    assert "which is no number" in found["first"].text
    assert found["second"] == 2


def test_samples_alone_have_no_networks_to_look_at(seen):
    found = take(DiracPosition(), seen, DiracPosition().quantities(seen.dataset))
    assert {reason.kind for reason in found.values()} == {"undefined"}
    assert "these samples have none" in found["radius"].text


def test_the_players_of_the_dirac_gan_are_where_their_weights_are(seen):
    players = nn.Module(), nn.Module()
    players[0].theta = nn.Parameter(torch.tensor([-3.0]))
    players[1].psi = nn.Linear(1, 1, bias=False)
    nn.init.constant_(players[1].psi.weight, 4.0)
    found = take(
        DiracPosition(),
        Seen(seen.subject, seen.samples, players=players),
        DiracPosition().quantities(seen.dataset),
    )
    assert found == {"radius": 5.0, "distance": 3.0, "theta": -3.0, "psi": 4.0}


# samples of networks


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def test_a_module_is_loaded_with_parameters_and_buffers():
    source, target = network(), network()
    source(torch.randn(50, 3))
    found = loaded(target, dict(source.state_dict()), "generator")
    assert found is target
    assert not found.training
    assert not any(p.requires_grad for p in found.parameters())
    inputs = torch.randn(5, 3)
    torch.testing.assert_close(found(inputs), source.eval()(inputs))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda t: t.pop("1.running_mean"), "1.running_mean"),
        (lambda t: t.update({"more": torch.zeros(1)}), "more"),
        (lambda t: t.update({"2.weight": torch.zeros(2, 5)}), "2.weight"),
    ],
)
def test_tensors_of_another_architecture_are_told(change, named):
    tensors = dict(network().state_dict())
    change(tensors)
    with pytest.raises(BenchError, match=r"the stored generator is not this architecture's") as e:
        loaded(network(), tensors, "generator")
    assert named in str(e.value)


def test_samples_do_not_depend_on_how_many_are_made_at_once(monkeypatch):
    net, latents = network().eval(), torch.randn(23, 3)
    whole = generated(net, latents, images=False)
    monkeypatch.setattr("bench.measuring.evaluation.POINTS_AT_ONCE", 5)
    torch.testing.assert_close(generated(net, latents, images=False), whole)
    assert not whole.requires_grad


def test_images_are_compared_as_bytes_and_points_as_they_are():
    images = torch.tensor([-3.0, -1.0, 0.0, 1.0, 7.0]).view(5, 1, 1, 1)
    assert as_compared(images).flatten().tolist() == [0, 0, 128, 255, 255]
    every = torch.arange(256, dtype=torch.uint8).view(-1, 1, 1, 1)
    assert torch.equal(as_compared(every.float() / 127.5 - 1), every)
    assert as_compared(every) is every
    points = torch.randn(3, 2)
    assert as_compared(points) is points
