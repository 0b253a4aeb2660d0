"""Tasks and splits that a configuration's words stand for."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from tnverify.analyses.data import foreign_domains, load_data
from tnverify.analyses.tasks import TaskSource

if TYPE_CHECKING:
    from tnverify.analyses.data import Dataset, Split

    from .settings import Cell, Settings, Training

FOREIGN = ("digits", "textures")
"""Data sets that cells can be of without a path."""

VALIDATION_SEED, TEST_SEED = 1_000_003, 2_000_003
"""Of the tasks to validate and test on: the same whatever is trained, with whatever seed."""


def own_data(settings: Settings) -> tuple[Dataset, ...]:
    """The data sets that are trained on, read once a process. Raises DataError."""
    return _loaded(settings.data, settings.side, settings.channels)


def training_tasks(settings: Settings, training: Training) -> TaskSource:
    """Tasks of all training splits, in equal shares."""
    splits = [each.split("train") for each in own_data(settings)]
    return TaskSource(splits, training.shots, seed=settings.seed, style=training.style)


def validation_tasks(settings: Settings, training: Training) -> TaskSource:
    """Tasks like those of training, of the validation classes, the same for every seed."""
    splits = [each.split("validation") for each in own_data(settings)]
    return TaskSource(splits, training.shots, seed=VALIDATION_SEED, style=training.style)


def test_tasks(settings: Settings, cell: Cell) -> TaskSource:
    """The tasks of a cell, the same for every learner, scheme and seed."""
    return TaskSource(
        _test_split(settings, cell),
        cell.shots,
        seed=TEST_SEED,
        style=cell.style,
        corruption=cell.corruption,
    )


def _test_split(settings: Settings, cell: Cell) -> Split:
    channels, side, _ = own_data(settings)[0].split("train").shape
    if cell.data in FOREIGN:
        found = tuple(each for each in _foreign(side, channels) if each.name == cell.data)
    elif cell.data == settings.data:
        found = own_data(settings)
    else:
        found = _loaded(cell.data, side, channels)
    if cell.dataset is not None:
        found = tuple(each for each in found if each.name == cell.dataset)
    if len(found) != 1:
        names = ", ".join(each.name for each in found) or "none"
        raise ValueError(
            f"configuration.test: {cell.name!r} is to be of one data set, and there are several or"
            f" none in {cell.data!r} ({names}): name one in its entry `dataset`"
        )
    return found[0].split("test")


@functools.lru_cache(maxsize=4)
def _loaded(data: str, side: int | None, channels: int | None) -> tuple[Dataset, ...]:
    return load_data(data, side=side, channels=channels)


@functools.lru_cache(maxsize=1)
def _foreign(side: int, channels: int) -> tuple[Dataset, ...]:
    return foreign_domains(side=side, channels=channels)
