"""`--set` reaches the training, the budget and the seeds of a study, too."""

import pytest
import yaml

from bench.errors import BenchError
from bench.report.topics.study.provenance import reproducer
from bench.study import load_study
from bench.study.selection import parse

PAIR = {"mlp": {"generator_widths": [8], "discriminator_widths": [8]}}
STUDY = {
    "methods": ["vanilla"],
    "seeds": 2,
    "experiments": [
        {"dataset": "ring8", "architecture": PAIR, "updates": 60, "training": {"batch_size": 32}},
        {"dataset": {"grid25": {"sigma": 0.1}}, "architecture": PAIR, "updates": 60, "seeds": [7]},
    ],
}


@pytest.fixture
def cells(tmp_path):
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(STUDY))

    def of(*overrides: str, methods: str = "", seeds: str = ""):
        return load_study(str(file), parse(methods, "", seeds, list(overrides)))

    return of


def told(study) -> dict[str, list]:
    found: dict[str, list] = {}
    for cell in study.cells:
        found.setdefault(cell.dataset.name, []).append(
            (cell.training.learning_rate, cell.training.batch_size, cell.updates, cell.seed)
        )
    return found


PLAIN = {"ring8": [(2e-4, 32, 60, 0), (2e-4, 32, 60, 1)], "grid25": [(2e-4, 64, 60, 7)]}


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], PLAIN),
        (["training.learning_rate=0.001"],
         {"ring8": [(1e-3, 32, 60, 0), (1e-3, 32, 60, 1)], "grid25": [(1e-3, 64, 60, 7)]}),
        (["ring8.updates=20000"], {**PLAIN, "ring8": [(2e-4, 32, 20_000, s) for s in (0, 1)]}),
        (["grid25.training.batch_size=16"], {**PLAIN, "grid25": [(2e-4, 16, 60, 7)]}),
        (["seeds=[3,4]"], {"ring8": [(2e-4, 32, 60, s) for s in (3, 4)],
                           "grid25": [(2e-4, 64, 60, s) for s in (3, 4)]}),
        (["ring8.seeds=1", "updates=90"],
         {"ring8": [(2e-4, 32, 90, 0)], "grid25": [(2e-4, 64, 90, 7)]}),
        (["ring8.budget={generator_updates: 30}"], {**PLAIN, "ring8": [(2e-4, 32, 30, 0),
                                                                       (2e-4, 32, 30, 1)]}),
    ],
)  # fmt: skip
def test_what_the_study_says_is_set(cells, overrides, expected):
    assert told(cells(*overrides)) == expected


def test_the_study_itself_stays_what_its_file_says_and_the_command_repeats_what_was_set(cells):
    plain = cells()
    typed = ["training.learning_rate=0.001", "ring8.updates=90", "ring8.sigma=0.5"]
    changed = cells(*typed)
    assert changed.whole == plain.cells
    cell = changed.cells[0]
    command = reproducer(changed)(cell)
    assert "--set ring8.training.learning_rate=0.001 --set ring8.updates=90" in command
    overrides = [word for word in command.split() if "=" in word]
    assert cell.key in {each.key for each in cells(*overrides, seeds="0,").cells}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("setting.learning_rate=0.0001", "nothing is called 'setting'; did you mean 'training'?"),
        ("training.lerning_rate=1", "no option 'lerning_rate'; did you mean 'learning_rate'?"),
        ("training.learning_rate=0", "training.learning_rate is 0: input should be greater than 0"),
        ("training.betas=[]", "--set training.betas is []: it needs 2 numbers"),
        ("updates=1e4", "--set updates is 10000.0: write 10000"),
        ("learning_rate=1", "did you mean 'training.learning_rate'?"),
        ("ring8.update=5", "ring8.update: no such hyperparameter or key; did you mean 'updates'?"),
        ("ring8.updates=yes", "ring8.updates is 'yes': input should be a valid integer"),
        ("seeds=0", "seeds is 0: at least one seed is needed"),
        ("stacked_mnist.updates=7", "nothing is called 'stacked_mnist'"),
        ("ring8", "write it as PART.HYPERPARAMETER=VALUE, training.OPTION=VALUE or KEY=VALUE"),
    ],
)
def test_what_cannot_be_set_is_told_in_one_line(cells, override, message):
    with pytest.raises(BenchError) as refused:
        cells(override)
    assert message in str(refused.value)
