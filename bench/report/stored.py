"""Reads results folders without changing them, whatever code wrote them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.errors import BenchError
from bench.records.cell import Component
from bench.records.fingerprint import digest
from bench.records.record import Record
from bench.records.store import Store
from bench.registry import make_dataset


class Untouched(Store):
    """A store that is only read: damaged records stay where they are, and are reported.

    The folder may belong to someone else, or be read-only.
    """

    def _set_aside_measurements(self, folder: Path, error: Exception) -> None:
        self.set_aside.append(f"the measurements in {folder} cannot be read ({error})")

    def _set_aside(self, folder: Path, error: Exception) -> None:
        self.set_aside.append(
            f"record {folder} cannot be read and was left out ({type(error).__name__}: {error})"
        )


def open_results(results: Path) -> tuple[list[Record], list[str]]:
    """Return the records of a results folder, by key, and a line for each that cannot be read.

    Raises:
        BenchError: as :func:`opened`.
    """
    store = opened(results)
    return list(store.records.values()), store.set_aside


def opened(results: Path) -> Untouched:
    """Read a results folder that holds at least one sound record.

    Raises:
        BenchError: there is no such folder, it holds no record, or one of a newer benchmark.
    """
    if not results.is_dir():
        raise BenchError(
            f"there is no results folder '{results}'; give the folder that `bench run` wrote to "
            "(its --results)"
        )
    store = Untouched(results)
    try:
        records = store.records
    except OSError as error:
        raise BenchError(
            f"the results folder '{results}' cannot be read ({error.strerror})"
        ) from error
    if records:
        return store
    if store.set_aside:
        raise BenchError(
            f"none of the {len(store.set_aside)} records in '{results}' can be read; "
            f"the first: {store.set_aside[0]}"
        )
    above = next((f for f in results.resolve().parents if (f / "cells").is_dir()), None)
    hint = f"; did you mean '{above}'?" if above else "; `bench run --results` fills one"
    raise BenchError(f"the folder '{results}' holds no records{hint}")


def spelled_as(component: Component) -> str:
    """Return a hash of name and hyperparameters; the label follows from them."""
    return digest([component.name, component.hyperparameters])


def unknown(datasets: Iterable[Component]) -> dict[str, str]:
    """Return why the code here cannot make some of these datasets, by their `spelled_as`."""
    why: dict[str, str] = {}
    for key, dataset in {spelled_as(each): each for each in datasets}.items():
        try:
            make_dataset(dataset.name, dataset.hyperparameters)
        except BenchError as error:
            why[key] = str(error)
    return why
