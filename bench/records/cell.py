"""A cell: the unit of result, and the key that says what its result depends on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from bench.metric import Iterate
from bench.records.fingerprint import Form, digest
from bench.training.configuration import TrainingConfiguration

SCHEMA = 3
"""Version of the record format; a record of another schema never answers for a cell."""

_NOT_OF_A_ROUND = (
    *("dataset", "seed", "budget", "evaluations"),
    "source bench/datasets",
    "source the data",
)
"""How the names of ingredients begin that a compiled round does not depend on: it is given data,
and the shape of a sample is known by the data."""


@dataclass(frozen=True)
class Component:
    """A method, dataset or architecture by name, with all its hyperparameters spelled out."""

    name: str
    hyperparameters: dict[str, Any]
    label: str = ""
    """The name with the hyperparameters that differ from the default, as shown in tables."""
    evaluation: tuple[str, ...] = ()
    """Hyperparameters that only measuring depends on."""

    def trained(self) -> dict[str, Any]:
        """Return the hyperparameters that training depends on."""
        return {k: value for k, value in self.hyperparameters.items() if k not in self.evaluation}


@dataclass(frozen=True)
class Variation:
    """Which variant of its experiment a cell belongs to.

    Like a label it is no part of the key: a cell of another study, or of a variant that was called
    something else, answers for this one.
    """

    name: str
    group: str
    """Equal for the variants of one experiment."""
    dataset: str
    """Label of the experiment's dataset before a variant changes it."""
    target: float
    """Value of the primary metric at which a method works, stated beforehand."""
    changes: str
    """Changes of the variant to its experiment, in words; empty if there are none."""


@dataclass(frozen=True)
class Cell:
    """method × dataset × architecture × training × seed × budget."""

    method: Component
    dataset: Component
    architecture: Component
    training: TrainingConfiguration
    seed: int
    updates: int
    """Budget in discriminator updates."""
    evaluations: int
    sources: dict[str, str]
    """Hashes of the code this result depends on, by file."""
    not_applicable: str | None = None
    variation: Variation | None = None
    """None where the experiment is not varied."""
    metrics: tuple[Component, ...] = ()
    """Metrics of the study, in the order of the tables; no part of the key."""
    budget: dict[str, int] = field(default_factory=dict)
    """The study's budget if it does not count discriminator updates; no part of the key."""
    iterate: Iterate = "last"
    """The generator that the study ranks by; the average of a method that averages itself. It is
    measured, and no part of the key."""
    also: tuple[Component, ...] = ()
    """Further metrics that it was measured by: shown, but never used to rank."""

    def ingredients(self) -> dict[str, Any]:
        """Return everything that training depends on, one entry for each thing that may change."""
        return {
            "method": self.method.name,
            **{f"method hyperparameter {k}": v for k, v in self.method.hyperparameters.items()},
            "dataset": self.dataset.name,
            **{f"dataset hyperparameter {k}": v for k, v in self.dataset.trained().items()},
            "architecture": self.architecture.name,
            **{
                f"architecture hyperparameter {k}": v
                for k, v in self.architecture.hyperparameters.items()
            },
            **{f"training {k}": v for k, v in asdict(self.training).items()},
            "seed": self.seed,
            "budget": self.updates,
            "evaluations": self.evaluations,
            **{f"source {file}": value for file, value in self.sources.items()},
            "schema": SCHEMA,
        }

    @cached_property
    def key(self) -> str:
        return self._form.digest(self.seed)

    @cached_property
    def _form(self) -> Form:
        """All that the key hashes, but for the seed."""
        return Form({**self.ingredients(), "seed": Form.BLANK})

    def but(self, **changes: Any) -> Cell:
        """Return the cell with another seed, or with other things that are no part of its key.

        Seeds that share what they are made of cost little more than their own number.
        """
        unkeyed = {"seed", "variation", "metrics", "also", "not_applicable", "iterate", "budget"}
        assert changes.keys() <= unkeyed, "it has another key: use dataclasses.replace"
        changed = replace(self, **changes)
        changed.__dict__["_form"] = self._form
        return changed

    @property
    def group(self) -> str:
        """Hash that is equal for cells which differ only by seed: they train as one population."""
        rest = {k: v for k, v in self.ingredients().items() if k != "seed"}
        return digest(rest)

    @property
    def round(self) -> str:
        """Hash that is equal for cells whose rounds are the same function of tensors."""
        rest = {k: v for k, v in self.ingredients().items() if not k.startswith(_NOT_OF_A_ROUND)}
        return digest(rest)

    def coordinates(self) -> tuple[str, str, str, int]:
        """Return the names under which a user looks for this cell, whatever its ingredients."""
        return (self.method.name, self.dataset.name, self.architecture.name, self.seed)

    def __str__(self) -> str:
        where = self.dataset.label
        if self.variation is not None:
            where = f"{self.variation.dataset}, {self.variation.name}"
        return f"{self.method.label} on {where}, seed {self.seed}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Cell:
        parts = {name: _component(data[name]) for name in ("method", "dataset", "architecture")}
        metrics, also = (
            tuple(_component(each) for each in data.get(name, ())) for name in ("metrics", "also")
        )
        training = TrainingConfiguration(**data["training"])
        variation = data.get("variation")
        if variation is not None:
            variation = Variation(**variation)
        own = {"training": training, "variation": variation, "metrics": metrics, "also": also}
        return cls(**{**data, **parts, **own})


def _component(data: dict[str, Any]) -> Component:
    # JSON knows no tuples
    return Component(**{**data, "evaluation": tuple(data.get("evaluation", ()))})
