"""Data sets: splits of classes of images, and nothing about tasks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from .images import Images

SPLITS: tuple[str, ...] = ("train", "validation", "test")
"""Names of splits: classes of one are never classes of another."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Classes that belong together (an alphabet, a node of an ontology), as Meta-Dataset uses
    them to draw related classes for a task.

    `members` holds, for each group, its class numbers within the split. Where `whole` is true
    a task takes all classes of its group (at most the sampler's maximum, then a random part of
    them: the rule for ImageNet); otherwise it takes a uniform number of them (for Omniglot).
    """

    names: tuple[str, ...]
    members: tuple[NDArray[np.int64], ...]
    whole: bool = False


@dataclass(frozen=True, eq=False)
class Split:
    """The classes of one split. The rows of class c in `images` are `starts[c]` up to, but not
    including, `starts[c + 1]`; splits of one data set may share their `images`."""

    dataset: str
    name: str
    classes: tuple[str, ...]
    starts: NDArray[np.int64]
    images: Images
    groups: Groups | None = None

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """The number of images of each class, an array (classes,)."""
        return np.diff(self.starts)

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """The class number of each image of the split, in row order from `starts[0]` on."""
        return np.repeat(np.arange(len(self.classes)), self.sizes)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of one image."""
        return self.images.shape

    def rows(self, class_number: int) -> NDArray[np.int64]:
        """The rows of one class's images."""
        return np.arange(self.starts[class_number], self.starts[class_number + 1])


@dataclass(frozen=True, eq=False)
class Dataset:
    """A named data set. `fingerprint` changes with its values, classes or splits; `notes` are
    facts that a report shows (how many twins were removed, where it was read from)."""

    name: str
    splits: Mapping[str, Split]
    fingerprint: str
    notes: Mapping[str, str | int] = field(default_factory=dict)

    def split(self, name: str) -> Split:
        """The split of that name; a `DataError` says which there are."""
        if name not in self.splits:
            there = ", ".join(self.splits) or "none"
            raise DataError(f"{self.name} has no {name!r} split; it has: {there}")
        return self.splits[name]


@dataclass(frozen=True)
class ClassOfImages:
    """One class while a data set is put together: its name, group and number of images."""

    split: str
    name: str
    images: int
    group: str = ""


def assembled(
    name: str,
    classes: Sequence[ClassOfImages],
    images: Images,
    digest: str,
    notes: Mapping[str, str | int] | None = None,
) -> Dataset:
    """The data set whose `images` hold the classes one after the other, in the order given.

    Classes of one split must stand together. `digest` identifies the pixels. Groups are kept
    where every class of a split names one.
    """
    starts = np.concatenate([[0], np.cumsum([c.images for c in classes])]).astype(np.int64)
    splits: dict[str, Split] = {}
    for split in SPLITS:
        at = [i for i, c in enumerate(classes) if c.split == split]
        if not at:
            continue
        first, last = at[0], at[-1]
        assert last - first + 1 == len(at), f"classes of {split} do not stand together"
        chosen = classes[first : last + 1]
        splits[split] = Split(
            dataset=name,
            name=split,
            classes=tuple(c.name for c in chosen),
            starts=starts[first : last + 2],
            images=images,
            groups=_groups([c.group for c in chosen]),
        )
    described = repr((name, digest, [(c.split, c.name, c.images, c.group) for c in classes]))
    fingerprint = hashlib.sha256(described.encode()).hexdigest()
    return Dataset(name, splits, fingerprint, dict(notes or {}))


def _groups(names: Sequence[str]) -> Groups | None:
    if not all(names):
        return None
    distinct = tuple(dict.fromkeys(names))
    of_class = np.array([distinct.index(name) for name in names])
    members = tuple(np.flatnonzero(of_class == g) for g in range(len(distinct)))
    return Groups(distinct, members)
