"""Arrows point one way: who may import whom (docs/architecture.md)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.registry import find

ROOT = Path(bench.__file__).parent.parent
BENCH = sorted((ROOT / "bench").rglob("*.py"))
METHODS = sorted((ROOT / "methods").glob("*.py"))

MEASURES = {"metrics", "extractors", "measuring"}
FORBIDDEN = {
    "method": {"training", "datasets", "architectures", "registry", "metric", *MEASURES},
    "metric": {"training", "datasets", "architectures", "registry", "method", *MEASURES},
    "metrics": {"training", "datasets", "architectures", "registry", "method", "extractors"},
    "extractors": {"training", "datasets", "architectures", "registry", "method", "metrics"},
    "measuring": {"metrics"},
    "datasets": {"training", "architectures", "registry", "metric", *MEASURES},
    "architectures": {"training", "datasets", "registry", "metric", *MEASURES},
    "training": {"registry", "metric", *MEASURES},
    "registry": {"training", *MEASURES},
    "records": {"registry", *MEASURES},
    "diagnosis": {"cli", "report", "tracking", "tuning", "execution", "study"},
    "execution": {"cli", "report", "tuning"},
    "report": {"cli", "tracking", "tuning"},
    "tracking": {"cli", "report", "tuning"},
    "tuning": {"cli"},
}
ABOVE = {"cli", "check", "diagnosis", "report", "tracking", "tuning", "execution", "study"}
CORE = {
    "method", "metric", "metrics", "extractors", "datasets", "architectures", "training",
    "registry",
}  # fmt: skip
FORMULAS = {"frechet", "histograms", "inception", "krylov", "neighbours", "reference", "separation"}
"""Modules of bench.measuring that know samples and features, and no dataset, record or part."""


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def imports(file: Path) -> set[str]:
    """Every module a file imports, by its full name, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(file)} imports relatively"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def parts_of_bench(file: Path) -> set[str]:
    return {module.split(".")[1] for module in imports(file) if module.startswith("bench.")}


@pytest.mark.parametrize("file", METHODS, ids=name)
def test_a_method_imports_the_contract_torch_and_other_methods(file):
    allowed = {"bench", "methods", "torch", "math", "dataclasses", "__future__", "typing"}
    assert {module.split(".")[0] for module in imports(file)} <= allowed
    assert parts_of_bench(file) <= {"method"}


def test_nothing_in_bench_names_a_method():
    names = set(find("method").parts) - {"vanilla"}
    for file in BENCH:
        assert not [m for m in imports(file) if m.startswith("methods.")], name(file)
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and node.value in names:
                pytest.fail(f"{name(file)} line {node.lineno} names the method {node.value!r}")


@pytest.mark.parametrize("file", BENCH, ids=name)
def test_arrows_point_one_way(file):
    part = file.relative_to(ROOT / "bench").parts[0].removesuffix(".py")
    forbidden = FORBIDDEN.get(part, set()) - {part}
    if part in CORE:
        forbidden = forbidden | ABOVE | {"records"}
    if part in ("records", "measuring"):
        forbidden = forbidden | ABOVE
    assert not parts_of_bench(file) & forbidden


@pytest.mark.parametrize(
    "file",
    [
        file
        for file in BENCH
        if file.parent.name in ("metrics", "extractors")
        or (file.parent.name == "measuring" and file.stem in FORMULAS)
    ],
    ids=name,
)
def test_what_measures_knows_the_contract_and_formulas_alone(file):
    known = {"metric", "values", "errors", "once", "measuring", "extractors"}
    assert parts_of_bench(file) <= known
    modules = {m.split(".")[2] for m in imports(file) if m.startswith("bench.measuring.")}
    assert modules <= FORMULAS


def test_of_training_records_know_the_configuration_alone():
    found = {module for file in BENCH if file.parent.name == "records" for module in imports(file)}
    known = {module.split(".")[2] for module in found if module.startswith("bench.training.")}
    assert known == {"configuration"}


HEAVY = """
import sys
import bench.execution.worker_process
heavy = ("mlflow", "pandas", "matplotlib", "seaborn", "scipy", "jinja2", "typer", "sklearn")
print(*[name for name in heavy if name in sys.modules])
"""


def test_a_worker_starts_without_what_only_reports_need():
    loaded = subprocess.run([sys.executable, "-c", HEAVY], capture_output=True, text=True)
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout.split() == []


def runs_code_of_a_file(file: Path) -> list[str]:
    """Calls and imports by which a file on disk could run code, or be read without bounds."""
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = ast.unparse(node.func)
            given = {each.arg: ast.unparse(each.value) for each in node.keywords}
            if called == "torch.load" and given.get("weights_only") != "True":
                found.append("torch.load without weights_only=True")
            if given.get("allow_pickle", "False") != "False":
                found.append("allow_pickle")
            if called in ("joblib.load", "yaml.load", "yaml.safe_load") or "read_pickle" in called:
                found.append(called)
            if called in ("pickle.load", "marshal.load", "marshal.loads"):
                found.append(called)
        elif isinstance(node, ast.ImportFrom) and node.module in ("pickle", "yaml"):
            found.append(f"from {node.module} import")
    foreign = {"dill", "cloudpickle", "shelve"} & imports(file)
    return [*found, *foreign]


@pytest.mark.parametrize("file", [*BENCH, *METHODS], ids=name)
def test_no_pickle_is_loaded_from_disk_and_yaml_is_read_in_one_place(file):
    assert not runs_code_of_a_file(file)
    modules = imports(file)
    # the check of datasets copies them in memory, and a cluster's tasks are sent as dask sends all;
    # a record is shown as YAML
    in_memory = ("bench/check/datasets.py", "bench/execution/cluster.py")
    assert "pickle" not in modules or name(file) in in_memory
    assert "yaml" not in modules or name(file) in ("bench/yaml12.py", "bench/cli/reading.py")


@pytest.mark.parametrize(
    "line",
    [
        "torch.load(f)", "torch.load(f, weights_only=False)", "np.load(f, allow_pickle=True)",
        "joblib.load(f)", "pickle.load(f)", "yaml.safe_load(t)", "pd.read_pickle(f)",
        "from pickle import load", "import dill",
    ],
)  # fmt: skip
def test_the_rule_finds_what_it_forbids(tmp_path, line):
    file = tmp_path / "loads.py"
    file.write_text(line)
    assert runs_code_of_a_file(file)
