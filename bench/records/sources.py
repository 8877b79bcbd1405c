"""The source files that a result depends on, by what they mean."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import bench
from bench.architectures.base import Architecture
from bench.combination import parts_of
from bench.datasets.base import Dataset
from bench.method import Method
from bench.metric import Extractor, Metric
from bench.records.fingerprint import imported_modules, source_hash, source_text

ROOT = Path(bench.__file__).parent
SHARED_SOURCES = (
    "method.py",
    "training",
    "datasets/base.py",
    "architectures/base.py",
    "architectures/layers.py",
    "execution/worker.py",
)

_PACKAGES = (
    *("methods", "bench.datasets", "bench.architectures"),
    *("bench.metrics", "bench.extractors"),
)
"""Packages with a part in each file: what a part imports from its own is a source, too."""
_CONTRACTS = (Method, Dataset, Architecture, Metric, Extractor)

MEASURING = ("measuring/evaluation.py", "measuring/runs.py", "networks.py")
"""Sources of every measurement, in addition to its metric, its extractor and their imports."""
PLAYING = "measuring/field.py"
"""Additional source of measurements of the game."""


def _helpers(file: Path, package: str, within: str = "") -> dict[str, Path]:
    """Return the files of ``package`` that this one imports, directly or through another.

    ``within`` is the package that the file itself belongs to, where that is not ``package``.
    """
    found: dict[str, Path] = {}
    seen = {file}

    def look(file: Path, within: str) -> None:
        for name in imported_modules(source_text(file), package, within):
            # a name that is not a module is defined in the package's __init__
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
    """Return the path of a module's file, relative to the folder that holds its package."""
    inside = "/__init__" if file.stem == "__init__" else ""
    return module.replace(".", "/") + inside + (file.suffix or ".py")


def _of_a_package(kind: type) -> dict[str, Path]:
    """Return a class's own file in an installed package, and what it imports from that package."""
    module, file = sys.modules[kind.__module__], Path(inspect.getfile(kind))
    top, _, _ = kind.__module__.partition(".")
    return {
        _file_name(kind.__module__, file): file,
        **_helpers(file, top, module.__package__ or ""),
    }


def _files_of(part: Any) -> dict[str, Path]:
    """Return the files of a part: of its class, of its base classes, and those they import.

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
    """Return hashes of the files that make one part."""
    return {name: source_hash(file) for name, file in sorted(_files_of(part).items())}


def sources_of(method: Any, dataset: Any, architecture: Any) -> dict[str, str]:
    """Return the hash of every file on which the training of such a cell depends.

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


def sources_that_measure(*parts: Any) -> dict[str, str]:
    """Return hashes of the files by which a metric, or an extractor, or both measure.

    Their own, what these import from ``bench.measuring``, and what makes samples of networks.
    """
    files = {f"bench/{name}": ROOT / name for name in MEASURING}
    for part in parts:
        files |= _files_of(part)
        if isinstance(part, Metric) and part.needs == "game":
            files[f"bench/{PLAYING}"] = ROOT / PLAYING
    for file in list(files.values()):
        if file.suffix == ".py":
            files |= _helpers(file, "bench.measuring")
    return {name: source_hash(file) for name, file in sorted(files.items())}
