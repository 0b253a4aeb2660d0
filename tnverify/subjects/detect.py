"""Finding out by which convention a layer is called: its adapter."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.outcomes import SubjectRaised
from tnverify.subjects.adapters import ADAPTERS, Adapter
from tnverify.subjects.adapters.base import set_mode
from tnverify.subjects.building import build, native_dtype, placed
from tnverify.subjects.guard import calling
from tnverify.subjects.ordinary import ordinary
from tnverify.subjects.ranks import find_rank
from tnverify.subjects.spec import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from tnverify.subjects.subject import Factory


def detect_adapter(
    factory: Factory, step: int, device: torch.device | str = "cpu"
) -> tuple[Adapter, int]:
    """The adapter that fits, and the rank of ordinary input, by trying on a device.

    Raises Unusable where no convention and no rank that is offered works.
    """
    layer = build(factory, 3 * step, (4, 3))
    if callable(getattr(layer, "condition", None)) and callable(getattr(layer, "normalize", None)):
        adapter = ADAPTERS["explicit_state"]
        return adapter, find_rank(factory, adapter, step, device)
    if not callable(layer):
        raise Unusable(
            f"a {type(layer).__name__} cannot be called and has no condition and normalize:"
            " write an adapter and name it with --adapter"
        )
    _check_signature(layer)
    rank = find_rank(factory, None, step, device)
    return ADAPTERS[_convention(factory, step, rank, device)], rank


def _check_signature(layer: Any) -> None:
    forward = getattr(layer, "forward", layer)
    try:
        parameters = inspect.signature(forward).parameters.values()
    except (TypeError, ValueError):
        return
    wanted = [
        p.name
        for p in parameters
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    if len(wanted) > 1:
        raise Unusable(
            f"no adapter fits a call that wants {', '.join(wanted)}: write an adapter (an object"
            " with condition and normalize) and name it with --adapter"
        )


def _convention(factory: Factory, step: int, rank: int, device: torch.device | str) -> str:
    """Which convention a callable layer follows, told apart by what its answers depend on.

    Contexts differ by a large shift, so that a moving average, which keeps much of the context
    before, is told from a layer that keeps only traces of it (which would be a leak).
    """
    native = native_dtype(build(factory, 3 * step, (5, 4, 2)[:rank]))
    first, second = (ordinary(rank, step, seed=s).build(native, device).context for s in (1, 2))
    targets = ordinary(rank, step, seed=3).build(native, device).targets
    first, second = first + 5, second * 2 + 6

    def trial(*contexts: Tensor) -> Any:
        layer = placed(factory, 3 * step, tuple(targets.shape[2:]), device)
        with calling("condition"), torch.no_grad():
            set_mode(layer, training=True)
            for context in contexts:
                layer(context)
            set_mode(layer, training=False)
            return layer(targets)

    try:
        answer = trial(first)
        if isinstance(answer, tuple):
            return "handed_moments"
        if not isinstance(answer, torch.Tensor):
            return "no_context"  # the probe will say what is wrong with such an answer
        other, both = trial(second), trial(first, second)
        unconditioned = _tensor_or_none(trial)
    except SubjectRaised:
        return "no_context"  # whatever refuses here is met again, and reported, by the laws
    moved = _distance(answer, other)
    if moved == 0 and unconditioned is not None and _distance(answer, unconditioned) == 0:
        return "no_context"
    kept = _distance(both, other)
    return "frozen" if kept > 0.5 * moved else "mode_flag"


def _tensor_or_none(trial: Callable[[], Any]) -> Tensor | None:
    try:
        return trial()  # type: ignore[no-any-return]  # a tensor, as the trials before it were
    except SubjectRaised:
        return None


def _distance(a: Tensor, b: Tensor) -> float:
    if a.shape != b.shape:
        return float("inf")
    gap = torch.nan_to_num(a.double() - b.double(), nan=1e300)
    return float(gap.abs().max()) if gap.numel() else 0.0
