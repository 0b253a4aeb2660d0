"""Context items that are not what they should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from tnverify.analyses.data import DataError

from .keys import Stream, generator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tnverify.analyses.data import Split

Kind = Literal["noise", "blank", "bright", "stray"]
_KINDS: tuple[Kind, ...] = ("noise", "blank", "bright", "stray")
_BRIGHTER = np.float32(10.0)


@dataclass(frozen=True)
class Corruption:
    """A share of the context, rounded to whole items, chosen at random, is made to be

    - "noise": pixels uniform between 0 and 1;
    - "blank": zero throughout;
    - "bright": ten times its values;
    - "stray": an image of a class that the task does not have.

    Labels stay. The items are corrupted before a style shifts them with the others, but for
    "bright", which is a fault of the shift itself.
    """

    share: float
    kind: Kind = "noise"

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"the share of corrupted items is between 0 and 1, not {self.share}")
        if self.kind not in _KINDS:
            raise ValueError(f"a kind of corruption is one of {', '.join(_KINDS)}: {self.kind!r}")


@dataclass(frozen=True, eq=False)
class Corrupted:
    """Which context items are corrupted (their places in the context), and the rest of what is
    drawn for it."""

    items: NDArray[np.int64]
    rng: np.random.Generator


def choose(corruption: Corruption, context: int, key: int, number: int) -> Corrupted:
    """Which items of a context are corrupted."""
    rng = generator(key, Stream.CORRUPTION, number)
    return Corrupted(np.sort(rng.permutation(context)[: round(corruption.share * context)]), rng)


def stray_rows(split: Split, classes: NDArray[np.int64], corrupted: Corrupted) -> NDArray[np.int64]:
    """Rows of images of classes that the task does not have, one for each corrupted item."""
    others = np.setdiff1d(np.arange(len(split.classes)), classes)
    if not len(others):
        raise DataError(
            f"{split.dataset}, {split.name}: a task with all {len(classes)} classes leaves none "
            "for stray items"
        )
    drawn = corrupted.rng.choice(others, len(corrupted.items))
    rows: NDArray[np.int64] = split.starts[drawn] + corrupted.rng.integers(split.sizes[drawn])
    return rows


def spoil(images: NDArray[np.float32], corruption: Corruption, corrupted: Corrupted) -> None:
    """Overwrite the values of corrupted items in place, where their kind is about values."""
    if corruption.kind == "noise":
        shape = (len(corrupted.items), *images.shape[1:])
        images[corrupted.items] = corrupted.rng.random(shape, dtype=np.float32)
    elif corruption.kind == "blank":
        images[corrupted.items] = 0.0


def overexpose(images: NDArray[np.float32], corruption: Corruption, corrupted: Corrupted) -> None:
    """Multiply the values of corrupted items in place, where their kind is "bright"."""
    if corruption.kind == "bright":
        images[corrupted.items] *= _BRIGHTER
