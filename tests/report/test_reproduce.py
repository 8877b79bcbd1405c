"""The command that a report gives for a cell trains that very cell."""

import shlex
import sys

import pytest

from bench.report.topics.study.provenance import reproducer
from bench.study import load_study
from bench.study.selection import parse
from bench.words import program


def _selected(words: list[str]):
    """What the command line makes of a command."""
    from bench.cli.options import chosen_study

    assert words[:2] == [program(), "run"]
    options: dict[str, list[str]] = {}
    decide = "--decide" in words
    words = [word for word in words if word != "--decide"]
    for name, value in zip(words[3::2], words[4::2], strict=True):
        options.setdefault(name, []).append(value)
    return chosen_study(
        words[2],
        options.get("--methods", [""])[0],
        "",
        options.get("--seeds", [""])[0],
        options.get("--set"),
        options["--cell"][0],
        decide=decide,
    )


@pytest.mark.parametrize(
    ("methods", "seeds", "overrides"),
    [
        ("", "", []),
        ("wgan_gp", "7,", ["wgan_gp.penalty_weight=0.5"]),
        ("ttur", "2", []),
        ("", "1", ["ring8.sigma=0.03"]),
        ("+ttur+spectral_norm", "1", ["spectral_norm+ttur.ttur.ratio=2"]),
        ("hinge+r1", "1", ["r1.gamma=0.5"]),
    ],
)
def test_every_command_selects_its_cell(methods, seeds, overrides):
    chosen = load_study("quick", parse(methods, "", seeds, overrides))
    command = reproducer(chosen)
    for cell in chosen.cells[:: max(1, len(chosen.cells) // 6)]:
        study = _selected(shlex.split(command(cell)))
        assert [each.key for each in study.cells] == [cell.key]


def test_a_seed_that_deciding_added_is_selected(make_study):
    study = load_study(make_study().source, decide=True)
    last = study.reserve[-1]
    assert last.seed == 29
    command = shlex.split(reproducer(study)(last))
    assert [each.key for each in _selected(command).cells] == [last.key]


def test_commands_start_the_program_where_make_setup_put_it(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    assert program() == ".venv/bin/bench"
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "elsewhere"))
    assert program() == "bench"


def test_a_study_of_ones_own_is_named_by_its_path(make_study, tmp_path):
    study = make_study()
    told = reproducer(study)(study.cells[0])
    assert shlex.split(told)[2] == str(tmp_path / "by_hand.yaml")
    assert _selected(shlex.split(told)).cells[0].key == study.cells[0].key
