import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from handmade import STUDY
from pages import Page, rows_of

from bench.cli.options import say_report
from bench.errors import BenchError
from bench.execution.plan import Planned
from bench.records.cell import Variation
from bench.report import write_report
from bench.report.analysis.findings import find
from bench.report.analysis.problems import problems
from bench.report.analysis.series import binned
from bench.report.content import compose
from bench.report.drawing.seeds import median_seed
from bench.report.drawing.style import Style
from bench.report.page.document import Items, Listing, Paragraph
from bench.report.page.markdown import escape
from bench.report.topics.study import methods
from bench.report.topics.study.failures import failures
from bench.report.topics.study.provenance import provenance
from bench.study import Study
from bench.words import program

HOSTILE = (
    '<script>alert("x")</script>|`_*$x$[a](b)\n# ü漢 & \' "]]></style></textarea>-->'
    "<img src=x onerror=alert(1)><svg/onload=alert(1)>"
)


def test_page_is_one_file_that_needs_no_other(written: Path):
    page = Page(written / "report.html")
    assert page.all("h1")
    for picture in page.all("img"):
        assert picture["src"].startswith("data:image/png;base64,")
        assert len(picture["alt"]) > 20
    assert all(len(drawing["aria-label"]) > 20 for drawing in page.all("svg"))
    # its own, which the page's policy names by its hash; none is fetched
    assert page.all("script") == [{}]
    assert not page.all("link")
    assert not any("http" in str(a.get("src", a.get("href", ""))) for _, a in page.tags)
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    for link in page.all("a"):
        assert link["href"].removeprefix("#") in ids
    assert all("scope" in header for header in page.all("th"))


def test_page_and_markdown_show_verdict_failures_and_notes(written: Path):
    page, markdown = Page(written / "report.html").words, (written / "report.md").read_text("utf-8")
    # what the page folds away, as methods' docstrings, report.md leaves to it
    assert "penalty" in page
    assert "penalty" not in markdown
    for text in (page, markdown):
        assert "No significant difference between non_saturating and wgan_gp" in text
        assert "wgan_gp diverged on 1 of 3 seeds" in text
        assert "a weight is not finite after 60 discriminator updates" in text
        assert "broken.py: it has no method" in text
        assert "5 of 6 runs finished, 1 diverged" in text


def test_numbers_in_markdown_are_those_of_the_records(written: Path):
    text = (written / "report.md").read_text(encoding="utf-8")
    ranking = rows_of(text, "| rank | method |")
    assert [row[:3] for row in ranking[:2]] == [
        ["1", "non_saturating", "7.00"],
        ["2", "wgan_gp", "1 of 3 seeds failed"],
    ]
    # 3 less 7, the means of the finished seeds; with the failed one, the rank test's 0.1
    assert ranking[1][3:] == ["−4.00 (−9.98 to 1.98)", "0.1", "0 % (0 to 71 %)", "50.0 %", "2 of 3"]
    assert ranking[2][1:3] == ["real data", "8.00"]
    (stable, diverged) = rows_of(text, "| best modes")
    # with two evaluations, the final tenth of the budget has but one: no oscillation
    assert stable[:5] == ["non_saturating", "3 ok", "7.00", "7.00", "50 (1 of 3 seeds)"]
    assert diverged[:4] == ["wgan_gp", "1 diverged, 2 ok", "3.50", "3.00"]
    # a hundred updates are too few for any finding, which is not the absence of findings
    page = Page(written / "report.html")
    assert "Gradient norms on ring8 are not judged" in page.words
    cost = rows_of(text, "gradient evaluations")
    assert cost[0] == ["ring8", "non_saturating", "100", "100", "200", "3.0"]


def test_tables_on_disk_agree_with_the_page(written: Path):
    runs = pd.read_csv(written / "runs.csv")
    summary = pd.read_csv(written / "summary.csv")
    assert len(runs) == 6
    ok = runs[runs["status"] == "ok"]
    for method, mean in ok.groupby("method_label")["modes_20"].mean().items():
        row = summary[(summary["method"] == method) & (summary["metric"] == "modes_20")]
        assert row["mean"].item() == pytest.approx(mean)
    named = {str(f.relative_to(written)) for f in (written / "figures").glob("*.png")}
    text = (written / "report.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\((figures/[^)]+)\)", text)) == named
    # what the page folds away is there only as SVG
    assert {name.rpartition("-")[2] for name in named} == {
        "figures/overview.png", "strip.png", "curves.png", "norms.png", "figures/costs.png",
    }  # fmt: skip
    drawn = {f.stem.rpartition("-")[2] for f in (written / "figures").glob("*.svg")}
    assert {"samples", "losses", "profiles"} <= drawn


def test_a_second_call_writes_nothing_until_something_changes(
    make_study, train, modes, store, capsys
):
    study = make_study()
    planned = [train(cell, status="crashed", reason="it broke") for cell in study.cells]

    def state() -> dict[str, int]:
        folder = store.results / study.name
        return {str(f): f.stat().st_mtime_ns for f in folder.rglob("*") if f.is_file()}

    page = write_report(study, planned, store.results)
    before = state()
    assert write_report(study, planned, store.results) == page
    assert state() == before
    assert not list(page.parent.glob(".new-*"))
    say_report(page, "4 s. ")
    told = "No method can be compared with another yet."
    assert capsys.readouterr().out.splitlines() == [told, f"4 s. Report: {page}"]
    assert told in page.read_text()

    write_report(study, planned, store.results, ["a note"])
    assert state()[str(page)] != before[str(page)]
    (page.parent / "runs.csv").unlink()
    write_report(study, planned, store.results, ["a note"])
    assert (page.parent / "runs.csv").is_file()

    # the same cell trained again: its key stays, its record is another
    again = train(planned[0].cell, modes(0, 1), finished_at="2026-01-02T00:00:00Z")
    write_report(study, [again, *planned[1:]], store.results, ["a note"])
    assert pd.read_csv(page.parent / "runs.csv")["modes_20"][0] == 1


@pytest.fixture
def barely(make_study, train, store):
    """A report of failed cells, which is written fast: its study, cells and function to write."""
    study = make_study()
    planned = [train(cell, status="crashed", reason="it broke") for cell in study.cells]

    def write(study=study, planned=planned) -> tuple[Path, bool]:
        """The folder, and whether the report was written anew."""
        page = store.results / study.name / "report.html"
        before = page.stat().st_ino if page.is_file() else 0
        write_report(study, planned, store.results)
        return page.parent, page.stat().st_ino != before

    assert write()[1]
    assert not write()[1]
    return study, planned, write


@pytest.mark.parametrize("damage", ["another byte", "cut", "missing", "no stamp"])
def test_a_report_whose_files_are_not_as_written_is_written_again(barely, damage):
    _, _, write = barely
    folder, _ = write()
    for name in ("report.html", "summary.csv", "figures/overview.svg"):
        file = folder / name
        sound = file.read_bytes()
        if damage == "another byte":
            file.write_bytes(bytes([sound[0] ^ 1]) + sound[1:])
        elif damage == "cut":
            file.write_bytes(sound[:-1])
        elif damage == "no stamp":
            (folder / ".report.json").write_text('{"made_from": ')
        else:
            file.unlink()
        assert write()[1]
        assert file.read_bytes()[0] == sound[0]
        assert not write()[1]


def test_a_report_is_written_again_when_what_it_is_made_from_changes(barely, monkeypatch):
    study, planned, write = barely
    # a record with the same key and files and another number
    record = planned[0].record
    data = {**record.data, "run": {**record.data["run"], "training_seconds": 123.0}}
    changed = [
        dataclasses.replace(planned[0], record=dataclasses.replace(record, data=data)),
        *planned[1:],
    ]
    assert write(planned=changed)[1]
    assert not write(planned=changed)[1]
    # another version of a package that draws
    monkeypatch.setattr("bench.report.version", lambda name: "99" if name == "matplotlib" else "1")
    assert write(planned=changed)[1]
    assert not write(planned=changed)[1]
    # a file of the study that names other cells, so that other commands reproduce these
    assert write(
        study=dataclasses.replace(study, expansion=None, cells=study.cells[:1]), planned=changed
    )[1]


def test_figures_of_a_dataset_that_left_the_study_go(make_study, train, modes, store):
    study = make_study()
    planned = [train(cell, modes(0, 1)) for cell in study.cells]
    folder = write_report(study, planned, store.results).parent
    (folder / "my notes.txt").write_text("kept")
    missing = [Planned(cell, "missing", "never trained") for cell in study.cells]
    write_report(study, missing, store.results)
    names = sorted(f.name for f in (folder / "figures").iterdir())
    assert names == ["overview.png", "overview.svg"]
    assert (folder / "my notes.txt").is_file()


def test_importing_the_report_is_cheap():
    code = (
        "import sys, bench.report; "
        "sys.exit(any(m in sys.modules for m in ('pandas', 'matplotlib', 'seaborn', 'scipy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("status", ["crashed", "diverged", "timed_out"])
def test_a_study_with_every_cell_failed(make_study, train, store, status):
    study = make_study()
    planned = [
        train(c, status=status, reason="it broke", output="line 1\nline 2") for c in study.cells
    ]
    page = write_report(study, planned, store.results)
    words = Page(page).words
    assert "no method has a finished seed" in words
    assert "line 1\nline 2" in words
    assert len(pd.read_csv(page.parent / "runs.csv")) == 6


def test_one_seed_of_one_method(make_study, train, modes, store):
    study = make_study()
    page = write_report(study, [train(study.cells[0], modes(1, 2))], store.results)
    words = Page(page).words
    assert (
        "Not judged: only non_saturating has finished seeds with a value: 2.00 (one seed)" in words
    )


def test_nothing_trained_and_nothing_planned(make_study, store):
    study = make_study()
    planned = [Planned(cell, "missing", "never trained") for cell in study.cells]
    words = Page(write_report(study, planned, store.results)).words
    assert "0 of 6 runs finished, 6 missing" in words
    assert "never trained" in words
    empty = Study("empty", "", 1.0, [])
    page = write_report(empty, [], store.results)
    assert len(pd.read_csv(page.parent / "runs.csv")) == 0


@pytest.mark.parametrize("variant", [None, Variation(HOSTILE, "group", HOSTILE, 6, HOSTILE)])
def test_hostile_names_reasons_and_docstrings_are_only_text(
    make_study, train, modes, store, monkeypatch, variant
):
    study = make_study()
    cells = [
        dataclasses.replace(
            cell,
            method=dataclasses.replace(cell.method, name="hostile", label=HOSTILE),
            dataset=dataclasses.replace(cell.dataset, label=HOSTILE),
            variation=variant,
        )
        for cell in study.cells[:3]
    ]
    docstring = f"A docstring.\n\n```\n</pre>{HOSTILE}"
    monkeypatch.setattr(methods, "described", lambda *_: docstring)
    planned = [
        train(cells[0], modes(1, 2)),
        train(cells[1], status="crashed", reason=HOSTILE, output=f"</pre>{HOSTILE}"),
        Planned(cells[2], "stale", HOSTILE),
    ]
    study = dataclasses.replace(study, name="a & <b>'\"]]>", description=HOSTILE, source=HOSTILE)
    page = write_report(study, planned, store.results, [HOSTILE])
    parsed = Page(page)
    assert parsed.all("script") == [{}]
    assert len(parsed.all("style")) == 1
    assert all(a["src"].startswith("data:image/png;base64,") for a in parsed.all("img"))
    assert not [name for _, a in parsed.tags for name in a if name.startswith("on")]
    files = [file.relative_to(page.parent) for file in page.parent.rglob("*")]
    assert all(re.fullmatch(r"[\w.-]+", part) for file in files for part in file.parts)
    assert not any(a.get("href") == "b" for a in parsed.all("a"))
    assert parsed.words.count('<script>alert("x")</script>') >= 6
    text = (page.parent / "report.md").read_text(encoding="utf-8")
    outside_fences = re.sub(r"(?ms)^(`{3,})text$.*?^\1$", "", text)
    assert "<script" not in outside_fences
    assert not re.search(r"(?m)^# ü", outside_fences)
    if variant is not None:  # the page folds it away, and so its table is not here
        return
    header, *_ = [line for line in text.splitlines() if line.startswith("| rank | method |")]
    columns = len(re.findall(r"(?<!\\)\|", header))
    (row,) = [line for line in text.splitlines() if line.startswith("| 1 | ")]
    assert len(re.findall(r"(?<!\\)\|", row)) == columns
    assert pd.read_csv(page.parent / "runs.csv")["method_label"].tolist() == [HOSTILE] * 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("wgan_gp", "wgan_gp"),
        ("_private_ __x__", r"\_private\_ \_\_x\_\_"),
        ("a|b\nc", r"a\|b c"),
        ("<b> & `c` *d* [e](f) $g$", r"&lt;b&gt; &amp; \`c\` \*d\* \[e\](f) \$g\$"),
        ("# 1", r"\# 1"),
    ],
)
def test_markdown_escapes(text: str, expected: str):
    assert escape(text) == expected


@pytest.mark.parametrize(
    ("name", "most", "rest", "told"),
    [
        ("device_name", "a processor", "another",
         "devices: cpu a processor (4 runs); cpu another (2 runs)"),
        ("engine", "compiled", "eager", "engines: compiled (4 runs); eager (2 runs)"),
    ],
)  # fmt: skip
def test_mixed_conditions_are_told(make_study, train, modes, store, name, most, rest, told):
    study = make_study()
    planned = [
        train(cell, modes(1, 2), **{name: most if cell.seed else rest}) for cell in study.cells
    ]
    words = Page(write_report(study, planned, store.results)).words
    assert "Not all runs were made under the same conditions" in words
    assert f"ring8 mixes {told}" in words


def test_scores_by_another_extractor_are_told(make_study, train, modes, store):
    study = make_study()
    planned = [
        train(cell, modes(1, 2), protocol={"weights_sha256": "ab" if cell.seed else "cd"})
        for cell in study.cells
    ]
    words = Page(write_report(study, planned, store.results)).words
    # what all have in common is not told again
    assert "ring8 mixes protocols: weights_sha256 ab (4 runs); weights_sha256 cd (2 runs)" in words


def test_a_damaged_array_costs_its_picture_and_is_told(two_methods, store):
    study, planned = two_methods
    record = planned[0].record
    content = bytearray((record.folder / "series.npz").read_bytes())
    content[40] ^= 255
    (record.folder / "series.npz").write_bytes(bytes(content))
    page = write_report(study, planned, store.results)
    assert "series.npz is damaged" in Page(page).words
    assert len(pd.read_csv(page.parent / "runs.csv")) == 6


def test_an_unwritable_folder_is_one_clear_line(two_methods, store):
    study, planned = two_methods
    (store.results / study.name).write_text("a file where the folder should be")
    with pytest.raises(BenchError, match="cannot write the report to"):
        write_report(study, planned, store.results)


def test_every_kind_of_samples_and_flag_is_drawn(make_study, train, store):
    study = make_study(
        """
methods: [vanilla, ttur]
seeds: 1
experiments:
  - {dataset: dirac, architecture: dirac, updates: 100}
  - {dataset: ring8, architecture: mlp, updates: 2000}
"""
    )
    norms = np.ones(2000, np.float32)
    norms[[500, 501]] = 1e4
    norms[1500:1700] = 1e-9
    norms[-1] = np.inf
    points = np.full((1, 30, 2), np.inf, np.float16)
    points[0, 0] = 0
    planned = []
    for cell in study.cells:
        if cell.dataset.name == "dirac":
            values = {"radius": 1.0, "distance": 1.0, "theta": 1.0, "psi": 0.0, "data_fd": 1.0}
            planned.append(train(cell, {0: values, 100: values}))
        else:
            values = {"modes_20": 0.0, "modes_1": 0.0, "high_quality": 0.0}
            values |= {"reverse_kl": None, "jsd": None, "data_fd": 1e30}
            planned.append(train(cell, {0: values}, status="diverged", norms=norms, samples=points))
    page = write_report(study, planned, store.results)
    names = sorted(f.name.split("-")[-1] for f in (page.parent / "figures").glob("*.svg"))
    assert set(names) >= {"curves.svg", "norms.svg", "overview.svg", "phase.svg", "samples.svg"}
    assert names.count("norms.svg") == 2
    assert "Marked: not finite, spike, vanishing." in Page(page).words


def test_binned_series_keeps_extremes():
    updates = np.arange(1.0, 1001)
    norms = np.ones(1000)
    norms[499], norms[700], norms[800] = 1e6, 1e-6, np.nan
    found = binned(updates, norms, np.linspace(0, 1000, 11))
    assert found.middle.tolist() == [50 + 100 * i for i in range(10)]
    assert (found.high.max(), found.low.min()) == (1e6, 1e-6)
    assert set(found.median.tolist()) == {1.0}


def test_samples_shown_are_those_of_the_median_seed(two_methods):
    (problem,) = problems(two_methods[1])
    chosen = median_seed(problem.by_method["non_saturating"], problem.primary)
    assert chosen is not None
    assert chosen.cell.seed == 1
    # of two, the better one
    chosen = median_seed(problem.by_method["wgan_gp"], problem.primary)
    assert chosen is not None
    assert chosen.cell.seed == 1


def test_forty_methods_differ_in_colour_or_dash():
    names = [f"method_{i}" for i in range(40)]
    style = Style(names)
    assert len({(style.colour[n], style.dash[n]) for n in names}) == 40


def test_a_run_that_is_measured_in_two_ways_is_one_run(make_study, train, modes):
    begin, experiment = STUDY.split("experiments:")
    again = experiment.replace("ring8", "{ring8: {evaluation_samples: 500}}")
    study = make_study(f"{begin}experiments:{experiment.rstrip()}{again}")
    planned = [train(cell, modes(0, 1), "diverged" if cell.seed == 0 else "ok", "it diverged")
               for cell in study.cells]  # fmt: skip
    found = find(study, planned, [])
    (section,) = provenance(found)
    told = dict(section.blocks[0].items)
    assert told["Runs"] == "6 stored of 6"
    assert told["Devices"].endswith("(6 runs)")
    (table,) = failures(found)[0].blocks
    assert table.caption.startswith("2 runs failed.")
    facts = next(block for block in compose(found, {}).lead if isinstance(block, Items))
    assert "4 of 6 runs finished, 2 diverged" in dict(facts.items)["Run"]


@pytest.mark.parametrize(
    ("commit", "told"),
    [
        ("0123abcdef", "git checkout 0123abcdef\n"),
        ("0123abcdef+changes", "git checkout 0123abcdef\n"),
        ("x; touch pwned #", ""),
        ("--orphan", ""),
    ],
)
def test_the_commands_hold_a_commit_only_where_it_is_one(make_study, train, modes, commit, told):
    study = make_study()
    found = find(study, [train(cell, modes(0, 1), commit=commit) for cell in study.cells], [])
    (section,) = provenance(found)
    (listing,) = [b for b in section.blocks if isinstance(b, Listing)]
    first, second = listing.text.removeprefix(told).splitlines()
    assert listing.text.startswith(told)
    assert first.startswith(f"{program()} run ")
    assert second.startswith(f"{program()} compare results again")


def test_the_commands_name_files_that_the_commit_lacks(make_study, train, modes):
    study, new = make_study(), {"commit": "0123abcdef+changes", "uncommitted": ["methods/new.py"]}
    (section,) = provenance(find(study, [train(c, modes(0, 1), **new) for c in study.cells], []))
    (told,) = [b.text for b in section.blocks if isinstance(b, Paragraph)]
    assert "put back first, as the commit does not hold them: methods/new.py" in told
    (items,) = [b for b in section.blocks if isinstance(b, Items)]
    assert ("Not in the commits", "methods/new.py") in items.items


def test_a_list_of_files_that_was_tampered_with_deletes_nothing_elsewhere(two_methods, store):
    study, planned = two_methods
    folder = write_report(study, planned, store.results).parent
    victim = store.results / "victim.txt"
    victim.write_text("mine")
    old = folder / "figures" / "old.png"
    old.write_text("old")
    names = ["figures/../../victim.txt", "../victim.txt", "figures/old.png", str(victim)]
    stamp = {"made_from": "", "headline": "", "files": dict.fromkeys(names, "")}
    (folder / ".report.json").write_text(json.dumps(stamp))
    write_report(study, planned, store.results)
    assert victim.read_text() == "mine"
    assert not old.exists()
