"""Where other targets enter: the first module whose outputs for kept targets differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from tnverify.auditing.asking import same_bits
from tnverify.contract.measured import Entry

if TYPE_CHECKING:
    from tnverify.auditing.asking import Asker, Pair
    from tnverify.auditing.task import AuditTask

_MOST_CALLS = 4096
"""Calls of modules that are recorded: more, such as of long inner loops, tell nothing new."""

_NORMS = (
    nn.modules.batchnorm._NormBase,  # noqa: SLF001 - torch's base of batch and instance norms
    nn.GroupNorm, nn.LayerNorm, nn.LocalResponseNorm,
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """One call of a module, recorded when it ended: what came in and what went out."""

    path: str
    module: nn.Module
    training: bool
    given: Tensor | None
    answer: Tensor


def entry(asker: Asker, pair: Pair) -> Entry | None:
    """Return the first module, in the order in which calls end, whose outputs for the kept targets
    differ between two worlds while its inputs for them do not; None where none is found."""
    usual, other = (_recorded(asker, task) for task in (pair.task, pair.other))
    for first, second in zip(usual, other, strict=False):
        if first.path != second.path:
            return None  # other calls were made: what they are compared with is not known
        if not _differ(first.answer, second.answer, pair):
            continue
        if (
            first.given is not None
            and second.given is not None
            and _differ(first.given, second.given, pair)
        ):
            continue
        return _told(first)
    return None


def _recorded(asker: Asker, task: AuditTask) -> list[_Call]:
    """The calls that predicting a task makes of the subject's modules, outermost last."""
    session = asker.session()
    if session.driven.form.apart:
        session.fit(task)
    calls: list[_Call] = []
    handles = []
    for path, module in session.modules.items():
        handles.append(module.register_forward_hook(_Recorder(path, calls)))
    try:
        if not session.driven.form.apart:
            session.fit(task)
        session.predict(task)
    finally:
        for handle in handles:
            handle.remove()
    return calls


class _Recorder:
    """A forward hook that records what a module is given and answers."""

    def __init__(self, path: str, calls: list[_Call]) -> None:
        self.path, self.calls = path, calls

    def __call__(self, module: nn.Module, given: tuple[Any, ...], answer: Any) -> None:
        found = _first_tensor(answer)
        if found is None or len(self.calls) >= _MOST_CALLS:
            return
        taken = _first_tensor(given)
        self.calls.append(
            _Call(
                self.path, module, module.training,
                None if taken is None else taken.detach().clone(), found.detach().clone(),
            )
        )  # fmt: skip


def _first_tensor(value: Any) -> Tensor | None:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return next((found for each in value if (found := _first_tensor(each)) is not None), None)
    return None


def _differ(first: Tensor, second: Tensor, pair: Pair) -> bool:
    """Whether the values for kept targets differ. Targets stand in the first dimension, alone or
    behind the context; where they do not, nothing is said."""
    kept = []
    for values, task, rows in (
        (first, pair.task, pair.rows), (second, pair.other, pair.other_rows),
    ):  # fmt: skip
        length = len(values) if values.dim() else 0
        if length == task.count + len(task.context):
            rows = rows + len(task.context)
        elif length != task.count:
            return False
        kept.append(values[rows])
    if pair.equal_shapes:
        return not same_bits(*kept)
    if kept[0].shape != kept[1].shape or not kept[0].is_floating_point():
        return kept[0].shape != kept[1].shape
    # Other shapes round otherwise. Whether it is a leak is settled before; this names the place.
    return not torch.allclose(kept[0], kept[1], rtol=1e-4, atol=1e-5, equal_nan=True)


def _told(call: _Call) -> Entry:
    kind = type(call.module)
    norm = isinstance(call.module, _NORMS) or any(map(_named_as_norm, kind.__mro__))
    return Entry(call.path, kind.__name__, call.training, _remedy(call, norm=norm), norm=norm)


def _named_as_norm(kind: type) -> bool:
    return "norm" in kind.__name__.lower() or kind.__name__.endswith("BN")


def _remedy(call: _Call, *, norm: bool) -> str:
    """What to change, for this kind of module."""
    module = call.module
    batch = isinstance(module, nn.modules.batchnorm._BatchNorm)  # noqa: SLF001 - as above
    if batch and getattr(module, "running_mean", None) is None:
        return (
            "It has no running moments (track_running_stats=False): normalise by the context, as"
            " TaskNorm does, or with moments of each item."
        )
    if batch and call.training:
        return (
            "Call eval() before predicting, and have its moments estimated in training or from the"
            " context."
        )
    if norm:
        spec = f"{type(module).__module__}:{type(module).__qualname__}"
        told = f" `tnverify identify {spec}` shows whom the layer reads." if _is_found(spec) else ""
        return f"Normalise by the context or by each item alone, never by the batch.{told}"
    if isinstance(module, nn.MultiheadAttention | nn.TransformerEncoderLayer):
        return "Mask attention so that a target attends to the context and to itself alone."
    return "Look in its forward for what is computed over the first dimension."


def _is_found(spec: str) -> bool:
    """Whether the class can be named on the command line: not one of a test file or a notebook."""
    return "<" not in spec and "__main__" not in spec
