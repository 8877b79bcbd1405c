"""The documents say what the code does."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from bench.measuring.choice import metrics_of, offered, quantities_of
from bench.registry import find
from bench.report.analysis.tables import RUN_COLUMNS, SUMMARY_COLUMNS
from bench.study import studies
from bench.training.configuration import TrainingConfiguration
from bench.tuning.writing import COLUMNS as TRIAL_COLUMNS

ROOT = Path(__file__).parent.parent
METRICS = (ROOT / "docs" / "metrics.md").read_text()


@pytest.mark.parametrize("columns", [RUN_COLUMNS, SUMMARY_COLUMNS], ids=["runs.csv", "summary.csv"])
def test_every_column_is_documented(columns):
    for name, meaning in columns.items():
        assert f"| `{name}` | {meaning} |" in METRICS


def test_every_column_of_a_tuning_is_documented():
    told = (ROOT / "docs" / "tuning.md").read_text()
    for name, meaning in TRIAL_COLUMNS.items():
        assert f"| `{name}` | {meaning} |" in told


def test_every_option_of_training_is_documented():
    page = ROOT / "docs" / "architecture.md"
    before, begin, rest = page.read_text().partition("<!-- training options -->\n")
    _, end, after = rest.partition("<!-- end of training options -->\n")
    whole = before + begin + training_table() + end + after
    if os.environ.get("GOLDEN") == "write":
        page.write_text(whole)
    assert page.read_text() == whole


def training_table() -> str:
    lines = ["| option | values | default | unit | meaning |", "|---|---|---|---|---|"]
    for name, told in TypeAdapter(TrainingConfiguration).json_schema()["properties"].items():
        default, unit = json.dumps(told["default"]).strip('"'), told.get("unit", "")
        meaning = " ".join(told["description"].split())
        lines.append(f"| `{name}` | {values_told(told)} | `{default}` | {unit} | {meaning} |")
    return "\n".join(lines) + "\n"


def values_told(told: dict[str, Any]) -> str:
    """What JSON Schema says of a value, in words."""
    if "anyOf" in told:
        return " or ".join(map(values_told, told["anyOf"]))
    if "prefixItems" in told:
        first, *others = map(values_told, told["prefixItems"])
        assert set(others) <= {first}
        return f"{len(others) + 1} of: {first}"
    if "enum" in told:
        return ", ".join(f"`{value}`" for value in told["enum"])
    limits = {"exclusiveMinimum": "above", "minimum": "from", "exclusiveMaximum": "below"}
    kind = {"integer": "whole number", "boolean": "`true` or `false`", "null": "`null`"}
    words = [f"{word} {told[name]:g}" for name, word in limits.items() if name in told]
    return " ".join([kind.get(told["type"], told["type"]), ", ".join(words)]).strip()


def test_every_metric_is_documented():
    for name, kind in find("dataset").parts.items():
        if name == "points":  # which needs a file
            continue
        dataset = kind()
        for quantity in quantities_of([*metrics_of(dataset), *inception_metrics(dataset)], dataset):
            assert f"`{quantity.name}`" in METRICS
    for kind in ("metric", "extractor"):
        assert all(f"`{name}`" in METRICS for name in find(kind).parts)


def inception_metrics(dataset):
    return [m for m in offered(dataset) if m.sees is not None and m.sees.name == "inception"]


def test_the_readme_names_every_study_and_its_method_works(tmp_path, monkeypatch):
    readme = (ROOT / "README.md").read_text()
    assert all(f"| `{name}` |" in readme for name in studies())
    (source,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert len(source.strip().splitlines()) < 20
    (tmp_path / "hinge_of_readme.py").write_text(source)
    monkeypatch.setenv("BENCH_METHODS_DIR", str(tmp_path))
    find.cache_clear()
    try:
        from bench.check import preflight
        from bench.registry import make_method

        preflight(make_method("hinge_of_readme"))
    finally:
        find.cache_clear()


def test_links_lead_somewhere():
    for page in [ROOT / "README.md", ROOT / "results" / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_architecture_names_every_module():
    told = (ROOT / "docs" / "architecture.md").read_text()
    for folder in (
        "cli", "records", "datasets", "architectures", "training", "metrics", "extractors",
        "measuring", "execution",
        "report", "report/statistics", "report/analysis", "tuning",
    ):  # fmt: skip
        for file in (ROOT / "bench" / folder).glob("[a-z]*.py"):
            assert file.name in told, file
