"""The command that puts parts through their suites: check."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from bench.cli.options import out
from bench.errors import BenchError, nearest
from bench.kinds import KINDS
from bench.words import count as counted

if TYPE_CHECKING:
    from bench.check import Verdict


def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Methods, datasets or architectures; dataset:NAME where two kinds have the name, "
            "points:PATH for a dataset at a path. Default: every method."
        ),
    ] = None,
) -> None:
    """Run parts through the suite of their kind and report problems in plain words.

    Examples:

    bench check my_idea

    bench check dataset:my_data points:heights.npy
    """
    import torch

    from bench.registry import find, make_method

    # as in a worker: with so small networks a second thread costs time
    torch.set_num_threads(1)
    broken = {} if names else find("method").broken
    if names:
        parts = {name: _part(name) for name in names}
    else:
        parts = {name: make_method(name) for name in find("method").parts}
    failed = []
    cautions = 0
    for name, part in parts.items():
        verdicts = _verdicts(part)
        cautions += sum(bool(verdict.caution) for verdict in verdicts)
        if _say_verdicts(name, verdicts, whole=bool(names)):
            failed.append(name)
    for name, each in broken.items():
        told = f"{name} ({each.where})"
        out.print(f"[red]✗[/red] {escape(told)}", highlight=False)
        out.print(f"  cannot be used: {each.reason}", markup=False)
        failed.append(told)
    count = len(parts) + len(broken)
    what = "parts" if names else "methods"
    if failed:
        of = f"{len(failed)} of {count} {what} fail: " if count > 1 else "It fails: "
        out.print(f"{of}{', '.join(failed)}.", markup=False)
        raise typer.Exit(1)
    told = f"{count} {what} pass" if count > 1 else "It passes"
    with_cautions = f", with {counted(cautions, 'caution')}" if cautions else ""
    out.print(f"{told}{with_cautions}.", markup=False)


def _part(typed: str) -> Any:
    """Return the part that is typed as NAME, KIND:NAME, or DATASET:PATH."""
    from bench.combination import SIGN
    from bench.registry import Part, find, kinds_with, make

    kind, colon, rest = typed.partition(":")
    if colon and kind in KINDS:
        part = Part.of(rest)
        return make(kind, part.name, part.hyperparameters)
    part = Part.of(typed)
    name, at_path = part.name, bool(part.hyperparameters)
    kinds = ["method"] if SIGN in name else kinds_with(name)
    if at_path and "dataset" in kinds:  # of all kinds, only a dataset is called with a path
        kinds = ["dataset"]
    if not kinds:
        known = [name for kind in KINDS for name in find(kind).parts]
        raise BenchError(f"no part is called '{name}'{nearest(name, known)}")
    if len(kinds) > 1:
        ways = " or ".join(f"{kind}:{name}" for kind in kinds)
        raise BenchError(f"several parts are called '{name}'; say which: {ways}")
    return make(kinds[0], name, part.hyperparameters)


def _verdicts(part: Any) -> list[Verdict]:
    """Run a part's suite in a separate process, which its code may hang or end."""
    from bench.check import SUITES
    from bench.check.suite import Verdict, title
    from bench.execution.apart import Lost, apart
    from bench.registry import kind_of

    suite = SUITES[kind_of(part)]
    steps = [lambda step=step: [astuple(each) for each in step()] for step in suite.steps(part)]
    try:
        told = apart(*steps)
    except Lost as lost:
        told = apart(*steps[: lost.place]) if lost.place else []
        at, *rest = (title(check) for check in suite.checks[lost.place :])
        told += [(at, f"it {lost}"), *((each, "", False) for each in rest)]
    return [Verdict(*each) for each in told]


def _say_verdicts(name: str, verdicts: list[Any], whole: bool) -> bool:
    """Print one part's verdicts, each problem once; return whether there is any."""
    from bench.check import causes

    wrong = causes(verdicts)
    mark = "[red]✗[/red]" if wrong else "[green]✓[/green]"
    out.print(f"{mark} {escape(name)}", highlight=False)
    if whole:
        for verdict in verdicts:
            if verdict.tried and not (verdict.problem or verdict.caution):
                out.print(f"  [green]✓[/green] {escape(verdict.check)}", highlight=False)
    for verdict in verdicts:
        if verdict.caution:
            out.print(f"  [yellow]![/yellow] {escape(verdict.caution)}", highlight=False)
    for cause in wrong:
        out.print(f"  [red]✗[/red] {escape(cause.problem)}", highlight=False)
        for check in cause.checks:
            out.print(f"      fails: {check}", markup=False, highlight=False)
    untried = [verdict.check for verdict in verdicts if not verdict.tried]
    if untried:
        skipped = counted(len(untried), "check")
        out.print(f"  {skipped} skipped, as they depend on this.", markup=False)
    return bool(wrong)
