"""What a study file may say, and how one is read."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from bench.errors import BenchError, nearest
from bench.metric import Iterate
from bench.registry import Part
from bench.study.deciding import Deciding, Whole
from bench.training.configuration import TrainingConfiguration

TRAINING_KEYS = [field.name for field in fields(TrainingConfiguration)]

Hyperparameters = dict[str, Any]
Margin = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, gt=0)]
Spent = Literal["discriminator_updates", "generator_updates", "gradient_evaluations"]
Named = Annotated[Part, BeforeValidator(Part.of)]
VariantEntry = str | Annotated[dict[str, Hyperparameters], Field(min_length=1, max_length=1)]
"""The name of a shipped variant, or a name with what it changes."""
FIXED, MAPPING = "a number or a list", "a mapping"
Seeds = Annotated[
    Annotated[Whole | list[Whole], Tag(FIXED)] | Annotated[Deciding, Tag(MAPPING)],
    # without it an error in a mapping is reported as "should be a valid integer"
    Discriminator(lambda value: MAPPING if isinstance(value, dict | Deciding) else FIXED),
]
"""A number, a list, or batches that are added until the study's question is decided."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def distinct_seeds(value: int | list[int]) -> list[int]:
    seeds = list(range(value)) if isinstance(value, int) else value
    if not seeds:
        raise ValueError("at least one seed is needed")
    if min(seeds) < 0:
        raise ValueError("seeds must not be negative")
    twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if twice:
        raise ValueError(f"seed {twice[0]} is given twice")
    return seeds


class Experiment(_Strict):
    """A dataset with the architecture, training and budget on which methods are compared."""

    dataset: Named
    architecture: Named
    training: TrainingConfiguration = TrainingConfiguration()
    vary: Annotated[list[VariantEntry], Field(min_length=1)] | None = None
    """Variants of the experiment that stand in its place (bench/study/variation.py)."""
    target: float | None = Field(None, allow_inf_nan=False)
    """Value of the primary metric at which a method works; None: the dataset's own."""
    updates: Whole | None = Field(None, gt=0)
    epochs: float | None = Field(None, gt=0, allow_inf_nan=False)
    budget: Annotated[dict[Spent, Count], Field(min_length=1, max_length=1)] | None = None
    """What methods may spend of something else than discriminator updates, in place of these."""
    evaluations: Whole | None = Field(None, gt=0)
    seeds: Whole | list[Whole] | None = None
    metrics: list[Named] = []
    """Metrics beside those of the study and those that are taken by default."""

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, value: int | list[int] | None) -> list[int] | None:
        return None if value is None else distinct_seeds(value)

    @field_validator("target")
    @classmethod
    def _has_use(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is not None and not info.data.get("vary"):
            raise ValueError("a target is what variants are judged by; give vary, too")
        return value


class StudyFile(_Strict):
    """What a study file may say; ``docs/architecture.md`` describes each key."""

    description: str = ""
    hyperparameters: Literal["defaults", "published"] = "defaults"
    """Of methods of which nothing else is said; ``published``: for the kind of data, if any are."""
    methods: Literal["all"] | Annotated[list[Named], Field(min_length=1)]
    experiments: Annotated[list[Experiment], Field(min_length=1)]
    seeds: Seeds = Field(3, validate_default=True)
    evaluations: Whole = Field(10, gt=0)
    time_limit: float = Field(6 * 3600, gt=0)
    """Seconds after which a job is stopped; the next run goes on from its savepoint."""
    save_every: float = Field(120, ge=0)
    """Seconds from one savepoint of a training to the next; 0: none but when it is stopped."""
    require: list[str] = []
    """Metrics without which the study is not to be run, such as fid; they are measured, too."""
    metrics: list[Named] = []
    """Metrics that are measured beside those that are taken by default, where they apply."""
    iterate: Iterate = "last"
    """The generator that methods are ranked by: with its last weights or with their average; the
    metric that ranks is taken of the other one, too."""
    redraws: Whole = Field(0, ge=0)
    """How often evaluation samples are drawn anew, for the spread of the metric that ranks; 0: not
    measured."""
    margin: Margin | dict[str, Margin] | None = None
    """Two methods are equal where their difference in the metric that ranks is surely smaller; one
    value, or one for each dataset."""
    comparison: Literal["welch", "paired"] = "welch"
    """How two methods without failed seeds are compared: by Welch's test, or by the paired t test
    at equal seeds (docs/statistics.md, "Which test")."""
    keep: Literal["all", "ends", "last", "none"] | None = None
    """Checkpoints whose networks are kept; None: all of small ones, else the ends."""

    @field_validator("methods", mode="before")
    @classmethod
    def _some(cls, value: Any) -> Any:
        if value != "all" and not (isinstance(value, list) and value):
            raise ValueError("give a list of at least one method, or all")
        return value

    @field_validator("seeds")
    @classmethod
    def _distinct(
        cls, value: int | list[int] | Deciding, info: ValidationInfo
    ) -> list[int] | Deciding:
        if not isinstance(value, Deciding):
            return distinct_seeds(value)
        if any(experiment.seeds for experiment in info.data.get("experiments", [])):
            raise ValueError("an experiment has seeds of its own; remove them")
        return value

    @property
    def deciding(self) -> Deciding | None:
        return self.seeds if isinstance(self.seeds, Deciding) else None

    def decided(self) -> StudyFile:
        """Return the study with seeds that are added until its question is decided."""
        if self.deciding:
            return self
        experiments = [e.model_copy(update={"seeds": None}) for e in self.experiments]
        return self.model_copy(update={"seeds": Deciding(), "experiments": experiments})

    @field_validator("redraws")
    @classmethod
    def _has_spread(cls, value: int) -> int:
        if value == 1:
            raise ValueError("a spread needs at least 2 draws")
        return value


class _Loader(yaml.SafeLoader):
    """YAML without its habit of letting the second of two equal keys win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                raise yaml.YAMLError(f"'{name}' is given twice")
        return super().construct_mapping(node, deep)


def read(file: Path) -> StudyFile:
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise BenchError(f"study file {file} cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        told = " ".join(str(error).split())
        raise BenchError(f"study file {file} is not valid YAML: {told}") from error
    if not isinstance(content, dict):
        raise BenchError(f"study file {file} must hold keys such as methods and experiments")
    try:
        return StudyFile.model_validate(content)
    except ValidationError as error:
        raise BenchError(f"study file {file}: {first_problem(error)}") from error


def first_problem(error: ValidationError) -> str:
    """One line for what is wrong in a study file, or in a part of one."""
    problem = max(error.errors(), key=lambda each: len(each["loc"]))
    # pydantic also names the alternative it tried: int, str, list[…]
    place = [str(part) for part in problem["loc"] if isinstance(part, int) or
             (part.isidentifier() and part not in ("int", "str"))]  # fmt: skip
    if MAPPING in problem["loc"]:
        place = ["seeds", *[str(part) for part in problem["loc"] if part in Deciding.model_fields]]
    where = ".".join(place) or "top level"
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        known = list(StudyFile.model_fields)
        if "training" in place:
            known = TRAINING_KEYS
        elif "experiments" in place:
            known = list(Experiment.model_fields)
        elif MAPPING in problem["loc"]:
            place, known = ["seeds", str(problem["loc"][-1])], list(Deciding.model_fields)
            where = ".".join(place)
        return f"unknown key '{where}'{nearest(place[-1], known)}"
    if problem["type"] == "missing":
        return f"the key '{where}' is missing"
    told = problem["msg"].removeprefix("Value error, ")
    return f"'{where}' is {problem['input']!r}: {told[0].lower()}{told[1:]}"
