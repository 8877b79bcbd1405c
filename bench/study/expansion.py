"""The cells a study names."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cached_property, partial
from itertools import compress

from bench.architectures.base import Architecture
from bench.combination import SIGN, parts_of
from bench.datasets.base import Dataset
from bench.errors import BenchError, nearest
from bench.measuring.choice import (
    DoesNotApply,
    check_distinct,
    components_of,
    expanded,
    metrics_of,
    named,
    primary,
    with_other_iterate,
    with_redraws,
)
from bench.method import Method
from bench.metric import Metric, Quantity
from bench.records.cell import Cell, Component, Variation
from bench.records.fingerprint import ByIdentity, digest
from bench.records.sources import sources_of
from bench.registry import (
    Part,
    find,
    label_of,
    make_architecture,
    make_dataset,
    make_method,
    method_name,
    published_for,
)
from bench.study.budget import budget_of, check_budget
from bench.study.file import (
    MEANT,
    TRAINING,
    Experiment,
    Hyperparameters,
    StudyFile,
    distinct_seeds,
)
from bench.study.narrowing import check_number, entries_of, on_datasets, seeds_of
from bench.study.selection import Selection
from bench.study.variation import variants_of, variation
from bench.words import count, listing


class Expansion:
    """Expands one study file: whole as it is filed, and as changed and narrowed by what is typed.

    Datasets and hashes of sources that both need are computed once.
    """

    def __init__(self, study: StudyFile, filed: StudyFile | None = None):
        self.study = study
        self._filed = filed or study
        self._datasets: dict[str, Dataset] = {}
        self._sources: dict[str, dict[str, str]] = {}

    @cached_property
    def whole(self) -> list[Cell]:
        """The cells that the file names."""
        if self._filed == self.study:
            return cells_of(self, Selection())
        filed = Expansion(self._filed)
        filed._datasets, filed._sources = self._datasets, self._sources
        return filed.whole

    def cells(self, selection: Selection) -> list[Cell]:
        """Return the cells that a selection leaves of the file, or adds to it."""
        if selection == Selection() and self._filed == self.study:
            return self.whole
        return cells_of(self, selection)

    def dataset(self, name: str, hyperparameters: Hyperparameters) -> Dataset:
        """Return a dataset, made once for all experiments and selections that name it alike."""
        # a folder of images is looked through when it is made
        named = repr((name, sorted(hyperparameters.items())))
        if named not in self._datasets:
            self._datasets[named] = make_dataset(name, hyperparameters)
        return self._datasets[named]

    def sources(
        self, method: Method, dataset: Dataset, architecture: Architecture
    ) -> dict[str, str]:
        """Return hashes of the sources of three parts, computed once for each three."""
        named = digest(
            [[part.name, part.hyperparameters()] for part in (method, dataset, architecture)]
        )
        if named not in self._sources:
            self._sources[named] = sources_of(method, dataset, architecture)
        return self._sources[named]


def cells_of(expansion: Expansion, selection: Selection) -> list[Cell]:
    study = expansion.study
    if selection.seeds:
        try:
            distinct_seeds(selection.seeds)
        except ValueError as error:
            raise BenchError(str(error)) from error
    check_number(study, selection)
    chosen = _methods(study, selection)
    experiments = _experiments(study, selection)
    _check_overrides(selection, chosen, experiments)
    cells: list[Cell] = []
    variants: set[tuple[str, str]] = set()
    for experiment in experiments:
        base = _dataset(expansion, experiment, selection)
        for name, laid in variants_of(experiment).items():
            if selection.variants and name not in selection.variants:
                continue
            own, dataset = laid.experiment, base
            _check_iterate(study, own)
            if own.dataset != experiment.dataset:
                dataset = _dataset(expansion, own, selection)
            first = primary(_metrics(expansion, experiment, base, selection), base)
            told = (
                _variation(name, laid.changes, experiment, base, first, selection) if name else None
            )
            if told is not None and (told.group, told.name) in variants:
                raise BenchError(f"two variants are called '{name}'; give one another name")
            if told is not None:
                variants.add((told.group, told.name))
            metrics = _metrics(expansion, own, dataset, selection)
            if told is not None and primary(metrics, dataset) != first:
                raise BenchError(f"variant '{name}' changes the metric that ranks the methods")
            for method in _methods(study, selection, dataset):
                cell = _expand(expansion, own, dataset, method, selection)
                shown = components_of(_with_beside(metrics, study, cell, dataset))
                cell = cell.but(variation=told, metrics=shown)
                listed = seeds_of(study, own, Selection())
                cells += _seeded(cell, seeds_of(study, own, selection), listed)
    _check_distinct(cells)
    return cells


def _seeded(cell: Cell, seeds: Sequence[int], listed: Sequence[int]) -> list[Cell]:
    """Return a cell with each seed and the metrics that this seed is measured by.

    A metric with a hyperparameter ``first_seeds`` measures the first so many that the study lists:
    which they are depends on no result, and on no narrowing.
    """
    most = [each.hyperparameters.get("first_seeds") for each in cell.metrics]
    alike: dict[tuple[bool, ...], tuple[Component, ...]] = {}
    found = []
    for seed in seeds:
        taken = tuple(not isinstance(n, int) or seed in listed[:n] for n in most)
        metrics = alike.setdefault(taken, tuple(compress(cell.metrics, taken)))
        found.append(cell.but(seed=seed, metrics=metrics))
    return found


def _check_distinct(cells: list[Cell]) -> None:
    by_key: dict[tuple[str, str], Cell] = {}
    repeated = 0
    measured = ByIdentity[str]()
    for cell in cells:
        # the same run may be measured in two ways
        had = cell.dataset.hyperparameters
        how = measured.of([had], partial(digest, had))
        other = by_key.setdefault((cell.key, how), cell)
        if other is cell:
            continue
        repeated += 1
        if cell.variation and other.variation:
            raise BenchError(
                f"variants '{other.variation.name}' and '{cell.variation.name}' are the same on "
                f"{cell.variation.dataset}; remove one of them"
            )
    if repeated:
        twice = count(repeated, "cell")
        raise BenchError(f"the study names {twice} twice; remove the repeated entries")


def _variation(
    name: str,
    changes: Hyperparameters,
    experiment: Experiment,
    dataset: Dataset,
    metric: Quantity,
    selection: Selection,
) -> Variation:
    pair = experiment.architecture
    base = {
        "dataset": [dataset.name, dataset.hyperparameters()],
        "architecture": [pair.name, pair.hyperparameters | _overrides(selection, pair.name)],
        "training": dataclasses.asdict(experiment.training),
        "budget": [
            experiment.updates or experiment.budget,
            experiment.epochs,
            experiment.evaluations,
        ],
    }
    return variation(name, changes, experiment, dataset, metric, base)


def _methods(
    study: StudyFile, selection: Selection, dataset: Dataset | None = None
) -> list[Method]:
    """Return the methods of a study, with published hyperparameters if it asks for these."""
    chosen = []
    for part in entries_of(study, selection):
        own = part.hyperparameters | _method_overrides(selection, part.name)
        if study.hyperparameters == "published" and dataset is not None:
            own = published_for(make_method(part.name, own), dataset) | own
        chosen.append(make_method(part.name, own))
    if not chosen:
        raise BenchError("there is no method to run; put one into methods/ or name one")
    return chosen


def _experiments(study: StudyFile, selection: Selection) -> list[Experiment]:
    chosen = on_datasets(study, selection)
    return _varied(chosen, selection.variants) if selection.variants else chosen


def _varied(experiments: list[Experiment], wanted: tuple[str, ...]) -> list[Experiment]:
    """Return the experiments that have one of the variants."""
    names = [set(variants_of(experiment)) for experiment in experiments]
    known = sorted(set[str]().union(*names) - {""})
    for name in wanted:
        if name not in known:
            hint = nearest(name, known) if known else "; it varies none"
            raise BenchError(f"the study has no variant '{name}'{hint}")
    return [e for e, own in zip(experiments, names, strict=True) if own & set(wanted)]


def _dataset(expansion: Expansion, experiment: Experiment, selection: Selection) -> Dataset:
    part = experiment.dataset
    return expansion.dataset(part.name, part.hyperparameters | _overrides(selection, part.name))


def _overrides(selection: Selection, name: str) -> Hyperparameters:
    return {key: value for part, key, value in selection.overrides if part == name}


def _method_overrides(selection: Selection, typed: str) -> Hyperparameters:
    """Return the overrides of a method; of a combination, its parts' first, then its own."""
    name = method_name(typed)
    parts = name.split(SIGN) if SIGN in name else []
    of_parts = {f"{p}.{key}": v for p in parts for key, v in _overrides(selection, p).items()}
    own = {key: v for part, key, v in selection.overrides if method_name(part) == name}
    return of_parts | own


def _check_overrides(selection: Selection, methods: list[Method], experiments: list[Experiment]):
    parts = {part.name for e in experiments for part in (e.dataset, e.architecture)}
    parts |= {each.name for method in methods for each in (method, *parts_of(method))}
    for part, key, _ in selection.overrides:
        if method_name(part) not in parts:
            hint = nearest(MEANT.get(part, part), [*parts, TRAINING])
            raise BenchError(f"--set {part}.{key}: nothing is called '{part}'{hint}")


def _metrics(
    expansion: Expansion, experiment: Experiment, dataset: Dataset, selection: Selection
) -> list[Metric]:
    """Return the metrics of an experiment: its own must apply to its dataset, the study's may."""
    asked: list[Part] = []
    for part in expanded(_asked_of_all(expansion.study, selection), dataset):
        try:
            named(part, dataset)
        except DoesNotApply:
            continue
        asked.append(part)
    return metrics_of(dataset, [*asked, *expanded(experiment.metrics, dataset)])


def _with_beside(
    metrics: list[Metric], study: StudyFile, cell: Cell, dataset: Dataset
) -> list[Metric]:
    """Add the metric that ranks on the other iterate, where both are kept, and its redraws."""
    own_average = cell.iterate != study.iterate
    if cell.training.ema is not None or own_average:
        metrics = with_other_iterate(metrics, cell.iterate)
    metrics = with_redraws(metrics, study.redraws)
    check_distinct(metrics, dataset)
    return metrics


def _check_iterate(study: StudyFile, experiment: Experiment) -> None:
    if study.iterate == "averaged" and experiment.training.ema is None:
        raise BenchError(
            f"experiment on {experiment.dataset}: iterate is averaged, and with training.ema: null "
            "no average is kept; leave ema out"
        )


def _asked_of_all(study: StudyFile, selection: Selection) -> list[Part]:
    """Return the metrics asked of every dataset; of several entries for one the last counts."""
    return [*map(Part.of, (*study.require, *selection.metrics)), *study.metrics]


def check_asked(expansion: Expansion, selection: Selection) -> None:
    """Refuse a metric that is asked of all datasets of the study and applies to none."""
    study = expansion.study
    datasets = [_dataset(expansion, experiment, selection) for experiment in study.experiments]
    for part in _asked_of_all(study, selection):
        problems = []
        for dataset in datasets:
            try:
                for own in expanded([part], dataset):
                    named(own, dataset)
            except DoesNotApply as error:
                problems.append(error)
        if len(problems) == len(datasets):
            raise BenchError(_with_families(part.name, str(problems[0])))


def _with_families(name: str, told: str) -> str:
    """Return what is wrong with a metric's name; where it is unknown, list the families first."""
    head, lists, metrics = told.partition("there are: ")
    if not lists:
        return told
    families = sorted({kind.family for kind in find("metric").parts.values()} - {""})
    if meant := get_close_matches(name, families, n=1, cutoff=0.7):
        head = f"{head.partition(';')[0]}; did you mean '{meant[0]}'? "
    return f"{head}{lists}{listing(families)} (a family); {metrics}"


def _expand(
    expansion: Expansion,
    experiment: Experiment,
    dataset: Dataset,
    method: Method,
    selection: Selection,
) -> Cell:
    """Return the cell of a method with a seed that later cells replace by theirs."""
    part = experiment.architecture
    architecture = make_architecture(
        part.name, part.hyperparameters | _overrides(selection, part.name)
    )
    if problem := architecture.does_not_fit(dataset.name, dataset.sample_shape):
        raise BenchError(
            f"architecture '{architecture.name}' does not fit dataset '{dataset.name}': {problem}"
        )
    updates = budget_of(experiment, method, dataset, architecture)
    not_applicable = method.not_applicable(dataset, architecture)
    if not not_applicable:
        check_budget(method, experiment.training, updates, dataset.name)
    as_published = expansion.study.hyperparameters == "published"
    published = published_for(method, dataset) if as_published else {}
    return Cell(
        method=Component(method.name, method.hyperparameters(), label_of(method, published)),
        dataset=Component(
            dataset.name,
            dataset.hyperparameters(),
            label_of(dataset),
            (*dataset.evaluation_hyperparameters(),),
        ),
        architecture=Component(
            architecture.name, architecture.hyperparameters(), architecture.name
        ),
        training=experiment.training,
        seed=0,
        updates=updates,
        evaluations=min(experiment.evaluations or expansion.study.evaluations, updates),
        sources=expansion.sources(method, dataset, architecture),
        not_applicable=not_applicable,
        budget={str(k): n for k, n in (experiment.budget or {}).items()},
        iterate="averaged" if method.ema > 0 else expansion.study.iterate,
    )
