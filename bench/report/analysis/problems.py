"""Problems: what methods are compared on. Dataset × architecture × training × budget."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from typing import Any

from bench.datasets.base import Dataset
from bench.execution.plan import Planned
from bench.measuring.choice import shown_of
from bench.metric import Quantity
from bench.records.cell import Cell
from bench.records.fingerprint import ByIdentity, digest
from bench.records.measurements import Numbers
from bench.records.record import Record
from bench.report.analysis.training import training_words


@dataclass(frozen=True)
class Problem:
    """All cells that differ by method and seed alone."""

    label: str
    """The dataset's label, with what tells it from other problems on the same dataset."""
    planned: list[Planned]
    dataset: Dataset
    measured: list[Quantity]
    """What its cells are measured by at checkpoints, the one that ranks first."""
    series: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """What was read of each method's series: kept for :func:`bench.report.analysis.series.read`."""

    @property
    def cell(self) -> Cell:
        """A cell that stands for what all of them share."""
        return self.planned[0].cell

    @cached_property
    def quantities(self) -> list[Quantity]:
        """Those of ``measured`` that tables show."""
        return [quantity for quantity in self.measured if not quantity.only_drawn]

    @property
    def updates(self) -> int:
        """The most discriminator updates that a method makes."""
        return max(planned.cell.updates for planned in self.planned)

    @property
    def primary(self) -> Quantity:
        """The metric that ranks methods."""
        return self.quantities[0]

    @property
    def coverage(self) -> Quantity | None:
        """The first metric with a ceiling: all modes are held where it is reached."""
        return next((m for m in self.quantities if m.ceiling is not None), None)

    @cached_property
    def throughout(self) -> list[Quantity]:
        """The quantities that are measured at every checkpoint of every measured record.

        The others were too slow for that, and are known at the best and the last one only, or were
        not computed at all.
        """
        measured = (r for r in self.records() if any(each.values for each in r.measurements))
        evaluations = [e for record in measured for e in record.evaluations]
        return [
            quantity
            for quantity in self.quantities
            if evaluations and all(quantity.name in evaluation for evaluation in evaluations)
        ]

    @cached_property
    def copies(self) -> bool:
        """Whether the seeds of every method agree in all that is shown: nothing is random."""
        names = [quantity.name for quantity in self.quantities]
        found = False
        for cells in self.by_method.values():
            seeds = [
                [[at.get(name) for name in names] for at in c.record.evaluations]
                for c in cells
                if c.record is not None and c.record.status == "ok"
            ]
            if any(seed != seeds[0] for seed in seeds[1:]):
                return False
            found = found or len(seeds) > 1
        return found

    @cached_property
    def start(self) -> float | None:
        """Mean of the primary metric over untrained generators, where it was measured there."""
        name = self.primary.name
        values = [r.evaluations[0].get(name) for r in self.records() if len(r.evaluations) > 1]
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known else None

    def best_evaluation(self, evaluations: list[dict[str, Any]]) -> int:
        """Return where the best checkpoint stands among a record's evaluations.

        By the first metric of :attr:`throughout`, as in training, which measured the slow ones
        there; of equals the earliest. The start is none, unless there is nothing else.
        """
        if not self.throughout:
            return len(evaluations) - 1
        metric = self.throughout[0]

        def score(place: int) -> float:
            value = evaluations[place].get(metric.name)
            return float("-inf") if value is None else metric.sign * value

        return max(range(1, len(evaluations)), key=score, default=0)

    @property
    def anchor(self) -> str:
        """Part of file names and link targets: unique, and ASCII whatever the label."""
        kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in self.cell.dataset.name)
        return f"{kept}-{place_of(self.cell)[:6]}"

    @cached_property
    def by_method(self) -> dict[str, list[Planned]]:
        """Cells of each method's label, labels sorted."""
        found: dict[str, list[Planned]] = defaultdict(list)
        for planned in self.planned:
            found[planned.cell.method.label].append(planned)
        return dict(sorted(found.items()))

    def records(self) -> Iterator[Record]:
        """Yield every record there is, of failed cells too."""
        return (planned.record for planned in self.planned if planned.record is not None)

    @cached_property
    def floor(self) -> Numbers:
        """What real samples get; empty where nothing was measured."""
        return next((record.floor for record in self.records() if record.floor), {})

    @cached_property
    def protocol(self) -> dict[str, Any]:
        """What scores need beside their numbers; empty where nothing was measured."""
        return next((record.protocol for record in self.records() if record.protocol), {})


def problems(planned: list[Planned]) -> list[Problem]:
    """Return the problems of a study, in its order."""
    grouped: dict[str, list[Planned]] = defaultdict(list)
    places = ByIdentity[str]()
    for each in planned:
        cell = each.cell
        made_of = [cell.dataset, cell.architecture, cell.training, cell.budget]
        made_of += [cell.updates, cell.evaluations]
        grouped[places.of(made_of, partial(place_of, cell))].append(each)
    cells = [group[0].cell for group in grouped.values()]
    labels = _labels(cells)
    found = []
    for label, group in zip(labels, grouped.values(), strict=True):
        quantities, dataset = shown_of(each.cell for each in group)
        found.append(Problem(label, group, dataset, quantities))
    return found


def describe(cell: Cell) -> dict[str, str]:
    """Return architecture, training and budget as words."""
    return {
        "architecture": cell.architecture.name,
        **{
            f"{cell.architecture.name} {k}": str(v)
            for k, v in cell.architecture.hyperparameters.items()
        },
        **training_words(cell.training),
        **(_budget(cell) or {"discriminator updates": str(cell.updates)}),
        "evaluations": str(cell.evaluations),
    }


def _budget(cell: Cell) -> dict[str, str]:
    return {axis.replace("_", " "): str(amount) for axis, amount in cell.budget.items()}


def place_of(cell: Cell) -> str:
    """Return a digest of what the cells of a problem share."""
    # where something else is counted, methods make updates of their own number, and may have room
    # for fewer checkpoints
    budget: Any = cell.budget or [cell.updates, cell.evaluations]
    parts = [asdict(part) for part in (cell.dataset, cell.architecture, cell.training)]
    return digest([parts, budget])


def _labels(cells: list[Cell]) -> list[str]:
    labels = []
    for cell in cells:
        label = _label(cell)
        alike = [_told(c) for c in cells if _label(c) == label]
        own = _told(cell)
        telling = [
            value if name == "architecture" else f"{name} {value}"
            for name, value in own.items()
            if any(other.get(name, value) != value for other in alike)
        ]
        labels.append(", ".join([label, *telling]))
    return labels


def _label(cell: Cell) -> str:
    """Return the dataset, and the name of the variant where there are several."""
    if cell.variation is not None:
        return f"{cell.variation.dataset}, {cell.variation.name}"
    return cell.dataset.label or cell.dataset.name


def _told(cell: Cell) -> dict[str, str]:
    # two folders of images may have the same label, and differ by their paths alone
    return {**{k: str(v) for k, v in cell.dataset.hyperparameters.items()}, **describe(cell)}
