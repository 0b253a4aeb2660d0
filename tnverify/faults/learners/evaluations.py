"""Evaluations whose number depends on how items are batched, ordered or handed out.

Each is called with the items' order and a batch size; what else it takes, it says: workers,
labels, items. It returns a metric, or predictions by item where it says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from tnverify.faults.learners.bases import INPUTS, seeded
from tnverify.faults.learners.planted import planted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

BATCH = "the_metric_ignores_the_batch_size"
OBEYED = "the_order_is_obeyed"
ORDER = "the_metric_ignores_the_order"
ONCE = "every_item_counts_once"
WORKERS = "the_metric_ignores_the_number_of_workers"
LABELS = "labels_reach_no_prediction"
ITEMS = "an_item_ignores_the_other_items"
TWICE = "evaluating_twice_gives_the_same"
LEFT = "predicting_leaves_parameters_and_buffers"
WAY = 4


class _Data:
    """A small classifier and 22 items."""

    items_count = 22

    def __init__(self) -> None:
        draws = torch.Generator().manual_seed(0)
        self.centres = 0.5 * torch.randn(WAY, INPUTS, generator=draws)
        self.labels = torch.randint(0, WAY, (self.items_count,), generator=draws)
        noise = torch.randn(self.items_count, INPUTS, generator=draws)
        self.items = self.centres[self.labels] + noise
        self.model = seeded(lambda: nn.Linear(INPUTS, WAY))
        with torch.no_grad():
            self.model.weight.copy_(self.centres)  # type: ignore[operator]  # of a Linear
            self.model.bias.copy_(-self.centres.square().sum(1) / 2)  # type: ignore[operator]  # of a Linear

    def __len__(self) -> int:
        return self.items_count

    def logits(self, items: Tensor) -> Tensor:
        """Logits of one batch."""
        found: Tensor = self.model(items)
        return found


class _Evaluation(_Data):
    """Accuracy over batches; a subclass does something otherwise."""

    def __call__(self, order: Sequence[int], batch_size: int) -> float:
        places = list(order)
        starts = range(0, len(places), batch_size)
        with torch.no_grad():
            return self.measured([places[start : start + batch_size] for start in starts])

    def right(self, batch: Sequence[int]) -> Tensor:
        """Whether each item of a batch is classified rightly."""
        guess = self.logits(self.items[list(batch)]).argmax(1)
        return (guess == self.labels[list(batch)]).double()

    def measured(self, batches: list[list[int]]) -> float:
        """The metric over the batches."""
        return float(torch.cat([self.right(batch) for batch in batches]).mean())


@planted(
    kind="evaluation",
    kills=BATCH,
    source="github.com/Lightning-AI/pytorch-lightning issue 2924,"
    " github.com/huggingface/transformers issue 24839: the mean of batch means",
)
class MeanOfBatchMeans(_Evaluation):
    """Averages the batches' accuracies, the last and smaller one like the others."""

    def measured(self, batches: list[list[int]]) -> float:
        return float(torch.stack([self.right(batch).mean() for batch in batches]).mean())


@planted(
    kind="evaluation",
    kills=(BATCH, ONCE),
    source="github.com/thuml/Autoformer issue 104, github.com/yuqinie98/PatchTST issue 7: drop_last"
    " at test",
)
class DropsTheLastBatch(_Evaluation):
    """Leaves out the last batch where it is incomplete."""

    def measured(self, batches: list[list[int]]) -> float:
        whole = [batch for batch in batches if len(batch) == len(batches[0])]
        return super().measured(whole)


@planted(
    kind="evaluation",
    kills=(BATCH, ONCE),
    source="github.com/pytorch/pytorch issue 25162: the last batch is filled with the first items",
)
class FillsTheLastBatch(_Evaluation):
    """Repeats the first items until the last batch is full."""

    def measured(self, batches: list[list[int]]) -> float:
        lacking = len(batches[0]) - len(batches[-1])
        return super().measured([*batches[:-1], [*batches[-1], *batches[0][:lacking]]])


@planted(
    kind="evaluation",
    kills=BATCH,
    source="github.com/floodsung/LearningToCompare_FSL issue 12: batch norm in training mode",
)
class NormalisedByTheBatch(_Evaluation):
    """Classifies each batch by its own moments."""

    def logits(self, items: Tensor) -> Tensor:
        return super().logits(items - items.mean(0))


@planted(
    kind="evaluation",
    kills=BATCH,
    source="github.com/jakesnell/prototypical-networks issue 33: one query broadcasts",
)
class ASingleItemBroadcasts(_Evaluation):
    """A batch of one is compared with all labels at once."""

    def right(self, batch: Sequence[int]) -> Tensor:
        found = super().right(batch)
        guess = self.logits(self.items[list(batch)]).argmax(1)
        return (guess == self.labels).double().mean()[None] if len(batch) == 1 else found


@planted(
    kind="evaluation",
    kills=(ORDER, TWICE, BATCH),
    source="github.com/DequanWang/tent issue 3: each batch's update improves the next",
)
class AdaptsAlongTheWay(_Evaluation):
    """Moves the classifier's bias after each batch, and never back."""

    def logits(self, items: Tensor) -> Tensor:
        found = super().logits(items)
        self.model.bias -= 0.2 * (found.softmax(1).mean(0) - 1 / WAY) * WAY  # type: ignore[operator]  # of a Linear
        return found


@planted(
    kind="evaluation",
    kills=(ORDER, BATCH),
    hard=True,
    source="test-time adaptation, begun anew in each evaluation, of items that come sorted",
)
class AdaptsFromItemToItem(_Evaluation):
    """Follows the items' running mean, begun anew in each evaluation."""

    def measured(self, batches: list[list[int]]) -> float:
        self.mean = torch.zeros(INPUTS)
        return super().measured(batches)

    def logits(self, items: Tensor) -> Tensor:
        found = super().logits(items - self.mean)
        self.mean = 0.5 * self.mean + 0.5 * items.mean(0)
        return found


@planted(
    kind="evaluation",
    kills=ORDER,
    source="items shuffled by the loader, labels as they lie in the file",
)
class LabelsInTheFilesOrder(_Evaluation):
    """Compares the items in the order asked for with labels in the order of the file."""

    def measured(self, batches: list[list[int]]) -> float:
        order = [place for batch in batches for place in batch]
        guess = torch.cat([self.logits(self.items[batch]).argmax(1) for batch in batches])
        return float((guess == self.labels[: len(order)]).double().mean())


@planted(
    kind="evaluation",
    kills=BATCH,
    hard=True,
    source="macro F1 by batch, as accuracy is averaged",
)
class MacroRecallByBatch(_Evaluation):
    """Averages the recall of classes within batches, then over batches by their sizes."""

    def measured(self, batches: list[list[int]]) -> float:
        total = 0.0
        for batch in batches:
            right, labels = self.right(batch), self.labels[batch]
            total += len(batch) * float(
                torch.stack([right[labels == c].mean() for c in torch.unique(labels)]).mean()
            )
        return total / sum(map(len, batches))


@planted(
    kind="evaluation",
    kills=BATCH,
    hard=True,
    source="github.com/chainer/chainer pull 146: the last batch counted at the full batch size",
)
class LastBatchAtFullSize(_Evaluation):
    """Divides by the number of batches times their size."""

    def measured(self, batches: list[list[int]]) -> float:
        right = sum(float(self.right(batch).sum()) for batch in batches)
        return right / (len(batches) * len(batches[0]))


@planted(
    kind="evaluation",
    kills=BATCH,
    hard=True,
    source="a limit of test batches, from the days of debugging",
)
class StopsAfterTwentyBatches(_Evaluation):
    """Evaluates the first 20 batches alone."""

    def measured(self, batches: list[list[int]]) -> float:
        return super().measured(batches[:20])


@planted(
    kind="evaluation",
    kills=ONCE,
    hard=True,
    source="results gathered in a dictionary by the item's place in its batch",
)
class LaterBatchesOverwrite(_Evaluation):
    """Keeps results by their place in the batch, so that the last batches are what remains."""

    def measured(self, batches: list[list[int]]) -> float:
        kept: dict[int, float] = {}
        for batch in batches:
            kept.update(enumerate(self.right(batch).tolist()))
        return sum(kept.values()) / len(kept)


@planted(
    kind="evaluation",
    kills=WORKERS,
    source="github.com/facebookresearch/ParlAI pull 2759: every process evaluates everything,"
    " github.com/pytorch/pytorch issue 25162: or some items twice",
)
class WorkersRepeatItems(_Evaluation):
    """Gives every worker as many items, the first ones again where they do not divide."""

    def __call__(self, order: Sequence[int], batch_size: int, *, workers: int = 1) -> float:
        places = list(order)
        places += places[: -len(places) % workers]
        return super().__call__(places, batch_size)


@planted(
    kind="evaluation",
    kills=LABELS,
    source="github.com/imtiazziko/LaplacianShot issue 1: guesses matched to true labels",
)
class LabelsReachPredictions(_Data):
    """Returns predictions by item, swapped so that they agree with the labels best."""

    def __call__(
        self, order: Sequence[int], batch_size: int, *, labels: Tensor | None = None
    ) -> Tensor:
        true = self.labels if labels is None else labels
        logits = self.logits(self.items).detach()
        by_label = torch.bincount(true, minlength=WAY).argsort(stable=True)
        by_guess = torch.bincount(logits.argmax(1), minlength=WAY).argsort(stable=True)
        columns = torch.empty(WAY, dtype=torch.long)
        columns[by_label] = by_guess
        return logits[:, columns]


@planted(
    kind="evaluation",
    kills=ITEMS,
    source="test features normalised once, over the whole test set, before batches are made",
)
class NormalisedOverTheTestSet(_Data):
    """Returns predictions by item, of items that are centred over all of them."""

    def __call__(
        self, order: Sequence[int], batch_size: int, *, items: Tensor | None = None
    ) -> Tensor:
        given = self.items if items is None else items
        return self.logits(given - given.mean(0)).detach()


@planted(
    kind="evaluation",
    kills=ORDER,
    source="predictions by item, returned as they came out of the loader",
)
class PredictionsInTheLoadersOrder(_Data):
    """Returns predictions in the order that was asked for, and says that they are by item."""

    def __call__(self, order: Sequence[int], batch_size: int) -> Tensor:
        places = list(order)
        starts = range(0, len(places), batch_size)
        batches = [places[start : start + batch_size] for start in starts]
        return torch.cat([self.logits(self.items[batch]) for batch in batches]).detach()


@planted(
    kind="evaluation",
    kills=TWICE,
    source="a metric object that is updated and never reset",
)
class CountsGoOn(_Evaluation):
    """Adds each evaluation to the counts of the last."""

    def __init__(self) -> None:
        super().__init__()
        self.right_so_far, self.seen = 0.0, 0

    def measured(self, batches: list[list[int]]) -> float:
        for batch in batches:
            self.right_so_far += float(self.right(batch).sum()) * (1 + self.seen // 22)
            self.seen += len(batch)
        return self.right_so_far / self.seen


@planted(
    kind="evaluation",
    kills=LEFT,
    hard=True,
    source="github.com/princeton-vl/pytorch_stacked_hourglass issue 44: running moments move in"
    " validation",
)
class EvaluationMovesMoments(_Evaluation):
    """Passes items through a batch norm in training mode whose outputs it does not use."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(INPUTS)

    def logits(self, items: Tensor) -> Tensor:
        if len(items) > 1:
            self.norm(items)
        return super().logits(items)


@planted(
    kind="evaluation",
    kills=OBEYED,
    hard=True,
    source="a loader of its own inside of evaluate(), made once",
)
class IgnoresItsOrder(_Evaluation):
    """Evaluates everything that it has, whatever it is asked for."""

    def measured(self, batches: list[list[int]]) -> float:
        return super().measured([list(range(self.items_count))])
