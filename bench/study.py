"""A study file, validated, and the cells it names."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from bench.datasets.base import Dataset
from bench.datasets.instruments import INCEPTION_NAMES
from bench.errors import BenchError, nearest
from bench.method import Method, Optimizer
from bench.records.cell import Cell, Component, Setting, sources_of
from bench.registry import find_methods, label_of, make_architecture, make_dataset, make_method

STUDIES = Path(__file__).parent / "studies"
RESERVED = ("cells", "cache", "damaged", "mlartifacts", "reference")
"""Folders of a results folder that hold no report."""

Whole = Annotated[int, Field(strict=True)]
Settings = dict[str, Any]
Part = str | Annotated[dict[str, Settings], Field(min_length=1, max_length=1)]
"""A name, or a name with its settings: ``ring8`` or ``{ring8: {sigma: 0.02}}``."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SettingFile(_Strict):
    """The base optimiser, batch size, and whether both players move at once."""

    optimizer: Literal["adam", "rmsprop", "sgd"] = "adam"
    learning_rate: float = Field(default=2e-4, gt=0, allow_inf_nan=False)
    betas: tuple[float, float] = (0.5, 0.999)
    batch_size: Whole = Field(default=64, gt=1)
    simultaneous: bool = False
    critic_steps: Whole | None = Field(default=None, gt=0)
    decay: Literal["none", "linear"] = "none"
    ema: float | None = Field(default=None, gt=0, lt=1)
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"

    @field_validator("betas")
    @classmethod
    def _below_one(cls, betas: tuple[float, float]) -> tuple[float, float]:
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError("each of betas must be at least 0 and below 1")
        return betas


def _seeds(value: int | list[int]) -> list[int]:
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
    """A dataset with the architecture, setting and budget on which methods are compared."""

    dataset: Part
    architecture: Part
    setting: SettingFile = SettingFile()
    updates: Whole | None = Field(None, gt=0)
    epochs: float | None = Field(None, gt=0, allow_inf_nan=False)
    evaluations: Whole | None = Field(None, gt=0)
    seeds: Whole | list[Whole] | None = None

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, value: int | list[int] | None) -> list[int] | None:
        return None if value is None else _seeds(value)


class StudyFile(_Strict):
    """What a study file may say; ``docs/architecture.md`` describes each key."""

    description: str = ""
    methods: Literal["all"] | Annotated[list[Part], Field(min_length=1)]
    experiments: Annotated[list[Experiment], Field(min_length=1)]
    seeds: Whole | list[Whole] = Field(3, validate_default=True)
    evaluations: Whole = Field(10, gt=0)
    time_limit: float = Field(6 * 3600, gt=0)
    """Seconds after which a job is stopped."""
    require: list[str] = []
    """Metrics without which the study is not to be run, such as fid."""

    @field_validator("methods", mode="before")
    @classmethod
    def _some(cls, value: Any) -> Any:
        if value != "all" and not (isinstance(value, list) and value):
            raise ValueError("give a list of at least one method, or all")
        return value

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, value: int | list[int]) -> list[int]:
        return _seeds(value)


@dataclasses.dataclass(frozen=True)
class Selection:
    """What the command line narrows a study to, and the settings it overrides."""

    methods: tuple[str, ...] = ()
    beside: bool = False
    """Whether these methods run beside those of the study, not instead of them."""
    datasets: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    overrides: tuple[tuple[str, str, Any], ...] = ()
    """(part, setting, value), as in ``--set wgan_gp.penalty_weight=1``."""


@dataclasses.dataclass(frozen=True)
class Study:
    """A validated study and the cells it expands to."""

    name: str
    description: str
    time_limit: float
    cells: list[Cell]
    require: tuple[str, ...] = ()
    """Metrics without which the study is not to be run."""
    source: str = ""
    """What a user types to name it: a shipped study's name, or the file's path."""


def studies() -> dict[str, Path]:
    """The studies that ship with the benchmark."""
    return {file.stem: file for file in sorted(STUDIES.glob("*.yaml"))}


def load_study(name: str, selection: Selection = Selection()) -> Study:
    """A study by the name of a shipped one or by the path of a YAML file."""
    file = studies().get(name) or Path(name)
    if not file.is_file():
        raise BenchError(
            f"unknown study '{name}'{nearest(name, list(studies()))}; or give a file's path"
        )
    if file.stem in RESERVED:
        raise BenchError(
            f"a study cannot be called '{file.stem}': the results folder keeps its own things "
            "under that name; rename the file"
        )
    described = _read(file)
    cells = _cells(described, selection)
    _check_required(described, selection)
    return Study(
        file.stem,
        described.description,
        described.time_limit,
        cells,
        tuple(described.require),
        name,
    )


class _Loader(yaml.SafeLoader):
    """YAML without its habit of letting the second of two equal keys win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                raise yaml.YAMLError(f"'{name}' is given twice")
        return super().construct_mapping(node, deep)


def _read(file: Path) -> StudyFile:
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
        raise BenchError(f"study file {file}: {_first_problem(error)}") from error


def _first_problem(error: ValidationError) -> str:
    problem = max(error.errors(), key=lambda each: len(each["loc"]))
    # pydantic also names the alternative it tried: int, str, list[…]
    place = [str(part) for part in problem["loc"] if isinstance(part, int) or
             (part.isidentifier() and part not in ("int", "str"))]  # fmt: skip
    where = ".".join(place) or "top level"
    if problem["type"] == "extra_forbidden":
        model: type[BaseModel] = StudyFile
        if "setting" in place:
            model = SettingFile
        elif "experiments" in place:
            model = Experiment
        return f"unknown key '{where}'{nearest(place[-1], list(model.model_fields))}"
    if problem["type"] == "missing":
        return f"the key '{where}' is missing"
    told = problem["msg"].removeprefix("Value error, ")
    return f"'{where}' is {problem['input']!r}: {told[0].lower()}{told[1:]}"


def _name_and_settings(part: Part) -> tuple[str, Settings]:
    if isinstance(part, str):
        return part, {}
    ((name, settings),) = part.items()
    return name, dict(settings)


def _dataset(part: Part) -> tuple[str, Settings]:
    """As :func:`_name_and_settings`; ``folder:PATH`` is the dataset ``folder`` with that path."""
    name, settings = _name_and_settings(part)
    kind, colon, path = name.partition(":")
    return (kind, {"path": path, **settings}) if kind == "folder" and colon else (name, settings)


def _cells(study: StudyFile, selection: Selection) -> list[Cell]:
    chosen = _methods(study, selection)
    experiments = _experiments(study, selection)
    if selection.seeds:
        try:
            _seeds(list(selection.seeds))
        except ValueError as error:
            raise BenchError(str(error)) from error
    _check_overrides(selection, [m.name for m in chosen], experiments)
    cells: list[Cell] = []
    for experiment in experiments:
        # once, as a folder of images is looked through
        dataset = _make_dataset(experiment, selection)
        for method in chosen:
            cells += _expand(study, experiment, dataset, method, selection)
    repeated = len(cells) - len({cell.key for cell in cells})
    if repeated:
        raise BenchError(f"the study names {repeated} cells twice; remove the repeated entries")
    return cells


def _methods(study: StudyFile, selection: Selection) -> list[Method]:
    if study.methods == "all":
        entries: list[Part] = list(find_methods().unasked)
    else:
        entries = study.methods
    if selection.methods:
        # a method asked for by name is run even where the study does not list it
        listed = [
            part
            for part in entries
            if selection.beside or _name_and_settings(part)[0] in selection.methods
        ]
        names = {_name_and_settings(part)[0] for part in listed}
        entries = listed + [name for name in selection.methods if name not in names]
    chosen = []
    for part in entries:
        name, settings = _name_and_settings(part)
        chosen.append(make_method(name, settings | _overrides(selection, name)))
    if not chosen:
        raise BenchError("there is no method to run; put one into methods/ or name one")
    return chosen


def _experiments(study: StudyFile, selection: Selection) -> list[Experiment]:
    # folder:PATH answers to folder, too
    called = [
        {_dataset(experiment.dataset)[0], _name_and_settings(experiment.dataset)[0]}
        for experiment in study.experiments
    ]
    known = sorted(set[str]().union(*called))
    for wanted in selection.datasets:
        if wanted not in known:
            make_dataset(_dataset(wanted)[0])
            raise BenchError(f"the study has no dataset '{wanted}'{nearest(wanted, known)}")
    return [
        experiment
        for experiment, names in zip(study.experiments, called, strict=True)
        if not selection.datasets or names & set(selection.datasets)
    ]


def _make_dataset(experiment: Experiment, selection: Selection) -> Dataset:
    name, settings = _dataset(experiment.dataset)
    return make_dataset(name, settings | _overrides(selection, name))


def _overrides(selection: Selection, name: str) -> Settings:
    return {key: value for part, key, value in selection.overrides if part == name}


def _check_overrides(selection: Selection, methods: list[str], experiments: list[Experiment]):
    parts = {_dataset(e.dataset)[0] for e in experiments}
    parts |= {_name_and_settings(e.architecture)[0] for e in experiments} | set(methods)
    for part, key, _ in selection.overrides:
        if part not in parts:
            raise BenchError(
                f"--set {part}.{key}: nothing is called '{part}'{nearest(part, list(parts))}"
            )


def _check_required(study: StudyFile, selection: Selection) -> None:
    """Whether any dataset of the study, selected or not, measures what it requires."""
    if not study.require:
        return
    datasets = [_make_dataset(experiment, selection) for experiment in study.experiments]
    known = {metric.name for dataset in datasets for metric in dataset.metrics}
    for name in study.require:
        if name not in known:
            hint = nearest(name, sorted(known | set(INCEPTION_NAMES)))
            if name in INCEPTION_NAMES:
                hint = "; give a set of images inception: last, as {mnist5k: {inception: last}}"
            raise BenchError(f"the study requires '{name}', which no dataset of it measures{hint}")


def _expand(
    study: StudyFile,
    experiment: Experiment,
    dataset: Dataset,
    method: Method,
    selection: Selection,
) -> list[Cell]:
    architecture_name, architecture_settings = _name_and_settings(experiment.architecture)
    architecture = make_architecture(
        architecture_name, architecture_settings | _overrides(selection, architecture_name)
    )
    if problem := architecture.does_not_fit(dataset.name, dataset.sample_shape):
        raise BenchError(
            f"architecture '{architecture.name}' does not fit dataset '{dataset.name}': {problem}"
        )
    s = experiment.setting
    setting = Setting(
        Optimizer(s.optimizer, s.learning_rate, s.betas),
        s.batch_size,
        s.simultaneous,
        s.critic_steps,
        s.decay,
        s.ema,
        s.precision,
    )
    seeds = selection.seeds or experiment.seeds or study.seeds
    assert not isinstance(seeds, int)
    updates = _updates(experiment, dataset.training_size())
    if method.critic_steps < 1:
        raise BenchError(f"method {method.name}: critic_steps is {method.critic_steps}; at least 1")
    critic_steps = s.critic_steps or method.critic_steps
    if updates < method.round_length(critic_steps):
        raise BenchError(
            f"'{dataset.name}': a budget of {updates} updates is less than one round of "
            f"{method.name} ({critic_steps} critic steps)"
        )
    if not 1 <= method.packing <= setting.batch_size:
        raise BenchError(
            f"method {method.name}: packing is {method.packing}; at least 1 is needed, and at most "
            f"the {setting.batch_size} samples of a batch"
        )
    shared = Cell(
        method=Component(method.name, method.settings(), label_of(method)),
        dataset=Component(dataset.name, dataset.settings(), label_of(dataset)),
        architecture=Component(architecture.name, architecture.settings(), architecture.name),
        setting=setting,
        seed=0,
        updates=updates,
        evaluations=min(experiment.evaluations or study.evaluations, updates),
        sources=sources_of(method, dataset, architecture),
        not_applicable=method.not_applicable(dataset, architecture),
    )
    return [dataclasses.replace(shared, seed=seed) for seed in seeds]


def _updates(experiment: Experiment, size: int | None) -> int:
    if (experiment.updates is None) == (experiment.epochs is None):
        raise BenchError(
            f"experiment on {experiment.dataset}: give its budget either as updates or as epochs"
        )
    if experiment.updates is not None:
        return experiment.updates
    if size is None:
        raise BenchError(
            f"experiment on {experiment.dataset}: epochs need a dataset of finite size; "
            "give updates instead"
        )
    assert experiment.epochs is not None
    return math.ceil(experiment.epochs * size / experiment.setting.batch_size)
