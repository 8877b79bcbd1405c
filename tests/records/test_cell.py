"""A cell's key follows what its result depends on, and nothing else."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.records.cell import Cell, Component, Variation
from bench.records.fingerprint import digest
from bench.records.sources import sources_of
from bench.registry import make_architecture, make_dataset, make_method

ROOT = Path(bench.__file__).parent.parent

KEYS = """
import json, sys, textwrap
from pathlib import Path
import bench
from bench.registry import make_architecture, make_dataset, make_method
from bench.records.sources import sources_of

assert Path(bench.__file__).parent == Path("bench").resolve()
parts = make_dataset("ring8"), make_architecture("mlp")

def hashes():
    return {name: sources_of(make_method(name), *parts) for name in ("vanilla", "wgan_gp", "child")}

before, seen = hashes(), {}
for name in sys.argv[1:]:
    file = Path(name)
    source = file.read_text()
    file.write_text("# a comment\\n\\n\\n" + source)
    cosmetic = hashes()
    file.write_text(source + "\\nADDED = 1\\n")
    real = hashes()
    file.write_text(source)
    seen[name] = {
        "cosmetic": [m for m in before if cosmetic[m] != before[m]],
        "real": [m for m in before if real[m] != before[m]],
        "named": sorted({f for m in before for f in before[m] if real[m][f] != before[m][f]}),
    }
print(json.dumps(seen))
"""

IMAGES = {"base", "images"}
EVERY = ["vanilla", "wgan_gp", "child"]
DEPENDENTS = {
    "methods/vanilla.py": ["vanilla"],
    "methods/wgan_gp.py": ["wgan_gp", "child"],
    "methods/child.py": ["child"],
    "methods/ttur.py": [],
    "bench/method.py": EVERY,
    "bench/training/loop.py": EVERY,
    "bench/training/game.py": EVERY,
    "bench/training/views.py": EVERY,
    "bench/training/optimizers.py": EVERY,
    "bench/training/streams.py": EVERY,
    "bench/training/checkpoints.py": EVERY,
    "bench/training/population.py": EVERY,
    "bench/metrics/modes.py": [],
    "bench/metrics/gradients.py": [],
    "bench/extractors/points.py": [],
    "bench/measuring/frechet.py": [],
    "bench/measuring/evaluation.py": [],
    "bench/networks.py": [],
    "bench/once.py": [],
    "bench/datasets/base.py": EVERY,
    "bench/datasets/mixtures.py": EVERY,
    "bench/datasets/ring8.py": EVERY,
    "bench/datasets/grid25.py": [],
    "bench/datasets/classified.py": [],
    "bench/datasets/images.py": [],
    "bench/datasets/downloaded.py": [],
    "bench/datasets/folder.py": [],
    "bench/architectures/mlp.py": EVERY,
    "bench/architectures/layers.py": EVERY,
    "bench/architectures/dcgan.py": [],
    "bench/combination.py": [],
    "bench/study/expansion.py": [],
    "bench/records/store.py": [],
    "bench/execution/supervisor.py": [],
}


@pytest.fixture(scope="module")
def edits(tmp_path_factory) -> dict:
    """What an edit of each file does to the sources of three methods, in a copy of the project."""
    copy = tmp_path_factory.mktemp("copy")
    for package in ("bench", "methods"):
        shutil.copytree(
            ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    (copy / "methods" / "child.py").write_text(
        "from dataclasses import dataclass\n"
        "from methods.wgan_gp import WGANGP\n\n"
        "@dataclass(frozen=True)\n"
        "class Child(WGANGP):\n"
        "    pass\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    environment.pop("BENCH_METHODS_DIR", None)
    run = subprocess.run(
        [sys.executable, "-c", KEYS, *DEPENDENTS],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.parametrize("file", DEPENDENTS)
def test_an_edit_touches_the_methods_that_depend_on_the_file(edits, file):
    assert edits[file]["cosmetic"] == []
    assert edits[file]["real"] == DEPENDENTS[file]
    assert edits[file]["named"] == ([file] if DEPENDENTS[file] else [])


def changed(cell: Cell) -> dict[str, Cell]:
    replace = dataclasses.replace
    training = cell.training
    return {
        "seed": replace(cell, seed=1),
        "budget": replace(cell, updates=21),
        "evaluations": replace(cell, evaluations=3),
        "batch": replace(cell, training=replace(training, batch_size=64)),
        "simultaneous": replace(cell, training=replace(training, simultaneous=True)),
        "critic steps": replace(cell, training=replace(training, critic_steps=1)),
        "decay": replace(cell, training=replace(training, decay="linear")),
        "no ema": replace(cell, training=replace(training, ema=None)),
        "another ema": replace(cell, training=replace(training, ema=0.99)),
        "precision": replace(cell, training=replace(training, precision="bfloat16")),
        "rate": replace(cell, training=replace(training, learning_rate=2e-3)),
        "betas": replace(
            cell,
            training=replace(training, betas=(0.5, 0.9)),
        ),
        "source": replace(cell, sources={**cell.sources, "bench/method.py": "0"}),
        "method": replace(cell, method=replace(cell.method, name="other")),
        "architecture": replace(
            cell, architecture=replace(cell.architecture, hyperparameters={"latent": 1})
        ),
    }


def test_everything_a_result_depends_on_changes_the_key(make_cell):
    cell = make_cell()
    keys = {name: other.key for name, other in changed(cell).items()}
    assert len({cell.key, *keys.values()}) == len(keys) + 1
    groups = {name for name, other in changed(cell).items() if other.group == cell.group}
    assert groups == {"seed"}


def test_a_methods_and_a_datasets_setting_change_the_key(make_cell):
    cell = make_cell("wgan_gp")
    assert make_cell("wgan_gp", method_hyperparameters={"penalty_weight": 10}).key == cell.key
    assert make_cell("wgan_gp", method_hyperparameters={"penalty_weight": 9}).key != cell.key
    assert make_cell("wgan_gp", dataset_hyperparameters={"sigma": 0.02}).key != cell.key


@pytest.mark.parametrize(
    ("dataset", "files"),
    [
        ("ring8", {"base", "mixtures", "ring8"}),
        ("digits8", {*IMAGES, "classified", "digits8"}),
        ("mnist5k", {*IMAGES, "classified", "mnist5k"}),
        ("cifar10", {*IMAGES, "downloaded", "cifar10"}),
        ("stacked_mnist", {*IMAGES, "classified", "downloaded", "mnist5k", "stacked_mnist"}),
    ],
)
def test_a_dataset_depends_on_the_files_it_is_made_of(dataset, files):
    parts = make_method("vanilla"), make_dataset(dataset), make_architecture("mlp")
    sources = sources_of(*parts)
    found = {Path(name).stem for name in sources if name.startswith("bench/datasets/")}
    assert found == files
    assert "the data themselves" not in sources


def test_a_users_own_images_are_part_of_the_key(tmp_path):
    for number in range(4):
        (tmp_path / f"{number}.ppm").write_bytes(b"P6 1 1 255 " + bytes([number] * 3))

    def sources() -> dict[str, str]:
        dataset = make_dataset("folder", {"path": str(tmp_path)})
        return sources_of(make_method("vanilla"), dataset, make_architecture("mlp"))

    before = sources()
    (tmp_path / "0.ppm").write_bytes(b"P6 1 1 255 " + bytes([9] * 3))
    after = sources()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"the data themselves"}


def test_labels_are_for_the_eye(make_cell):
    cell = make_cell()
    relabelled = dataclasses.replace(cell, method=dataclasses.replace(cell.method, label="x"))
    assert relabelled.key == cell.key
    assert make_cell("wgan_gp", method_hyperparameters={"penalty_weight": 1}).method.label == (
        "wgan_gp(penalty_weight=1.0)"
    )


def test_the_name_of_a_variant_is_for_the_eye(make_cell):
    plain = make_cell()
    varied = dataclasses.replace(plain, variation=FAST)
    assert varied.key == plain.key
    assert varied.group == plain.group
    assert varied.ingredients() == plain.ingredients()
    assert str(varied) == "vanilla on ring8, fast, seed 0"
    told = plain.to_json()
    assert told.pop("variation") is None
    assert Cell.from_json(told) == plain


FAST = Variation("fast", "0123abcd", "ring8", 7.5, "learning_rate 0.01")


def test_what_it_is_measured_by_is_no_part_of_the_key(make_cell):
    plain = make_cell()
    metrics = (Component("kid", {"extractor": "points"}, "kid"),)
    measured = dataclasses.replace(plain, metrics=metrics)
    assert (measured.key, measured.group) == (plain.key, plain.group)
    assert Cell.from_json(json.loads(json.dumps(measured.to_json()))).metrics == metrics


def test_settings_that_only_measuring_depends_on_are_no_part_of_the_key(make_cell):
    def cell(count: int, sigma: float = 0.01) -> Cell:
        part = make_dataset("ring8", {"evaluation_samples": count, "sigma": sigma})
        hyperparameters = part.hyperparameters()
        component = Component(
            "ring8", hyperparameters, "", tuple(part.evaluation_hyperparameters())
        )
        return dataclasses.replace(make_cell(), dataset=component)

    assert cell(100).key == cell(200).key
    assert cell(100).key != cell(100, sigma=0.02).key
    assert set(make_dataset("mnist5k").evaluation_hyperparameters()) == {
        "evaluation_samples",
        "reference",
    }


def test_a_cell_survives_json(make_cell):
    varied = dataclasses.replace(make_cell(), variation=FAST)
    for cell in (make_cell("wgan_gp"), varied, *changed(make_cell()).values()):
        again = Cell.from_json(json.loads(json.dumps(cell.to_json())))
        assert again.key == cell.key
        assert again.group == cell.group
        assert str(again) == str(cell)
        assert again.training == cell.training
        assert again.variation == cell.variation


def test_another_seed_has_the_key_of_all_its_ingredients(make_cell):
    cell = make_cell("wgan_gp")
    for seed in (0, 1, 12345):
        other = cell.but(seed=seed, metrics=(Component("kid", {}, "kid"),))
        assert other.key == digest(other.ingredients()) == make_cell("wgan_gp", seed=seed).key
    assert other.seed == 12345
    assert other.metrics


def test_what_the_key_depends_on_is_not_changed_without_it(make_cell):
    with pytest.raises(AssertionError, match="another key"):
        make_cell().but(updates=21)
