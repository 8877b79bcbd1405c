"""Random command lines, study files and environments: mostly wrong, now and then right."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import yaml
from hypothesis import strategies as st

STUDY: dict[str, Any] = {
    "description": "As small as it gets.",
    "methods": ["vanilla", {"wgan_gp": {"penalty_weight": 1.0}}],
    "seeds": 1,
    "evaluations": 1,
    "time_limit": 60,
    "experiments": [
        {
            "dataset": {"ring8": {"evaluation_samples": 100}},
            "architecture": {"mlp": {"generator_widths": [4], "discriminator_widths": [4]}},
            "training": {"learning_rate": 0.001, "betas": [0.5, 0.9], "batch_size": 4},
            "updates": 10,
        }
    ],
}
SOUND = yaml.safe_dump(STUDY, sort_keys=False).encode()
KEYS = (
    "description", "methods", "seeds", "evaluations", "time_limit", "experiments", "dataset",
    "architecture", "training", "updates", "epochs", "budget", "vary", "keep", "save_every",
    "metrics", "require", "target", "iterate", "margin", "comparison", "redraws", "learning_rate",
    "batch_size", "betas", "optimizer", "ema", "simultaneous", "generator_widths", "latent",
    "evaluation_samples", "time-limit", "batch size", "updatse", "x-mine", "<<", "",
)  # fmt: skip
PLAIN = (
    "yes", "on", "6:00", "010", "0x1f", "1e-4", "1_000", ".nan", ".inf", "-.inf", "~", "2001-12-14",
    "2023-99-99", "1e999", "-1", "0", "1.5", "99999999999999999999", "all", "ring8", "folder:/",
    "folder:~nobody/x", "points:none.npy", "vanilla+wgan_gp", "+vanilla", "a,b", "../x", "\t", "é",
    "!!python/object:os.system x", "*a", "&a [*a]", "[[[[", "{", "'", "\x00", "🙂",
)  # fmt: skip
"""Scalars as they may be typed, whose meaning depends on the reader of the file."""

words = st.sampled_from(PLAIN) | st.text(max_size=12)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | words | st.sampled_from(KEYS)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | scalars, inner, max_size=3)
    ),
    max_leaves=6,
)


@dataclass(frozen=True)
class Call:
    """One command as it is typed, in its surroundings."""

    arguments: list[str]
    study: bytes
    environment: dict[str, str] = field(default_factory=dict)


@st.composite
def studies(draw: st.DrawFn) -> bytes:
    """A study file: a sound one, one with wrong parts, or one with wrong characters."""
    study = yaml.safe_load(SOUND)
    for _ in range(draw(st.integers(0, 2))):
        _change(study, draw)
    if draw(st.integers(0, 9)) == 0:
        study = draw(values)
    text = yaml.safe_dump(study, allow_unicode=True, sort_keys=False)
    if draw(st.integers(0, 3)) == 0:  # as it may be typed, not as YAML would write it
        lines = text.splitlines()
        place = draw(st.integers(0, len(lines) - 1))
        key, colon, _ = lines[place].partition(":")
        lines[place] = f"{key}{colon or ':'} {draw(words)}"
        text = "\n".join(lines)
    content = text.encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 4)) == 0:
        place = draw(st.integers(0, len(content)))
        length = draw(st.integers(0, 8))
        content = content[:place] + draw(st.binary(max_size=8)) + content[place + length :]
    return content


def _change(tree: Any, draw: st.DrawFn) -> None:
    """Put another value, or another key, somewhere into a tree."""
    while True:
        places = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
        if not places:
            return
        place = draw(st.sampled_from(places))
        inner = tree[place]
        if isinstance(inner, dict | list) and draw(st.integers(0, 3)):
            tree = inner
            continue
        if isinstance(tree, dict) and draw(st.booleans()):
            tree[draw(st.sampled_from(KEYS))] = draw(values)
        elif draw(st.integers(0, 4)) == 0:
            del tree[place]
        else:
            tree[place] = draw(values)
        return


COMMANDS = ("plan", "plan", "run", "run", "report", "tune", "export", "sync", "measure", "show",
            "check", "status", "list", "compare", "figure", "doctor", "prune", "sample", "score",
            "new")  # fmt: skip
NAMED = {
    "show": ("0", "1", "a", "f", ""), "sample": ("0", "1", "a", "f", ""),
    "check": ("vanilla", "wgan_gp", "ring8", "mlp", "modes", "dataset:ring8", "nothing"),
    "compare": ("results results", "results other", "results study.yaml"),
    "figure": ("", "curves", "scores", "nothing"), "new": ("metric a.b", "x y", "method vanilla"),
    "score": ("results results", "here ring8", "ring8 ring8", "study.yaml folder:.", "x.npy y.npz"),
    "list": ("",), "status": ("",), "prune": ("",),
}  # fmt: skip
"""What commands are about, by their names; others are about a study."""
OPTIONS = {
    "--seeds": ("1", "0,1", "12345", "0,0", "-1", "1e3", "99999999999999999999", ""),
    "--methods": ("vanilla", "+vanilla", "vanilla+wgan_gp", "wgan_pg", "all", ",", "+", "r1,r1"),
    "--datasets": ("ring8", "grid25", "ring", "", "ring8,ring8"),
    "--set": ("wgan_gp.penalty_weight=1", "wgan_gp.penalty_weight=.nan", "wgan_gp=1", "x", "=",
              "a.b=c", "training.batch_size=0", "ring8.updates=1", "vanilla.name=x", "..=1"),
    "--vary": ("x", "", "learning_rate"),
    "--metrics": ("modes", "fid", "gradients,modes", "x", ","),
    "--cell": ("0", "zz", ""),
    "--device": ("cpu", "auto", "cuda", "cuda:0", "cuda:banana", "tpu", ""),
    "--jobs": ("1", "2", "0", "-1", "x", "10000"),
    "--slots-per-device": ("1", "0"),
    "--trials": ("1", "0", "x"), "--tuning-seeds": ("1", "0"),
    "--results": ("results", "a b", "run{1}", "50%", "really?", "x/../y", "", ".", "study.yaml",
                  "é", "-", "#", "a\nb"),
    "--output": ("out", "out.npz", "", "/proc/x/y"), "--out": ("out", "x/out.parquet", "/proc/x"),
    "--scheduler": ("", "tcp://127.0.0.1:1", "x"), "--backend": ("threads", "spark"),
    "--keep": ("last", "none", "x"), "--count": ("1", "0", "-1"), "--update": ("10", "1"),
    "--study": ("study", "x"), "--fail-on": ("any", "x"), "--style": ("paper", "x"),
    "--width": ("100", "-1", "nan"), "--baseline": ("vanilla", "x"), "--seed": ("0", "-1"),
}  # fmt: skip
VARIABLES = {
    "MPLBACKEND": ("module://matplotlib_inline.backend_inline", "Qt4Agg"),
    "HOME": ("/nowhere", "", "/proc"),
    "TMPDIR": ("/nowhere", ""),
    "COLUMNS": ("1", "0", "x", "100000"),
    "TERM": ("dumb", ""),
    "CUDA_VISIBLE_DEVICES": ("", "7,banana", "-1", "0"),
    "MLFLOW_TRACKING_URI": ("nonsense://x", "http://127.0.0.1:1", "", "sqlite:///"),
    "BENCH_METHODS_DIR": ("/nowhere", "", "."),
    "BENCH_DATASETS_DIR": ("/nowhere", ""),
    "BENCH_REHEARSAL_SECONDS": ("x", "-1", "nan", "1e9"),
    "BENCH_INCEPTION_WEIGHTS": ("/nowhere", "", "study.yaml"),
    "BENCH_MEMORY_FRACTION": ("x", "2"),
    "OMP_NUM_THREADS": ("x", "0"),
}  # fmt: skip


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """A command with a few of its options, most of them with values that could be meant."""
    command = draw(st.sampled_from(COMMANDS))
    about = NAMED.get(command, ("study.yaml",))
    plain = st.sampled_from(PLAIN)
    # of ten inputs about seven are meant well: the first of a list is one that is right
    well = st.integers(0, 9).map(lambda number: number < 7)
    arguments = [command, *(draw(st.sampled_from(about)) if draw(well) else draw(plain)).split()]
    known = sorted(flags_of(command)) if draw(well) else sorted(OPTIONS)
    for name in draw(st.lists(st.sampled_from(known), max_size=3, unique=True)):
        values = OPTIONS.get(name, ()) if name in OPTIONS else None
        takes_value = values is not None or name not in flags_of(command) or flags_of(command)[name]
        arguments.append(name)
        if takes_value:
            arguments.append(values[0] if values and draw(well) else draw(
                st.sampled_from(values) | plain if values else plain))  # fmt: skip
    names = draw(st.lists(st.sampled_from(sorted(VARIABLES)), max_size=2)) if not draw(well) else []
    environment = {name: draw(st.sampled_from(VARIABLES[name])) for name in names}
    # a call cannot hand over a null byte
    arguments = [each.replace("\x00", "") for each in arguments]
    return Call(arguments, SOUND if draw(well) else draw(studies()), environment)


@cache
def flags_of(command: str) -> dict[str, bool]:
    """The options of a command, and whether each takes a value."""
    from typer.main import get_command

    from bench.cli import app

    found = get_command(app).commands[command].params  # type: ignore[attr-defined]
    return {
        option: not each.is_flag
        for each in found
        if each.param_type_name == "option" and each.name != "help"
        for option in (*each.opts, *each.secondary_opts)
    }
