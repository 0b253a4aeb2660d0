"""Tasks by number: the same number gives the same task, to every scheme and in any order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from tnverify.analyses.data import Split

from .corruption import choose, overexpose, spoil, stray_rows
from .keys import Stream, generator, key_of
from .style import styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from .corruption import Corruption
    from .shots import Make, Shots
    from .style import Style


@dataclass(frozen=True, eq=False)
class ImageTask:
    """A few-shot task of images.

    `context` is (context items, channels, height, width), `targets` (target items, channels,
    height, width), float32; labels are int64, from 0 to `way` - 1. Both sets are sorted by
    label. `classes` are the class numbers within the split `split` of `dataset`, in label order.
    """

    context: Tensor
    context_labels: Tensor
    targets: Tensor
    target_labels: Tensor
    classes: tuple[int, ...]
    dataset: str
    split: str
    number: int

    @property
    def way(self) -> int:
        return len(self.classes)

    def to(self, device: torch.device | str) -> ImageTask:
        """The task with its tensors on a device."""
        return ImageTask(
            self.context.to(device),
            self.context_labels.to(device),
            self.targets.to(device),
            self.target_labels.to(device),
            self.classes,
            self.dataset,
            self.split,
            self.number,
        )


class TaskSource:
    """Tasks of one split, or of several in equal shares (Meta-Dataset's training mixture).

    `source[i]` is task number i, a function of the seed, the names of the splits, the rule and i
    alone. Sources that differ in style or corruption only have the same classes and images. What
    is asked of the data (`DataError`) is checked when the source is made.
    """

    def __init__(
        self,
        splits: Split | Sequence[Split],
        shots: Shots,
        *,
        seed: int,
        style: Style | None = None,
        corruption: Corruption | None = None,
    ) -> None:
        self.splits: tuple[Split, ...] = (splits,) if isinstance(splits, Split) else tuple(splits)
        if not self.splits:
            raise ValueError("tasks are drawn from at least one split")
        shapes = {split.shape for split in self.splits}
        if len(shapes) > 1:
            raise ValueError(f"images of different shapes in one source: {sorted(shapes)}")
        self.shots, self.seed = shots, seed
        self.style, self.corruption = style, corruption
        self._eligible = [shots.eligible(split) for split in self.splits]
        names = [(split.dataset, split.name) for split in self.splits]
        self._key = key_of(seed, names, shots.key())

    def __getitem__(self, number: int) -> ImageTask:
        if number < 0:
            raise IndexError(f"tasks are numbered from 0, not {number}")
        rng = generator(self._key, Stream.CONTENT, number)
        which = int(rng.integers(len(self.splits))) if len(self.splits) > 1 else 0
        split = self.splits[which]
        make = self.shots.draw(split, self._eligible[which], rng)
        context_rows, target_rows = _rows(split, make, rng)
        images = self._images(split, make, context_rows, target_rows, number)
        context = len(context_rows)
        pixels = torch.from_numpy(images)
        labels = np.arange(len(make.classes))
        return ImageTask(
            context=pixels[:context],
            context_labels=torch.from_numpy(np.repeat(labels, make.context)),
            targets=pixels[context:],
            target_labels=torch.from_numpy(np.repeat(labels, make.targets)),
            classes=tuple(make.classes.tolist()),
            dataset=split.dataset,
            split=split.name,
            number=number,
        )

    def tasks(self, numbers: Sequence[int]) -> list[ImageTask]:
        """The tasks of these numbers (`range(16, 32)` is the second meta-batch of 16)."""
        return [self[number] for number in numbers]

    def _images(
        self,
        split: Split,
        make: Make,
        context_rows: NDArray[np.int64],
        target_rows: NDArray[np.int64],
        number: int,
    ) -> NDArray[np.float32]:
        """Context and targets, one array, corrupted and styled; `context_rows` is written to."""
        context = len(context_rows)
        corrupted = None
        if self.corruption is not None:
            corrupted = choose(self.corruption, context, self._key, number)
            if self.corruption.kind == "stray" and len(corrupted.items):
                context_rows[corrupted.items] = stray_rows(split, make.classes, corrupted)
        images = split.images.take(np.concatenate([context_rows, target_rows]))
        if self.corruption is not None and corrupted is not None:
            spoil(images[:context], self.corruption, corrupted)
        if self.style is not None:
            styled(images, context, self.style, self._key, number)
        if self.corruption is not None and corrupted is not None:
            overexpose(images[:context], self.corruption, corrupted)
        return images


def _rows(
    split: Split, make: Make, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the context and of the targets, sorted by label, no row twice.

    The images of a class are put in a random order, wherever they lie in its file; the context
    takes them from the front and the targets from the back.
    """
    context, targets = [], []
    wanted = zip(make.classes.tolist(), make.context.tolist(), make.targets.tolist(), strict=True)
    for class_number, shot, target in wanted:
        size = int(split.sizes[class_number])
        drawn = rng.permutation(size) + split.starts[class_number]
        context.append(drawn[:shot])
        targets.append(drawn[size - target :])
    return np.concatenate(context), np.concatenate(targets)
