"""Logits of learners that return a loss or an accuracy alone: taken where a loss takes them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from tnverify.auditing.driving.forms import Form
    from tnverify.auditing.task import AuditTask

_TAKERS = frozenset(
    ("cross_entropy", "log_softmax", "softmax", "nll_loss", "binary_cross_entropy_with_logits",
     "argmax")
)  # fmt: skip
"""Functions of torch that are given logits, one row a target."""


class _Watching(TorchFunctionMode):
    """Keeps the last tensor with a row a target that was given to one of these functions."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.found: Tensor | None = None

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        given = args[0] if args else (kwargs or {}).get("input")
        if name in _TAKERS and isinstance(given, Tensor) and given.dim() >= 2:  # noqa: SIM102 - as read
            if math.prod(given.shape[:-1]) == self.count:
                self.found = given.reshape(self.count, given.shape[-1])
        return func(*args, **(kwargs or {}))


def captured(form: Form) -> Form:
    """The form, with the logits that it computes on its way in the place of what it returns."""

    def predict(subject: Any, state: Any, task: AuditTask) -> Any:
        with _Watching(task.count) as watching:
            answer = form.predict(subject, state, task)
        return answer if watching.found is None else watching.found

    how = f"{form.how}; it returns no prediction: its logits are captured on their way to a loss"
    return replace(form, how=how, predict=predict)
