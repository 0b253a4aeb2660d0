"""What a user asks of an analysis, and how much each size spends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SizeName = Literal["smoke", "quick", "standard"]

STYLES = {
    "task": "shared by a task's context and targets",
    "set": "one of the context, another of the targets",
    "image": "of each image by itself",
    "none": "none",
}
"""Who shares a style (`tnverify.analyses.tasks.Style`), in training and testing."""

FOREIGN = ("digits", "textures")
"""Data sets that are never trained on (`tnverify.analyses.data.foreign_domains`)."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured of each trained run.

    `tasks` are those of each test cell, of a fixed way and of a varied one; `in_parts` those of
    the cells whose targets come one class and one item at a time too; `shots` are those of
    `context_size`; `resamples` are the bootstrap's.
    """

    name: SizeName
    summary: str
    seeds: int
    tasks: tuple[int, int]
    in_parts: tuple[int, int]
    shots: tuple[int, ...]
    resamples: int
    wide: bool = False
    """Whether every way and shot of the paper is trained."""
    limits: tuple[tuple[str, int], ...] = ()
    """Those of tasks of varied way and shot, as configurations name them; else Meta-Dataset's."""
    share: tuple[float, float] = (1.0, 1.0)
    """Of the iterations that the budget of this name has: for a fixed way and for a varied one,
    whose tasks are larger."""


SIZES: dict[str, Size] = {
    size.name: size
    for size in (
        Size(
            "smoke",
            "under a minute: does it run at all",
            2,
            (6, 3),
            (3, 2),
            (1, 5),
            200,
            limits=(("most_ways", 7), ("context", 40)),
            share=(0.5, 0.5),
        ),
        Size(
            "quick",
            "about 15 minutes on two cores",
            2,
            (100, 50),
            (40, 16),
            (1, 2, 5, 10),
            1000,
            limits=(("most_ways", 10), ("context", 80)),
            share=(0.5, 0.25),
        ),
        Size(
            "standard",
            "five seeds, every way and shot",
            5,
            (600, 600),
            (200, 100),
            (1, 2, 3, 5, 8, 10),
            2000,
            wide=True,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Request:
    """One call of an analysis. Empty `schemes` and `learners` are those of the analysis."""

    size: Size
    data: str = "glyphs"
    style: str = "task"
    schemes: tuple[str, ...] = ()
    learners: tuple[str, ...] = ()
    device: str = "cpu"
    seed: int = 0
    seeds: int | None = None

    @property
    def kind(self) -> str:
        """What the data is called in tables: without its path."""
        return self.data.partition(":")[0]

    def all_seeds(self, fewer: int | None = None) -> range:
        """The training seeds: those asked for, else the size's own number, or `fewer`."""
        number = self.seeds or (self.size.seeds if fewer is None else min(fewer, self.size.seeds))
        return range(self.seed, self.seed + number)

    def chosen(self, schemes: tuple[str, ...]) -> tuple[str, ...]:
        """Of an analysis's schemes those asked for; whatever was asked for where it has none."""
        return tuple(s for s in schemes if s in self.schemes) if self.schemes else schemes

    def learning(self, learners: tuple[str, ...]) -> tuple[str, ...]:
        """The learners asked for, else the analysis's own."""
        return self.learners or learners
