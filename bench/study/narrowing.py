"""Applies a selection to methods, experiments and seeds of a study, and counts its runs."""

from __future__ import annotations

from collections.abc import Sequence

from bench.errors import BenchError, nearest
from bench.registry import Part, find, make_dataset, method_name
from bench.study.deciding import Deciding
from bench.study.file import MOST_RUNS, Experiment, StudyFile
from bench.study.selection import COUNT, Selection
from bench.study.variation import number_of_variants


def check_number(study: StudyFile, selection: Selection) -> None:
    """Refuse more runs than the study may have, before any is written out."""
    methods = len(entries_of(study, selection))
    total, most, told = 0, 0, ""
    for experiment in on_datasets(study, selection):
        seeds = seeds_of(study, experiment, selection)
        variants = number_of_variants(experiment)
        if selection.variants and variants <= study.most_runs:
            variants = min(variants, len(selection.variants))
        runs = methods * len(seeds) * variants
        total += runs
        if runs > most:
            most = runs
            told = f"on {experiment.dataset.name} {methods:,} methods × {len(seeds):,} seeds"
            told += f" × {variants:,} variants" if variants > 1 else ""
            if isinstance(seeds, range) and len(seeds) > COUNT:
                told += f" (for one seed write seeds: [{len(seeds)}])"
    if total > study.most_runs:
        mend = f"if all are meant, state most_runs: {total} in the study file"
        if total > MOST_RUNS:
            mend = f"a study file may allow itself up to most_runs: {MOST_RUNS}"
        raise BenchError(
            f"the study would have {total:,} runs, {told}; more than {study.most_runs:,} are "
            f"refused: {mend}"
        )


def entries_of(study: StudyFile, selection: Selection) -> list[Part]:
    """Return the methods as the study writes them, with those that are asked for by name."""
    if study.methods == "all":
        entries = [Part(name) for name in find("method").unasked]
    else:
        entries = study.methods
    if selection.methods:
        # a method asked for by name is run even where the study does not list it
        wanted = dict.fromkeys(method_name(name) for name in selection.methods)
        listed = [p for p in entries if selection.beside or method_name(p.name) in wanted]
        names = {method_name(part.name) for part in listed}
        entries = listed + [Part(name) for name in wanted if name not in names]
    return entries


def on_datasets(study: StudyFile, selection: Selection) -> list[Experiment]:
    """Return the experiments on the selected datasets.

    Raises:
        BenchError: the study has no such dataset.
    """
    # folder:PATH answers to folder, too
    called = [
        {part.name, f"{part.name}:{part.hyperparameters.get('path', '')}".removesuffix(":")}
        for part in (experiment.dataset for experiment in study.experiments)
    ]
    known = sorted(set[str]().union(*called))
    for wanted in selection.datasets:
        if wanted not in known:
            make_dataset(Part.of(wanted).name)
            raise BenchError(f"the study has no dataset '{wanted}'{nearest(wanted, known)}")
    return [
        experiment
        for experiment, names in zip(study.experiments, called, strict=True)
        if not selection.datasets or names & set(selection.datasets)
    ]


def seeds_of(study: StudyFile, experiment: Experiment, selection: Selection) -> Sequence[int]:
    """Return the seeds of an experiment; of a sequential study all that it may use."""
    seeds = selection.seeds or experiment.seeds or study.seeds
    if isinstance(seeds, Deciding):
        return range(seeds.most)
    assert not isinstance(seeds, int)
    return seeds
