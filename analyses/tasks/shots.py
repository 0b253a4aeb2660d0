"""What a task is made of: how many classes, which, and how many images of each."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tnverify.analyses.data import DataError

from . import counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tnverify.analyses.data import Split


@dataclass(frozen=True, eq=False)
class Make:
    """The make-up of one task: class numbers within the split, in the order of the task's
    labels, and of each its numbers of context and of target items. Three arrays (way,)."""

    classes: NDArray[np.int64]
    context: NDArray[np.int64]
    targets: NDArray[np.int64]


class Shots(Protocol):
    """A rule for the make-up of tasks. Rules are frozen dataclasses of plain values, so that
    they name themselves in keys and records."""

    def key(self) -> object:
        """JSON-ready values that tasks depend on. Rules of one key draw the same classes."""

    def eligible(self, split: Split) -> NDArray[np.int64]:
        """The classes that tasks may have; `DataError` where they are too few for any task."""

    def draw(self, split: Split, eligible: NDArray[np.int64], rng: np.random.Generator) -> Make:
        """The make-up of one task over the eligible classes."""


@dataclass(frozen=True)
class FixedShots:
    """Every task alike: `way` classes, `shot` context and `targets` target items of each.

    An `imbalance` above 1 makes targets long-tailed: from `targets` of one class down to
    `targets / imbalance` of another, geometrically; which classes are rich is random.

    Rules that differ in all but the way have tasks of the same classes, with the contexts and
    the targets of the smaller within those of the larger: so accuracy against shot or imbalance
    is compared on the same targets.
    """

    way: int
    shot: int
    targets: int = 15
    imbalance: float = 1.0

    def __post_init__(self) -> None:
        for name in ("way", "shot", "targets"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; a task has at least one")
        if self.imbalance < 1.0:
            raise ValueError(f"imbalance is {self.imbalance}; 1 is balance, 10 is ten to one")

    def key(self) -> object:
        return [type(self).__name__, self.way]

    def eligible(self, split: Split) -> NDArray[np.int64]:
        needed = self.shot + self.targets
        classes = np.flatnonzero(split.sizes >= needed)
        if len(classes) < self.way:
            raise DataError(
                f"{split.dataset}, {split.name}: {len(classes)} of {len(split.classes)} classes "
                f"have {needed} images; {self.way}-way {self.shot}-shot tasks with {self.targets} "
                f"targets of each class need {self.way}"
            )
        return classes

    def draw(self, split: Split, eligible: NDArray[np.int64], rng: np.random.Generator) -> Make:
        classes = rng.choice(eligible, self.way, replace=False)
        context = np.full(self.way, self.shot)
        return Make(classes, context, counts.long_tailed(self.way, self.targets, self.imbalance))


@dataclass(frozen=True)
class VariableShots:
    """Meta-Dataset's tasks of varying way and shot (Triantafillou et al. 2020, section 3.2).

    The way is uniform from `fewest_ways` to `most_ways`, or to the number of classes if that is
    less; classes are uniform. Targets, context size and shots follow `counts`. Where `related`
    is true and the split has groups, a group is drawn first and the classes from it, as
    Meta-Dataset does for Omniglot and ImageNet.
    """

    fewest_ways: int = 5
    most_ways: int = 50
    limits: counts.ContextLimits = field(default_factory=counts.ContextLimits)
    related: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.fewest_ways <= self.most_ways <= self.limits.context:
            raise ValueError(
                f"ways from {self.fewest_ways} to {self.most_ways} with a context of at most "
                f"{self.limits.context}: each class needs an item, and the first must not be more"
            )

    def key(self) -> object:
        return [type(self).__name__, asdict(self)]

    def eligible(self, split: Split) -> NDArray[np.int64]:
        classes = np.flatnonzero(split.sizes > 1)
        if len(classes) < self.fewest_ways:
            raise DataError(
                f"{split.dataset}, {split.name}: {len(classes)} classes have two images or more; "
                f"tasks need {self.fewest_ways}"
            )
        if self.related and not self._groups(split, classes):
            raise DataError(
                f"{split.dataset}, {split.name}: no group of {self.fewest_ways} classes or more "
                "to draw related classes from"
            )
        return classes

    def draw(self, split: Split, eligible: NDArray[np.int64], rng: np.random.Generator) -> Make:
        classes = self._classes(split, eligible, rng)
        sizes = split.sizes[classes]
        targets = counts.targets_per_class(sizes, self.limits)
        # 1 - uniform on [0, 1) is uniform on (0, 1].
        size = counts.context_size(sizes, targets, self.limits, 1.0 - rng.random())
        low, high = self.limits.lowest_log_weight, self.limits.highest_log_weight
        context = counts.shots(sizes, targets, size, rng.uniform(low, high, size=len(classes)))
        return Make(classes, context, np.full(len(classes), targets))

    def _classes(
        self, split: Split, eligible: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        if self.related:
            groups = self._groups(split, eligible)
            eligible = groups[rng.integers(len(groups))]
        most = min(self.most_ways, len(eligible))
        whole = self.related and split.groups is not None and split.groups.whole
        way = most if whole else int(rng.integers(self.fewest_ways, most + 1))
        return rng.choice(eligible, way, replace=False)

    def _groups(self, split: Split, eligible: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        if split.groups is None:
            return []
        inside = [np.intersect1d(members, eligible) for members in split.groups.members]
        return [members for members in inside if len(members) >= self.fewest_ways]
