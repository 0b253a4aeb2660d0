"""What every learner is to those who train and test it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor
from torch.func import vmap
from torch.nn.functional import cross_entropy

from tnverify.analyses.tasks import batches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from tnverify.analyses.tasks import Company


class Predict(Protocol):
    """A learner that has seen a context: targets (targets, channels, height, width) to logits
    (targets, way)."""

    def __call__(self, targets: Tensor, /) -> Tensor: ...


class Learner(Protocol):
    """A module that adapts to a context. All of it is in its `state_dict`."""

    training: bool

    def adapted(self, context: Tensor, labels: Tensor, way: int) -> Predict:
        """The learner after a context (items, channels, height, width) with labels 0..way - 1."""

    def trained(self) -> Iterator[nn.Parameter]:
        """The parameters that meta-training changes."""


def one_hot(labels: Tensor, way: int, like: Tensor) -> Tensor:
    """(items, way), 1 where an item is of a class, in the dtype of `like`; goes through vmap."""
    return (labels[:, None] == torch.arange(way, device=labels.device)).to(like.dtype)


def class_means(features: Tensor, labels: Tensor, way: int) -> Tensor:
    """(way, features): the mean of each class's items."""
    members = one_hot(labels, way, features)
    return members.T @ features / members.sum(0)[:, None]


def task_loss(
    learner: Learner,
    way: int,
    context: Tensor,
    context_labels: Tensor,
    targets: Tensor,
    target_labels: Tensor,
) -> Tensor:
    """The mean cross-entropy of a task's targets after its context: what is meta-trained on."""
    predict = learner.adapted(context, context_labels, way)
    return cross_entropy(predict(targets), target_labels)


def predicted(predict: Predict, targets: Tensor, labels: Tensor, company: Company) -> Tensor:
    """Logits of all targets (targets, way), predicted in batches of the company asked for.

    Batches of one size go through the network in one launch, each still by itself: what a batch
    is normalised with, vmap keeps apart.
    """
    places = batches(labels, company)
    if len(places) == 1:
        return predict(targets)
    if len({len(batch) for batch in places}) == 1:
        order = torch.stack(places)
        logits = vmap(predict)(targets[order]).flatten(0, 1)
    else:
        order = torch.cat(places)
        logits = torch.cat([predict(targets[batch]) for batch in places])
    back = torch.empty_like(logits)
    back[order.flatten()] = logits
    return back


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """The percentage of targets whose largest logit is that of their class."""
    return 100.0 * float((logits.argmax(-1) == labels).double().mean())
