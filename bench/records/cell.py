"""A cell: the unit of result, and the key that says what its result depends on."""

from __future__ import annotations

import inspect
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import bench
from bench.architectures.base import Architecture
from bench.combination import parts_of
from bench.datasets.base import Dataset
from bench.method import Method
from bench.records.fingerprint import digest, imported_modules, source_hash
from bench.training.configuration import TrainingConfiguration

SCHEMA = 3
"""Version of the record format; a record of another schema never answers for a cell."""

ROOT = Path(bench.__file__).parent
SHARED_SOURCES = (
    "method.py",
    "training",
    "metrics",
    "datasets/base.py",
    "architectures/base.py",
    "architectures/layers.py",
    "execution/worker.py",
)

_PACKAGES = ("methods", "bench.datasets", "bench.architectures")
"""Packages with a part in each file: what a part imports from its own is a source, too."""
_CONTRACTS = (Method, Dataset, Architecture)

_NOT_OF_A_ROUND = (
    *("dataset", "seed", "budget", "evaluations"),
    *(f"source bench/{part}" for part in ("datasets", "metrics")),
    "source the data",
)
"""How the names of ingredients begin that a compiled round does not depend on: it is given data,
and the shape of a sample is known by the data."""


@dataclass(frozen=True)
class Component:
    """A method, dataset or architecture by name, with all its settings spelled out."""

    name: str
    settings: dict[str, Any]
    label: str = ""
    """The name with the settings that differ from the default, as shown in tables."""


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
    """What the variant changes of its experiment, in words; nothing where it changes nothing."""


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

    def ingredients(self) -> dict[str, Any]:
        """Everything the result depends on, one entry for each thing that may change."""
        return {
            "method": self.method.name,
            **{f"method setting {k}": v for k, v in self.method.settings.items()},
            "dataset": self.dataset.name,
            **{f"dataset setting {k}": v for k, v in self.dataset.settings.items()},
            "architecture": self.architecture.name,
            **{f"architecture setting {k}": v for k, v in self.architecture.settings.items()},
            **{f"training {k}": v for k, v in asdict(self.training).items()},
            "seed": self.seed,
            "budget": self.updates,
            "evaluations": self.evaluations,
            **{f"source {file}": value for file, value in self.sources.items()},
            "schema": SCHEMA,
        }

    @property
    def key(self) -> str:
        return digest(self.ingredients())

    @property
    def group(self) -> str:
        """Equal for cells that differ by their seed alone: they train as one population."""
        rest = {k: v for k, v in self.ingredients().items() if k != "seed"}
        return digest(rest)

    @property
    def round(self) -> str:
        """Equal for cells whose rounds of training are the same function of tensors."""
        rest = {k: v for k, v in self.ingredients().items() if not k.startswith(_NOT_OF_A_ROUND)}
        return digest(rest)

    def coordinates(self) -> tuple[str, str, str, int]:
        """Where a user looks for this cell, whatever its ingredients."""
        return (self.method.name, self.dataset.name, self.architecture.name, self.seed)

    def __str__(self) -> str:
        where = self.dataset.label
        if self.variation is not None:
            where = f"{self.variation.dataset}, {self.variation.name}"
        return f"{self.method.label} on {where}, seed {self.seed}"

    def to_json(self) -> dict[str, Any]:
        data = asdict(self)
        if self.variation is None:
            # as records were before there were variations
            del data["variation"]
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Cell:
        parts = {name: Component(**data[name]) for name in ("method", "dataset", "architecture")}
        training = TrainingConfiguration(**data["training"])
        variation = data.get("variation")
        if variation is not None:
            variation = Variation(**variation)
        return cls(**{**data, **parts, "training": training, "variation": variation})


def _helpers(file: Path, package: str, within: str = "") -> dict[str, Path]:
    """Files of ``package`` that this one imports, directly or through another.

    ``within`` is the package that the file itself belongs to, where that is not ``package``.
    """
    found: dict[str, Path] = {}
    seen = {file}

    def look(file: Path, within: str) -> None:
        for name in imported_modules(file.read_text(encoding="utf-8"), package, within):
            # what is no module of the package is something that its __init__ holds
            known = name if name in sys.modules else name.rpartition(".")[0]
            module = sys.modules.get(known)
            if module is None or not module.__file__ or Path(module.__file__) in seen:
                continue
            helper = Path(module.__file__)
            seen.add(helper)
            found[_file_name(known, helper)] = helper
            if helper.suffix == ".py":
                look(helper, module.__package__ or package)

    look(file, within or package)
    return found


def _file_name(module: str, file: Path) -> str:
    """As a module's file is called below the folder that holds its package."""
    inside = "/__init__" if file.stem == "__init__" else ""
    return module.replace(".", "/") + inside + (file.suffix or ".py")


def _of_a_package(kind: type) -> dict[str, Path]:
    """A class's own file in an installed package, and what it imports from that package."""
    module, file = sys.modules[kind.__module__], Path(inspect.getfile(kind))
    top, _, _ = kind.__module__.partition(".")
    return {
        _file_name(kind.__module__, file): file,
        **_helpers(file, top, module.__package__ or ""),
    }


def _files_of(part: Any) -> dict[str, Path]:
    """Files that make a part: its class's, those of the classes it inherits from, what they import.

    Of an import, files of the package that the importing one is in.
    """
    files: dict[str, Path] = {}
    for kind in type(part).__mro__:
        package, _, _ = kind.__module__.rpartition(".")
        if kind.__module__.partition(".")[0] in ("bench", "methods"):
            file = Path(inspect.getfile(kind))
            files[_file_name(kind.__module__, file)] = file
            if package in _PACKAGES:
                files |= _helpers(file, package)
        elif issubclass(kind, _CONTRACTS):
            files |= _of_a_package(kind)
    return files


def sources_of_part(part: Any) -> dict[str, str]:
    """Hashes of the files that make one part."""
    return {name: source_hash(file) for name, file in sorted(_files_of(part).items())}


def sources_of(method: Any, dataset: Any, architecture: Any) -> dict[str, str]:
    """Hashes of every file that trains and measures such a cell.

    The method's own module and those of the methods it inherits from or combines, the dataset's
    and the architecture's likewise, what these import from their own package, and what all cells
    share; beside them the hash of a user's own data.
    """
    files: dict[str, Path] = {}
    for part in (method, *parts_of(method), dataset, architecture):
        files |= _files_of(part)
    for name in SHARED_SOURCES:
        at = ROOT / name
        for file in sorted(at.glob("*.py")) if at.is_dir() else [at]:
            files[f"bench/{file.relative_to(ROOT)}"] = file
    content = dataset.content()
    return {
        **{name: source_hash(file) for name, file in sorted(files.items())},
        **({"the data themselves": content} if content else {}),
    }
