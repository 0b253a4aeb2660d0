"""Plain batches of labelled images of a split, to train a backbone on before few-shot tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .keys import Stream, generator, key_of
from .style import styled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from tnverify.analyses.data import Split

    from .style import Style


class LabelledBatches:
    """`batches[i]` is batch number i: images (size, channels, height, width), float32, and their
    class numbers within the split, int64.

    Every epoch of `len(batches)` batches goes through the split in a new order, leaving out what
    does not fill a batch. Batch i is a function of the seed, the split's name, the size and i. A
    style that a task would share is shared by a batch.
    """

    def __init__(self, split: Split, size: int, *, seed: int, style: Style | None = None) -> None:
        images = int(split.starts[-1] - split.starts[0])
        if not 1 <= size <= images:
            raise ValueError(f"a batch has between 1 and all {images} images, not {size}")
        self.split, self.size, self.style = split, size, style
        self._images = images
        self._key = key_of("labelled batches", seed, split.dataset, split.name, size)
        self._order: tuple[int, NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        """Batches in an epoch."""
        return self._images // self.size

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        if number < 0:
            raise IndexError(f"batches are numbered from 0, not {number}")
        epoch, place = divmod(number, len(self))
        chosen = self._epoch(epoch)[place * self.size : (place + 1) * self.size]
        images = self.split.images.take(chosen + self.split.starts[0])
        if self.style is not None:
            styled(images, len(images), self.style, self._key, number)
        return torch.from_numpy(images), torch.from_numpy(self.split.labels[chosen])

    def _epoch(self, epoch: int) -> NDArray[np.int64]:
        # The order of the last epoch asked for is kept: it is drawn once, not once a batch.
        if self._order is None or self._order[0] != epoch:
            rng = generator(self._key, Stream.CONTENT, epoch)
            self._order = epoch, rng.permutation(self._images)
        return self._order[1]
