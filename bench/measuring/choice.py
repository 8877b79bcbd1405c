"""Which metrics a dataset is measured by: those that apply by default, and those asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, get_args

from bench.datasets.base import Dataset
from bench.errors import BenchError, nearest
from bench.metric import Facts, FeatureMetric, Iterate, Metric, Quantity
from bench.records.cell import Cell, Component
from bench.registry import Part, find, make_dataset, make_metric
from bench.taken import REDRAWN, REDRAWS, OfIterate, Redrawn

Asked = str | dict[str, dict[str, Any]] | Part
"""A name, or a name with hyperparameters: ``fid``, ``{kid: {when: every}}``."""


class DoesNotApply(BenchError):
    """A dataset has no such metric."""


def metrics_of(dataset: Facts, asked: Sequence[Asked] | None = None) -> list[Metric]:
    """Return every metric that measures a dataset, in the order of the tables.

    First the one that ranks the methods, then the others by name; those of the whole run last.
    """
    chosen = {metric.called: metric for metric in defaults(dataset)}
    for each in asked or ():
        metric = named(each, dataset)
        chosen[metric.called] = metric
    check_distinct(list(chosen.values()), dataset)

    def place(metric: Metric) -> tuple[Any, ...]:
        ranks = min(_rank(quantity, dataset) for quantity in metric.quantities(dataset))
        return metric.times == "once", ranks, metric.name, metric.called

    return sorted(chosen.values(), key=place)


def expanded(asked: Sequence[Asked], dataset: Facts) -> list[Part]:
    """Replace a family's name by its metrics that apply, with the family's settings."""
    found: list[Part] = []
    for part in map(Part.of, asked):
        family = [each for each in _all() if part.name and each[0].family == part.name]
        # of the extractors that a metric prefers, the first that fits
        members: dict[str, Part] = {}
        for metric, place in sorted(family, key=lambda each: each[1] or 0):
            preferred = metric.sees is None or place is not None
            if preferred and metric.not_applicable(dataset) is None:
                members.setdefault(metric.name, Part(metric.called, part.hyperparameters))
        found += members.values() if family else [part]
    return found


def with_other_iterate(metrics: list[Metric], ranked: Iterate) -> list[Metric]:
    """Add the metric that ranks, computed on the iterate that is not ranked by."""
    if not (taken := [m for m in metrics if m.times != "once"]):
        return metrics
    other: Iterate = "averaged" if ranked == "last" else "last"
    if taken[0].of is None and f"{taken[0].called}_{other}" not in {m.called for m in metrics}:
        beside = OfIterate(taken=taken[0], iterate=other)
        metrics = [*taken, beside, *(m for m in metrics if m.times == "once")]
    return metrics


def with_redraws(metrics: list[Metric], draws: int) -> list[Metric]:
    """Add the spread of the metric that ranks over samples drawn anew."""
    taken = [metric for metric in metrics if metric.times != "once"]
    if not draws or not taken or taken[0].needs not in ("samples", "features"):
        return metrics
    beside = Redrawn(taken=taken[0], draws=draws)
    if beside.called in {metric.called for metric in metrics}:
        return metrics
    return [*taken, beside, *(m for m in metrics if m.times == "once")]


def quantities_of(metrics: list[Metric], dataset: Facts) -> list[Quantity]:
    """Return all quantities that metrics have at checkpoints, the one that ranks first."""
    found = [
        quantity
        for metric in metrics
        if metric.times != "once"
        for quantity in metric.quantities(dataset)
    ]
    return sorted(found, key=lambda quantity: _rank(quantity, dataset))


def primary(metrics: list[Metric], dataset: Facts) -> Quantity:
    """Return the quantity that ranks methods.

    Raises:
        BenchError: nothing measures the dataset.
    """
    found = quantities_of(metrics, dataset)
    if not found:
        raise BenchError(f"no metric applies to {dataset.name}; ask for one with metrics:")
    return found[0]


def components_of(metrics: list[Metric]) -> tuple[Component, ...]:
    """Return metrics as cells name them."""
    return tuple(Component(each.name, each.hyperparameters(), each.called) for each in metrics)


def shown_of(cells: Iterable[Cell]) -> tuple[list[Quantity], Dataset]:
    """Return the quantities that cells of one dataset are measured by, and the dataset."""
    own: dict[str, Component] = {}
    also: dict[str, Component] = {}
    for cell in cells:
        own |= {each.label: each for each in cell.metrics}
        also |= {each.label: each for each in cell.also}
        part = cell.dataset
    dataset = make_dataset(part.name, part.hyperparameters)
    # cells of which nothing was measured still are to be ranked by something
    ranked = quantities_of(_made(own), dataset) or quantities_of(metrics_of(dataset), dataset)
    known = {quantity.name for quantity in ranked}
    more = quantities_of(_made({n: c for n, c in also.items() if n not in own}), dataset)
    return [*ranked, *(quantity for quantity in more if quantity.name not in known)], dataset


def _made(components: dict[str, Component]) -> list[Metric]:
    found = []
    for each in components.values():
        # numbers of a metric that is gone have no meaning
        with suppress(BenchError):
            found.append(make_metric(each.name, each.hyperparameters))
    return found


def _rank(quantity: Quantity, dataset: Facts) -> int:
    order = dataset.ranked_by
    if quantity.name in order:
        return order.index(quantity.name)
    # what is neither good nor bad comes last: it can rank nothing
    return len(order) + quantity.descriptive


def defaults(dataset: Facts) -> list[Metric]:
    """Return the metrics that are taken wherever they apply, of those that were not installed.

    What a study measures is not to depend on what packages happen to be there.
    """
    packages = find("metric").packages
    found: dict[str, Metric] = {}
    for metric, preference in sorted(_all(), key=lambda each: each[1] or 0):
        if preference is None or not metric.by_default or metric.name in packages:
            continue
        # of the extractors that a metric prefers, the first that fits
        if metric.name not in found and _is_sound(metric, dataset):
            found[metric.name] = metric
    return list(found.values())


def _is_sound(metric: Metric, dataset: Facts) -> bool:
    """Return whether a metric applies and has quantities; `bench check` gives the reason."""
    try:
        return metric.not_applicable(dataset) is None and bool(metric.quantities(dataset))
    except BenchError:  # the dataset's, such as a file that is not there
        raise
    except Exception:  # a user's file may raise anything
        return False


def named(asked: Asked, dataset: Facts) -> Metric:
    """Return the metric of a name, which is its own or that of one of its quantities.

    Raises:
        BenchError: it does not exist, does not apply here, or refuses its hyperparameters.
    """
    part = Part.of(asked)
    try:
        metric = _named(part.name, dataset, bool(part.hyperparameters.get("extractor")))
    except DoesNotApply:
        plain, _, ending = part.name.rpartition("_")
        if plain and ending in get_args(Iterate) and "iterate" not in part.hyperparameters:
            return named(Part(plain, part.hyperparameters | {"iterate": ending}), dataset)
        if plain and ending == REDRAWN:
            return named(Part(plain, {"redraws": REDRAWS} | part.hyperparameters), dataset)
        raise
    if not part.hyperparameters:
        return metric
    return make_metric(metric.name, metric.hyperparameters() | part.hyperparameters)


def _named(name: str, dataset: Facts, other_extractor: bool) -> Metric:
    broken = find("metric").broken
    whys: list[str] = []
    fitting: dict[str, Metric] = {}
    for metric, _ in _all():
        try:
            why = metric.not_applicable(dataset)
            names = () if why else tuple(q.name for q in metric.quantities(dataset))
        except BenchError:
            raise
        except Exception as error:  # a user's file may raise anything
            why, names = f"it raises {type(error).__name__}: {error}", ()
        if why is None:
            fitting.setdefault(metric.called, metric)
            for quantity in names:
                fitting.setdefault(quantity, metric)
        elif metric.called == name or (metric.name == name and not other_extractor):
            whys.append(why)
        if other_extractor and metric.name == name:
            return metric
    if name in fitting:
        return fitting[name]
    if name in broken:
        raise BenchError(
            f"metric '{name}' ({broken[name].where}) cannot be used: {broken[name].reason}"
        )
    if whys:
        raise DoesNotApply(f"metric '{name}' does not apply to {dataset.name}: {whys[0]}")
    # a metric of the whole run may have a hundred quantities: its own name is enough of a hint
    known = [called for called, m in fitting.items() if m.times != "once" or called == m.called]
    raise DoesNotApply(f"{dataset.name} has no metric '{name}'{nearest(name, sorted(known))}")


def offered(dataset: Facts) -> list[Metric]:
    """Return every metric that applies, by default or on Inception's features."""
    found = {metric.called: metric for metric in defaults(dataset)}
    for metric, _ in _all():
        usual = metric.sees is None or metric.sees.name == "inception"
        if usual and _is_sound(metric, dataset):
            found.setdefault(metric.called, metric)
    return list(found.values())


def _all() -> list[tuple[Metric, int | None]]:
    """Return every metric with every extractor, and its place among the default ones, if any."""
    return _combined(tuple(find("metric").parts), tuple(find("extractor").parts))


@lru_cache(maxsize=2)
def _combined(
    metrics: tuple[str, ...], extractors: tuple[str, ...]
) -> list[tuple[Metric, int | None]]:
    found: list[tuple[Metric, int | None]] = []
    for name in metrics:
        kind = find("metric").parts[name]
        if issubclass(kind, FeatureMetric):
            preferred = kind.extractors
            for each in extractors:
                place = preferred.index(each) if each in preferred else None
                found.append((make_metric(name, {"extractor": each}), place))
        else:
            found.append((make_metric(name), 0 if kind.by_default else None))
    return found


def check_distinct(metrics: list[Metric], dataset: Facts) -> None:
    """Refuse two metrics that give one name to their numbers."""
    owners: dict[str, str] = {}
    for metric in metrics:
        for quantity in metric.quantities(dataset):
            owner = owners.setdefault(quantity.name, metric.called)
            if owner != metric.called:
                raise BenchError(
                    f"metrics '{owner}' and '{metric.called}' both measure '{quantity.name}' on "
                    f"{dataset.name}; give the quantity of one another name"
                )
