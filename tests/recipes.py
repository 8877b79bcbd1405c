"""Trainings with other values, of their configuration's options too."""

from dataclasses import fields, replace

from bench.training.configuration import TrainingConfiguration
from bench.training.loop import Training

OPTIONS = {field.name for field in fields(TrainingConfiguration)}


def changed(training: Training, **changes) -> Training:
    own = {name: value for name, value in changes.items() if name in OPTIONS}
    rest = {name: value for name, value in changes.items() if name not in OPTIONS}
    return replace(training, configuration=replace(training.configuration, **own), **rest)
