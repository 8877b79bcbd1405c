"""The schema of study files, and how one is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

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
from pydantic_core import ErrorDetails

from bench.errors import BenchError, nearest, one_line, shown
from bench.metric import Iterate
from bench.registry import Part
from bench.study.deciding import Deciding, Whole
from bench.training.configuration import Number, TrainingConfiguration
from bench.training.savepoints import EVERY
from bench.words import count
from bench.yaml12 import Place, read_file

TRAINING = "training"
MEANT = dict.fromkeys(("setting", "settings", "config", "configuration", "optimizer"), TRAINING)
"""Other names of the training."""
TRAINING_KEYS = [field.name for field in fields(TrainingConfiguration)]

Hyperparameters = dict[str, Any]
Margin = Annotated[Number, Field(gt=0)]
Count = Annotated[Whole, Field(gt=0, le=10**12)]
"""Updates, or what else a budget counts."""
Evaluations = Annotated[Whole, Field(gt=0, le=10_000)]
Seconds = Annotated[Number, Field(le=366 * 24 * 3600)]
SEED = 2**32 - 1
"""The greatest seed."""
RUNS = 200_000
"""Runs of a study that does not say how many it may have."""
MOST_RUNS = 10_000_000
"""Runs that a study may say."""
MOST_OTHERS = 2
"""Problems that an error names beside the first one."""
HOLDER = "x-"
"""Begins keys of a file's top level that are no part of the study, and hold anchors."""
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


def distinct_seeds(value: int | Sequence[int]) -> Sequence[int]:
    """Return a count or a list of seeds as distinct seeds; of a count nothing is written out.

    Raises:
        ValueError: no seed is given, or one is given twice or out of range.
    """
    if isinstance(value, int):
        if value < 1:
            raise ValueError("at least one seed is needed")
        return range(value)
    if not value:
        raise ValueError("at least one seed is needed")
    if min(value) < 0:
        raise ValueError("seeds must not be negative")
    if max(value) > SEED:
        raise ValueError(f"seeds go up to {SEED:,}")
    twice = [seed for seed, times in Counter(value).items() if times > 1]
    if twice:
        raise ValueError(f"seed {min(twice)} is given twice")
    return value


class Experiment(_Strict):
    """A dataset with the architecture, training and budget on which methods are compared."""

    dataset: Named
    architecture: Named
    training: TrainingConfiguration = TrainingConfiguration()
    vary: Annotated[list[VariantEntry], Field(min_length=1)] | None = None
    """Variants of the experiment that stand in its place (bench/study/variation.py)."""
    target: Number | None = None
    """Value of the primary metric at which a method works; None: the dataset's own."""
    updates: Count | None = None
    epochs: Annotated[Number, Field(gt=0, le=10**6)] | None = None
    budget: Annotated[dict[Spent, Count], Field(min_length=1, max_length=1)] | None = None
    """Budget in another unit than discriminator updates, in place of these."""
    evaluations: Evaluations | None = None
    seeds: Whole | list[Whole] | None = None
    metrics: list[Named] = []
    """Metrics beside those of the study and those that are taken by default."""

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, value: int | list[int] | None) -> Sequence[int] | None:
        return None if value is None else distinct_seeds(value)

    @field_validator("target")
    @classmethod
    def _has_use(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is not None and not info.data.get("vary"):
            raise ValueError("a target is what variants are judged by; give vary, too")
        return value


class StudyFile(_Strict):
    """Schema of a study file; ``docs/studies.md`` describes each key."""

    description: str = ""
    hyperparameters: Literal["defaults", "published"] = "defaults"
    """Default for methods: their own, or those ``published`` for the kind of data, if any."""
    methods: Literal["all"] | Annotated[list[Named], Field(min_length=1)]
    experiments: Annotated[list[Experiment], Field(min_length=1)]
    seeds: Seeds = Field(3, validate_default=True)
    most_runs: Annotated[Whole, Field(gt=0, le=MOST_RUNS)] = RUNS
    """Runs beyond which the study is refused, as it would be by mistake."""
    evaluations: Evaluations = 10
    time_limit: Seconds = Field(6 * 3600, gt=0)
    """Seconds after which a job is stopped; the next run goes on from its savepoint."""
    save_every: Seconds = Field(EVERY, ge=0)
    """Seconds from one savepoint of a training to the next; 0: none but when it is stopped."""
    require: list[str] = []
    """Metrics without which the study is not to be run, such as fid; they are measured, too."""
    metrics: list[Named] = []
    """Metrics that are measured beside those that are taken by default, where they apply."""
    iterate: Iterate = "last"
    """The generator that methods are ranked by: with its last weights or with their average; the
    metric that ranks is taken of the other one, too."""
    redraws: Whole = Field(0, ge=0, le=1_000)
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
    ) -> Sequence[int] | Deciding:
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


def read(file: Path) -> StudyFile:
    """Return the study that a YAML file describes: :func:`read_whole` without its content."""
    return read_whole(file)[0]


def read_whole(file: Path) -> tuple[StudyFile, dict[str, Any]]:
    """Return the study that a YAML file describes, and the content that was read.

    Raises:
        BenchError: it is no valid study; the message names the line and the key.
    """
    written = read_file(file)
    if not isinstance(written.value, dict):
        raise BenchError(f"study file {file} must hold keys such as methods and experiments")
    content = {key: value for key, value in written.value.items() if not key.startswith(HOLDER)}
    try:
        return StudyFile.model_validate(content), content
    except ValidationError as error:
        (place, told), *others = problems(error, content)
        told = f"study file {file}, line {written.line(place)}: {told}"
        for place, other in others[:MOST_OTHERS]:
            # without the list of all names, which the next message has if it is still needed
            brief = other.partition(" there are: ")[0].rstrip(";")
            told += f"; also line {written.line(place)}: {brief}"
        raise BenchError(told) from error


def problems(error: ValidationError, content: Any) -> list[tuple[Place, str]]:
    """Return what is wrong in a study's content, or in a part of it: each place, and a line.

    Nothing is said of what holds another place where something is wrong.
    """
    found: dict[Place, str] = {}
    for problem in deepest_first(error):
        place, told = _problem(problem, error.title, content)
        if not any(known[: len(place)] == place for known in found):
            found[place] = told
    return [*found.items()]


def deepest_first(error: ValidationError) -> list[ErrorDetails]:
    """Return what pydantic found; of a list that is too short, one error that says so."""
    found: dict[Place, ErrorDetails] = {}
    for problem in error.errors():
        place = problem["loc"]
        if problem["type"] == "missing" and isinstance(last := place[-1], int):
            place, told = place[:-1], f"it needs {count(last + 1, 'number')}"
            problem = problem | {"type": "too_short", "loc": place, "msg": told}
        # the last one that it lacks says how many it needs
        found[(*place, problem["type"])] = problem
    return sorted(found.values(), key=lambda each: -len(each["loc"]))


def _problem(problem: ErrorDetails, title: str, content: Any) -> tuple[Place, str]:
    missing = problem["type"] == "missing"
    place = _place(problem["loc"], content, missing)
    where = one_line(".".join(map(str, place)), 120) if place else "top level"
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        known, meant = list(StudyFile.model_fields), str(place[-1])
        if title != StudyFile.__name__ or place[2:3] == (TRAINING,):
            known = TRAINING_KEYS
        elif place[:1] == ("experiments",) and len(place) > 1:
            known = list(Experiment.model_fields)
            meant = MEANT.get(meant, meant)
        elif place[:1] == ("seeds",) and len(place) > 1:
            known = list(Deciding.model_fields)
        return place, f"unknown key '{where}'{nearest(meant, known)}"
    if missing:
        return place, f"the key '{where}' is missing"
    return place, f"'{where}' is {of_value(problem)}"


def of_value(problem: ErrorDetails) -> str:
    """Return a value that is refused, and what is wrong with it or how to write it."""
    given, told = problem["input"], problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "int_type" and isinstance(given, float) and given.is_integer():
        told = f"write {shown(int(given))}"
    return f"{shown(given)}: {told[0].lower()}{told[1:]}"


def _place(location: Place, content: Any, missing: bool) -> Place:
    """Return pydantic's location without the types that it tried, such as ``list[…]``."""
    place: list[str | int] = []
    for part in location:
        if isinstance(content, str):
            break
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            if not (missing and part == location[-1]):
                continue
        place.append(part)
    return tuple(place)
