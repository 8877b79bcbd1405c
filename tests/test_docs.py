"""The documents say what the code does."""

import json
import os
import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from bench.check import check_part, preflight
from bench.cli.options import first_line
from bench.measuring.choice import offered, quantities_of
from bench.method import Method
from bench.metric import FeatureMetric
from bench.registry import find, make_dataset, make_extractor, make_method, make_metric
from bench.registry.ranges import values_told
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


@pytest.mark.parametrize("page", ["studies", "metrics"])
def test_tables_that_are_made_of_code_are_as_it_is_now(page):
    file = ROOT / "docs" / f"{page}.md"
    whole = text = file.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        if begin in whole:
            before, _, rest = whole.partition(begin)
            whole = before + begin + table() + end + rest.partition(end)[2]
    if os.environ.get("GOLDEN") == "write":
        file.write_text(whole, encoding="utf-8")
    assert text == whole or os.environ.get("GOLDEN") == "write"


def metrics_table() -> str:
    lines = ["| metric | what it is | taken | by default |", "|---|---|---|---|"]
    for name, kind in find("metric").parts.items():
        metric = make_metric(name)
        default = "where it applies" if kind.by_default else "no"
        if isinstance(metric, FeatureMetric) and kind.by_default:
            preferred = [f"`{each}`" for each in kind.extractors]
            default = f"with the first of {', '.join(preferred)}" if preferred else "no"
            default = default.replace("the first of ", "") if len(preferred) == 1 else default
        when = {"every": "at every checkpoint", "ends": "at the ends", "last": "at the last",
                "once": "once a run"}  # fmt: skip
        lines.append(f"| `{name}` | {first_line(kind)} | {when[kind.measured]} | {default} |")
    return "\n".join(lines) + "\n"


def extractors_table() -> str:
    lines = ["| extractor | what it is | names |", "|---|---|---|"]
    for name, kind in find("extractor").parts.items():
        made = make_extractor(name)
        lines.append(
            f"| `{name}` | {first_line(kind)} | `{made.distance[0]}`, `{made.prefix}kid` |"
        )
    return "\n".join(lines) + "\n"


def training_table() -> str:
    lines = ["| option | values | default | unit | meaning |", "|---|---|---|---|---|"]
    for name, told in TypeAdapter(TrainingConfiguration).json_schema()["properties"].items():
        default, unit = json.dumps(told["default"]).strip('"'), told.get("unit", "")
        meaning = " ".join(told["description"].split())
        lines.append(f"| `{name}` | {values_told(told)} | `{default}` | {unit} | {meaning} |")
    return "\n".join(lines) + "\n"


def test_the_readme_names_every_study():
    readme = (ROOT / "README.md").read_text()
    assert all(f"| `{name}` |" in readme for name in studies())


@pytest.fixture
def method_of(tmp_path, monkeypatch):
    """Return a function that makes the method which a page shows."""

    def made(page: str) -> Method:
        sources = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
        (source,) = [each for each in sources if "@dataclass" in each]
        assert len(source.strip().splitlines()) < 27
        (tmp_path / "of_a_page.py").write_text(source)
        monkeypatch.setenv("BENCH_METHODS_DIR", str(tmp_path))
        find.cache_clear()
        return make_method("of_a_page")

    yield made
    find.cache_clear()


def test_the_method_of_the_readme_works(method_of):
    preflight(method_of("README.md"))


@pytest.mark.slow
def test_the_penalty_that_is_shown_passes_the_suite_without_a_caution(method_of):
    verdicts = check_part(method_of("docs/adding-a-method.md"))
    assert all(each.tried for each in verdicts)
    assert not [each for each in verdicts if each.problem or each.caution]


PAGES = [ROOT / "README.md", ROOT / "results" / "README.md", *(ROOT / "docs").glob("*.md")]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as a code host makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def test_links_lead_somewhere():
    for page in PAGES:
        for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", page.read_text()):
            if "://" in target:
                continue
            linked = page.parent / target if target else page
            assert linked.exists(), f"{page.name}: {target}"
            assert not anchor or anchor in anchors(linked), f"{page.name}: {target}#{anchor}"


def test_every_picture_that_is_kept_is_shown_by_a_page():
    kept = ROOT / "results" / "reference"
    shown = {
        (page.parent / target).resolve()
        for page in [*PAGES, kept / "report.md"]
        for target in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page.read_text())
    }
    assert [each for each in kept.rglob("*.png") if each not in shown] == []


def test_architecture_names_every_module():
    told = (ROOT / "docs" / "architecture.md").read_text()
    for folder in (
        "cli", "records", "training", "measuring", "execution",
        "report", "report/statistics", "report/analysis", "tuning",
    ):  # fmt: skip
        for file in (ROOT / "bench" / folder).glob("[a-z]*.py"):
            assert file.name in told, file


def quantities_table() -> str:
    lines = ["| column | label | what it is | better |", "|---|---|---|---|"]
    told: dict[str, str] = {}
    for name in ("ring8", "mnist5k", "stacked_mnist", "digits8", "dirac"):
        dataset = make_dataset(name)
        for quantity in quantities_of(offered(dataset), dataset):
            if quantity.only_drawn:
                continue
            better = quantity.better.partition(" ")[0] or "–"
            line = " | ".join(
                each.replace("|", r"\|") for each in (quantity.label, quantity.meaning, better)
            )
            told.setdefault(quantity.name, f"| `{quantity.name}` | {line} |")
    return "\n".join([*lines, *sorted(told.values())]) + "\n"


TABLES = {
    "quantities": quantities_table,
    "training options": training_table,
    "metrics": metrics_table,
    "extractors": extractors_table,
}
