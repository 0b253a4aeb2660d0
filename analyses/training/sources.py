"""Tasks and splits that a configuration's words stand for."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from tnverify.analyses.data import DataError, foreign_domains, load_data
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


def fingerprints(settings: Settings) -> dict[str, list[str]]:
    """Return the fingerprints of all data sets of a run, by the word that names each. Raises
    DataError."""
    words = dict.fromkeys([settings.data, *(cell.data for cell in settings.test)])
    return {word: [each.fingerprint for each in _named(settings, word)] for word in words}


def check_fingerprints(settings: Settings) -> None:
    """Raise DataError where data are not those with which the run was planned."""
    found = fingerprints(settings) if settings.fingerprints else {}
    for word, planned in settings.fingerprints.items():
        if list(planned) != found.get(word):
            raise DataError(
                f"{word} does not hold what it held when this run was planned: give the same"
                " command again, which plans anew"
            )


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
    found = _named(settings, cell.data)
    if cell.dataset is not None:
        found = tuple(each for each in found if each.name == cell.dataset)
    if len(found) != 1:
        names = ", ".join(each.name for each in found) or "none"
        raise ValueError(
            f"configuration.test: {cell.name!r} is to be of one data set, and there are several or"
            f" none in {cell.data!r} ({names}): name one in its entry `dataset`"
        )
    return found[0].split("test")


def _named(settings: Settings, word: str) -> tuple[Dataset, ...]:
    """The data sets that a word names beside those that are trained on."""
    if word == settings.data:
        return own_data(settings)
    channels, side, _ = own_data(settings)[0].split("train").shape
    if word in FOREIGN:
        return tuple(each for each in _foreign(side, channels) if each.name == word)
    return _loaded(word, side, channels)


@functools.lru_cache(maxsize=4)
def _loaded(data: str, side: int | None, channels: int | None) -> tuple[Dataset, ...]:
    return load_data(data, side=side, channels=channels)


@functools.lru_cache(maxsize=1)
def _foreign(side: int, channels: int) -> tuple[Dataset, ...]:
    return foreign_domains(side=side, channels=channels)
