"""Forms of a call with items of several lengths: a list of them, or padded with a mask."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from tnverify.auditing.driving.forms import ENCODE, Form
from tnverify.auditing.driving.outputs import rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tnverify.auditing.task import AuditTask


def forms_with_lengths(subject: Any) -> Iterator[Form]:
    """The forms in which a predictor may take items of several lengths, the likeliest first."""
    for name in ENCODE:
        if name == "forward" or not callable(_called(subject, name)):
            continue
        argument = _argument(subject, name)
        if argument is not None:
            yield _padded(name, argument)
        yield _listed(name)


def is_padded(form: Form) -> bool:
    """Whether the form hands over a padded batch, with what says what is padding."""
    return form.name == "padded"


def _called(subject: Any, name: str) -> Any:
    if name == "__call__":
        return subject if callable(subject) else None
    return getattr(subject, name, None)


def _argument(subject: Any, name: str) -> str | None:
    """The argument that says what is padding, whether it must be given or not."""
    method = _called(subject, name)
    signed = method.forward if isinstance(method, nn.Module) else method
    try:
        names = list(inspect.signature(signed).parameters)[1:]
    except (TypeError, ValueError):
        return None
    marks = [each for each in names if "mask" in each or "length" in each or each == "lens"]
    usual = [each for each in marks if "attention" in each or "padding" in each or "len" in each]
    return next(iter(usual or marks), None)


def _padded(name: str, argument: str) -> Form:
    def predict(subject: Any, _state: Any, task: AuditTask) -> Any:
        assert task.lengths is not None
        marks = task.lengths.clone()
        if "len" not in argument:
            real = torch.arange(task.shape[0]) < task.lengths[:, None]
            marks = ~real if "padding" in argument else real
        longest = int(task.lengths.max())
        batch = task.targets[:, :longest].clone()
        marks = marks if marks.dim() == 1 else marks[:, :longest]
        return _cut(_called(subject, name)(batch, **{argument: marks}), task)

    how = f"called with a padded batch and {argument}"
    return Form("padded", how, lambda *_: None, predict)


def _listed(name: str) -> Form:
    def predict(subject: Any, _state: Any, task: AuditTask) -> Any:
        assert task.lengths is not None
        pairs = zip(task.targets, task.lengths.tolist(), strict=True)
        items = [target[:length].clone() for target, length in pairs]
        return _cut(_called(subject, name)(items), task)

    return Form(
        "listed", "called with a list of items of several lengths", lambda *_: None, predict
    )


def _cut(answer: Any, task: AuditTask) -> Tensor:
    """The rows of an answer; where it has steps, as many as belong to the shortest item alone."""
    rows = rows_of(answer, task.count)
    if task.steps is None or rows.dim() < 3:
        return rows
    return rows[:, : task.steps]
