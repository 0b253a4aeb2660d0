"""Finding out how a layer is driven: its channels, its rank, its dtype and its adapter."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.outcomes import SubjectRaised, first_line
from tnverify.subjects.adapters import ADAPTERS, Adapter
from tnverify.subjects.adapters.base import set_mode
from tnverify.subjects.guard import calling
from tnverify.subjects.ordinary import COMPLAINTS, ordinary
from tnverify.subjects.spec import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from tnverify.subjects.subject import Factory

_STEPS = (1, 2, 3, 4, 5, 6, 8, 16, 32, 64)
_RANKS = (2, 1, 0, 3)


def build(factory: Factory, channels: int, spatial: tuple[int, ...]) -> Any:
    """The bare layer; raises SubjectRaised where its constructor does."""
    with calling("build"):
        return factory(channels, spatial)


def placed(
    factory: Factory, channels: int, spatial: tuple[int, ...], device: torch.device | str
) -> Any:
    """The bare layer on a device, where a layer with kernels for that device alone can run."""
    layer = build(factory, channels, spatial)
    if isinstance(layer, torch.nn.Module) and torch.device(device).type != "cpu":
        with calling("build"):
            layer = layer.to(device)
    return layer


def channel_step(factory: Factory) -> int:
    """The smallest step of channels that the constructor takes (groups must divide them).

    Raises Unusable with the constructor's own words where it takes none.
    """
    refusal: SubjectRaised | None = None
    for step in _STEPS:
        try:
            for channels in (step, 2 * step, 3 * step):
                build(factory, channels, (4, 4))
        except SubjectRaised as raised:
            refusal = refusal or raised
        else:
            return step
    assert refusal is not None
    error = refusal.error
    raise Unusable(
        f"the constructor does not take these arguments: {type(error).__name__}:"
        f" {first_line(error)}"
    )


def native_dtype(layer: Any) -> torch.dtype:
    """The dtype of the layer's floating parameters or buffers; float32 where it has none."""
    if isinstance(layer, torch.nn.Module):
        for tensor in (*layer.parameters(), *layer.buffers()):
            if tensor.dtype in (torch.float32, torch.float64):
                return tensor.dtype
    return torch.float32


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


def find_rank(
    factory: Factory, adapter: Adapter | None, step: int, device: torch.device | str = "cpu"
) -> int:
    """The number of spatial dimensions that the layer takes, two preferred.

    Raises Unusable with the layer's own words where it takes none of 2, 1, 0 and 3.
    """
    refusal: SubjectRaised | None = None
    for rank in _RANKS:
        plan = ordinary(rank, step)
        for dtype in (torch.float32, torch.float64):
            task = plan.build(dtype, device)
            try:
                layer = placed(factory, task.channels, task.spatial, device)
                if dtype is not native_dtype(layer):
                    continue
                with calling("condition"), torch.no_grad():
                    if adapter is None:
                        layer(task.context)
                    else:
                        adapter.wrap(layer).condition(task.context)
            except SubjectRaised as raised:
                if not isinstance(raised.error, COMPLAINTS):
                    return rank  # no complaint about the input: the laws will report it
                refusal = refusal or raised
            else:
                return rank
    if refusal is None:
        return 2
    error = refusal.error
    raise Unusable(
        "the layer takes no input of (items, channels) with 0 to 3 spatial dimensions:"
        f" {type(error).__name__}: {first_line(error)}"
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
