"""A few-shot task as an audit asks it, and the changes that make another world of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class AuditTask:
    """A context with its labels 0 to way - 1, and targets with theirs.

    `context` is (items, *shape) and `targets` (targets, *shape). A predictor without a context has
    one of no items. `number` is the task's place among those of a run. `handed`, where it is a
    list, takes up everything that a subject is handed: its name, the thing, its values before.
    `lengths` says how many of a target's first rows are its own, where the others are padding, and
    `steps` how many steps of an answer are compared, where answers have steps.
    """

    context: Tensor
    labels: Tensor
    targets: Tensor
    target_labels: Tensor
    way: int
    number: int = 0
    handed: list[tuple[str, object, Tensor]] | None = None
    lengths: Tensor | None = None
    steps: int | None = None

    @property
    def count(self) -> int:
        """How many targets there are."""
        return len(self.targets)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one item."""
        return tuple(self.targets.shape[1:])

    @property
    def spread(self) -> float:
        """The standard deviation of the values of all items, 1 where they are all alike."""
        values = torch.cat([self.context.flatten(), self.targets.flatten()]).double()
        found = float(values.std()) if len(values) > 1 else 0.0
        return found if found > 0 else 1.0

    def rows(self, places: Sequence[int] | Tensor) -> AuditTask:
        """The task with these targets alone, in this order."""
        at = torch.as_tensor(places, dtype=torch.long)
        return replace(
            self,
            targets=self.targets[at],
            target_labels=self.target_labels[at],
            lengths=None if self.lengths is None else self.lengths[at],
        )

    def with_rows(self, places: Tensor, values: Tensor) -> AuditTask:
        """The task with other values in the place of some targets."""
        targets = self.targets.clone()
        targets[places] = values.to(targets)
        return replace(self, targets=targets)

    def with_more(self, values: Tensor, labels: Tensor) -> AuditTask:
        """The task with more targets behind those that it has."""
        return replace(
            self,
            targets=torch.cat([self.targets, values.to(self.targets)]),
            target_labels=torch.cat([self.target_labels, labels]),
        )

    def with_context(self, context: Tensor, labels: Tensor) -> AuditTask:
        """The task with another context."""
        return replace(self, context=context, labels=labels)

    def in_dtype(self, dtype: torch.dtype) -> AuditTask:
        """The task with its items in another precision; whole numbers stay what they are."""
        if not self.targets.is_floating_point():
            return self
        return replace(self, context=self.context.to(dtype), targets=self.targets.to(dtype))

    def nudged(self, signs: torch.Generator) -> AuditTask:
        """The task with every value but zeros moved by one unit in the last place, up or down."""

        def moved(values: Tensor) -> Tensor:
            if not values.is_floating_point():
                return values
            up = torch.rand(values.shape, generator=signs) < 0.5
            infinity = torch.full_like(values, torch.inf)
            beside = torch.nextafter(values, torch.where(up, infinity, -infinity))
            # A zero is exact, and may stand for what is not there: padding, a count, a pixel.
            return torch.where(values == 0, values, beside)

        return replace(self, context=moved(self.context), targets=moved(self.targets))
