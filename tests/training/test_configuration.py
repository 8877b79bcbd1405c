"""One class names the options of training; all else follows from it."""

import dataclasses
import json
from dataclasses import fields, replace

import pytest
from pydantic import ValidationError

from bench.method import Optimizer
from bench.records.cell import Cell
from bench.report.analysis.training import TRAINING_COLUMNS, training_row, training_words
from bench.report.export.columns import CELL_COLUMNS
from bench.training.configuration import TrainingConfiguration

OTHERS = TrainingConfiguration(
    optimizer="sgd",
    learning_rate=0.125,
    betas=(0.25, 0.5),
    batch_size=48,
    simultaneous=True,
    critic_steps=3,
    decay="linear",
    ema=0.75,
    precision="bfloat16",
)


def test_every_option_is_in_the_key_the_record_and_the_tables(make_cell):
    cell = replace(make_cell(), training=OTHERS)
    assert Cell.from_json(json.loads(json.dumps(cell.to_json()))).training == OTHERS
    row = training_row(OTHERS)
    assert {column.name for column in TRAINING_COLUMNS} == row.keys()
    assert row.keys() <= {column.name for column in CELL_COLUMNS}
    assert (row["training_beta1"], row["training_beta2"]) == OTHERS.betas
    for field in fields(TrainingConfiguration):
        value = getattr(OTHERS, field.name)
        assert value != field.default, "give it another value above"
        assert cell.ingredients()[f"training {field.name}"] == value
        assert field.name == "betas" or row[f"training_{field.name}"] == value
        assert field.name.replace("_", " ") in training_words(OTHERS)


def test_numbers_and_pairs_are_of_their_type_however_they_are_written():
    written = TrainingConfiguration(learning_rate=1, betas=[0, 0.9])
    assert written == TrainingConfiguration(learning_rate=1.0, betas=(0.0, 0.9))
    assert written.base_optimizer == Optimizer("adam", 1.0, (0.0, 0.9))
    assert json.dumps(dataclasses.asdict(written)["learning_rate"]) == "1.0"


@pytest.mark.parametrize(
    "wrong",
    [{"batch_size": 2.0}, {"critic_steps": True}, {"betas": (0, 1)}, {"ema": 1}, {"rate": 1}],
    ids=str,
)
def test_what_is_wrong_is_refused_wherever_it_is_made(wrong):
    with pytest.raises(ValidationError):
        TrainingConfiguration(**wrong)
