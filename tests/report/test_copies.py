"""Tables as CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from by_hand import METHODS, document, ranking

from bench.report.page.copies import as_csv, as_latex, escape, tables, write_copies
from bench.report.page.document import Entry, Table
from bench.report.page.markdown import render_markdown


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_csv_holds_all_columns_with_their_numbers():
    header, *rows = read(as_csv(ranking()))
    assert header == ["rank", "method", "score ↑", "score ↑ (as shown)", "words", "spare"]
    assert [row[1] for row in rows] == [*METHODS, "real data"]
    assert [row[2] for row in rows[:4]] == ["3.5", "", "-1.25", "10"]
    assert rows[0][3] == "3.50 ± 0.10"
    assert rows[1][3] == ""
    assert {len(row) for row in rows} == {6}


def test_numbers_in_csv_are_whole():
    values = [0.1 + 0.2, 1e300, float("inf"), float("nan"), 3.0, None]
    table = Table("t", "", ["a", "b"], [[Entry("x"), Entry("0.3", value=v)] for v in values])
    _, *rows = read(as_csv(table))
    assert [row[1] for row in rows] == ["0.30000000000000004", "1e+300", "inf", "", "3", ""]
    assert len(rows[0]) == 2


def test_latex_is_a_booktabs_table_of_what_is_shown():
    text = as_latex(ranking())
    assert re.findall(r"\\(?:top|mid|bottom)rule", text) == [
        r"\toprule", r"\midrule", r"\bottomrule",
    ]  # fmt: skip
    assert r"\label{tab:ranking-ring8}" in text
    assert r"\begin{tabular}{llrl}" in text
    assert "spare" not in text
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
    assert len(body) == len(METHODS) + 1
    # an ampersand of a name is no column
    assert {len(re.findall(r"(?<!\\)&", line)) for line in body} == {3}
    assert all(line.endswith(r" \\") for line in body)
    (best,) = [line for line in body if r"\textbf" in line]
    assert r"\textbf{10.00~$\pm$ 0.10}" in best or r"\textbf{10.00 $\pm$ 0.10}" in best
    # braces and dollars are in pairs
    plain = re.sub(r"\\[{}$]", "", text)
    assert plain.count("{") == plain.count("}")
    assert plain.count("$") % 2 == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("wgan_gp", r"wgan\_gp"),
        ("50\u00a0% & more", r"50~\% \& more"),
        ("−1 ± 2", r"$-$1 $\pm$ 2"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("a\nb  c", "a b c"),
        ("$x^2$ ~ #1", r"\$x\textasciicircum{}2\$ \textasciitilde{} \#1"),
        ("</script>", r"\textless{}/script\textgreater{}"),
    ],
)  # fmt: skip
def test_latex_escapes(text: str, expected: str):
    assert escape(text) == expected


def test_a_row_that_begins_with_a_bracket_is_a_row():
    table = Table("t", "", ["a"], [[Entry("x")], [Entry("[2pt] x")]])
    assert r"{}[2pt] x \\" in as_latex(table)


def test_every_table_is_written(tmp_path: Path):
    made = document(tmp_path)
    files = write_copies(made, tmp_path)
    names = [table.name for table in tables(made)]
    assert names == ["ranking-ring8", "few"]
    assert {f.name for f in files} == {f"{n}.{s}" for n in names for s in ("csv", "tex")}
    assert (tmp_path / "tables" / "few.csv").read_text(encoding="utf-8").startswith("name,count\n")


def test_markdown_tells_the_same(tmp_path: Path):
    text = render_markdown(document(tmp_path), "today")
    assert "- **ring8**: alpha is best;" in text
    assert "**Failed:** zeta diverged" in text
    for name in ("curves", "overview", "plain"):
        assert f"](figures/{name}.png)" in text
    # what the page hides at first is in the table's file
    assert "[All columns](tables/ranking-ring8.csv)" in text
    (header,) = [line for line in text.splitlines() if line.startswith("| rank |")]
    assert "spare" not in header
    assert "<details>\n<summary>Conditions</summary>" in text
    outside_fences = re.sub(r"(?ms)^(`{3,})text$.*?^\1$", "", text)
    assert "<img" not in outside_fences
    assert "<script" not in outside_fences
