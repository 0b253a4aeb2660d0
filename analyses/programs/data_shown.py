"""The data of a report as pictures: what was trained and tested on, and what a style does."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from tnverify.analyses.data import (
    DataError,
    contact_sheet,
    foreign_domains,
    load_data,
    png,
    split_sheet,
)
from tnverify.analyses.report import Note, Section, Sheet
from tnverify.analyses.tasks import FixedShots, Style, TaskSource

if TYPE_CHECKING:
    from tnverify.analyses.data import Dataset, Split
    from tnverify.analyses.report.content import Part
    from tnverify.analyses.tasks.style import Shared

_PLAIN = " cells named “plain” have none of it."
_SHIFTED = "Gain, offset, inversion and noise are"

STYLED = {
    "task": f"{_SHIFTED} shared by a task's context and targets and drawn anew for each task;"
    + _PLAIN,
    "set": f"{_SHIFTED} drawn for the context and, apart from it, for the targets;" + _PLAIN,
    "image": f"{_SHIFTED} drawn anew for each image;" + _PLAIN,
    "none": "Images are as they are.",
}
"""What a picture of tasks shows, by who shares a style."""

SMALL = 40
"""Pixels a side below which more images fit a row."""


def data_section(data: str, style: str) -> Section:
    """Sheets of the test classes, of tasks in the `style` of the tests, and of foreign data."""
    try:
        found = load_data(data)
    except DataError as error:
        return Section("Data", (Note(f"The data cannot be shown here: {error}"),))
    own = found[0]
    test = own.split("test")
    parts: list[Part] = [
        Sheet(
            f"{own.name}: test classes", f"A row a class. {_described(own)}", png(_sheet(test)),
            pixelated=test.shape[1] < SMALL,
        ),
        Sheet(
            "Three tasks" if style == "none" else "Three tasks and their styles",
            f"A row a task: five context items, then ten targets. {STYLED[style]}",
            png(_three_tasks(test, style)),
            pixelated=test.shape[1] < SMALL,
        ),
    ]  # fmt: skip
    channels, side, _ = test.shape
    for foreign in foreign_domains(side=side, channels=channels):
        split = foreign.split("test")
        parts.append(
            Sheet(
                f"{foreign.name}: never trained on", _described(foreign),
                png(_sheet(split, lines=5)), pixelated=side < SMALL,
            )
        )  # fmt: skip
    return Section("Data", tuple(parts), "What the tasks are made of.")


def _sheet(split: Split, *, lines: int = 10) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    small = split.shape[1] < SMALL
    return split_sheet(split, lines=lines if small else 5, columns=20 if small else 8)


def _three_tasks(split: Split, style: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    shift = None if style == "none" else Style(shared=cast("Shared", style))
    tasks = TaskSource(split, FixedShots(5, 1, 2), seed=0, style=shift).tasks(range(3))
    rows = [np.concatenate([t.context.numpy(), t.targets.numpy()]) for t in tasks]
    # Styled values reach below 0 and above 1.
    return contact_sheet(np.concatenate(rows), columns=15, black=-1.0, white=2.0)


def _described(data: Dataset) -> str:
    classes = ", ".join(f"{len(split.classes):,} {name}" for name, split in data.splits.items())
    notes = "; ".join(f"{name}: {value}" for name, value in data.notes.items())
    return f"Classes: {classes}. {notes[:1].upper()}{notes[1:]}."
