"""The command line: parse, call, print."""

from __future__ import annotations

import atexit
import gc
import io
import os
import signal
import sys
from contextlib import suppress
from typing import Any, NoReturn

import typer

from bench.cli.about import doctor, list_all, ui
from bench.cli.checking import check
from bench.cli.drafting import new
from bench.cli.elsewhere import compare, export
from bench.cli.measuring import measure, prune, sample, score
from bench.cli.options import finds_parts
from bench.cli.reading import figure, report, show, status
from bench.cli.training import plan, run, sync
from bench.cli.tuning import tune
from bench.errors import LONGEST, BenchError, one_line
from bench.execution.warden import end_all, take_in
from bench.temporary import own_folder

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="A benchmark harness for the stabilisation of GAN training.\n\n"
    "bench run smoke: train a small study and write its report\n\n"
    "bench plan quick: what would train, and why\n\n"
    "bench new method my_idea: write a method to start from, with its test\n\n"
    "bench check my_idea: put a method, dataset or architecture of yours through its suite",
)
for command in (
    *(run, measure, tune, plan, report, compare, figure, export, status, check, new, sync, doctor),
    *(score, sample),
):  # fmt: skip
    app.command()(finds_parts(command))
app.command("list")(finds_parts(list_all))
app.command()(show)
app.command()(prune)
app.command()(ui)


def main() -> None:
    """Run the command line; a :class:`BenchError` is one line and exit code 2."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup has SIGHUP ignored, and means it
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)
    # a backend that a notebook's or another program's environment sets is not meant for us
    os.environ["MPLBACKEND"] = "agg"
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a letter shows another
    # a user's file may start processes where it is imported: nothing outlives the command
    take_in()
    atexit.register(end_all)
    # records are trees of many small objects, which Python's collector would walk again and again
    gc.set_threshold(50_000)
    try:
        with own_folder():
            app(prog_name="bench")
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:  # such as a full disk, also where output is sent to one
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or else it is tried again at the end
        print(f"bench: {one_line(str(error), LONGEST)}", file=sys.stderr)
        sys.exit(2)
    except _Interrupted:
        with suppress(OSError):  # the terminal itself may be gone
            print(
                "bench: interrupted; what finished is stored, run again to go on", file=sys.stderr
            )
        sys.exit(130)


class _Interrupted(BaseException):
    """Ctrl-C, SIGTERM or SIGHUP; not a KeyboardInterrupt, which typer would handle itself."""


def _interrupt(*_: Any) -> NoReturn:
    raise _Interrupted
