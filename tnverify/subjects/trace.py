"""What a law asked of the subject on one task, call by call, for a person to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor

_MOST_CALLS = 8
_MOST_VALUES = 12


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one instance (numbered from 1) and its answer, or what it raised."""

    instance: int
    during: str
    given: Tensor
    answer: Tensor | str


class Trace:
    """The calls of one evaluation, in order."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._instances = 0

    def new_instance(self) -> int:
        self._instances += 1
        return self._instances

    def note(self, instance: int, during: str, given: Tensor, answer: Any) -> None:
        # condition answers with its outputs and the task state: the outputs are what is read.
        first = answer[0] if isinstance(answer, tuple) and answer else answer
        kept: Tensor | str
        if isinstance(first, torch.Tensor):
            kept = first.detach().clone()
        elif isinstance(first, BaseException):
            kept = f"raises {type(first).__name__}"
        else:
            kept = f"a {type(first).__name__}"
        self._calls.append(Call(instance, during, given.detach().clone(), kept))

    @property
    def calls(self) -> tuple[Call, ...]:
        return tuple(self._calls)

    def lines(self) -> tuple[str, ...]:
        """One line a call: `layer 2: normalize [0, 1.5] -> [-1, 1]`; empty where the values are
        too many to read."""
        if any(call.given.numel() > _MOST_VALUES for call in self._calls):
            return ()
        shown = tuple(
            f"layer {call.instance}: {call.during} {in_words(call.given)} -> "
            f"{in_words(call.answer) if isinstance(call.answer, torch.Tensor) else call.answer}"
            for call in self._calls[:_MOST_CALLS]
        )
        more = len(self._calls) - _MOST_CALLS
        return (*shown, f"... and {more} more calls") if more > 0 else shown


def in_words(x: Tensor) -> str:
    """Values as nested lists without the dimensions that have one element, items apart."""
    values = x.detach().double().cpu()
    single = tuple(d for d in range(1, values.dim()) if values.shape[d] == 1)
    return _nested(values.squeeze(single).tolist() if single else values.tolist())


def _nested(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_nested(v) for v in value)}]"
    return f"{value:.6g}"
