"""How many channels a layer can be built for."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.limits import OnlyWidth
from tnverify.contract.outcomes import SubjectRaised, first_line
from tnverify.subjects.building import build
from tnverify.subjects.guard import calling
from tnverify.subjects.ordinary import ordinary
from tnverify.subjects.spec import Unusable
from tnverify.subjects.starting import tensors_of

if TYPE_CHECKING:
    from tnverify.subjects.subject import Factory

_STEPS = (1, 2, 3, 4, 5, 6, 8, 16, 32, 64)


def channel_step(factory: Factory) -> int:
    """The smallest step of channels that the constructor takes (groups must divide them).

    An OnlyWidth where the layer takes one number of channels, as was said or as is found.
    Raises Unusable with the constructor's own words where it takes none.
    """
    if factory.only is not None:
        return factory.only
    refusal: SubjectRaised | None = None
    for step in _STEPS:
        try:
            for channels in (step, 2 * step, 3 * step):
                build(factory, channels, (4, 4))
        except SubjectRaised as raised:
            refusal = refusal or raised
        else:
            return _only_width(factory, step) or _answered_step(factory, step)
    assert refusal is not None
    error = refusal.error
    help_ = ""
    if factory.spec is not None and factory.spec.call is None:
        help_ = f"; write a call, as {factory.spec.text}(..., channels)"
        if isinstance(error, AttributeError) and "'int' object" in str(error):
            help_ = (
                "; where it wants an object with settings, name a function of the number of"
                " channels that makes both, in the same file"
            )
    raise Unusable(
        f"the constructor does not take these arguments: {type(error).__name__}:"
        f" {first_line(error)}{help_}"
    )


def _answered_step(factory: Factory, step: int) -> int:
    """The step, or the smallest multiple of it from which on calls are answered too: groups that
    the constructor does not look at. The step itself where no plain call is answered."""
    if _accepts(factory, 3 * step):
        return step
    for larger in _STEPS:
        if larger > step and larger % step == 0 and _accepts(factory, 3 * larger):
            return larger
    return step


def _only_width(factory: Factory, step: int) -> OnlyWidth | None:
    """The one width that a layer takes whatever it is built with; None where it takes others.

    As a norm has that was taken out of a network, or whose SPEC names its width.
    """
    sizes, others = (_sizes(build(factory, n * step, (4, 4))) for n in (3, 2))
    if 3 * step in sizes - others:
        return None  # its parameters follow the number of channels
    for width in sorted(_literals(factory) | (sizes & others) - {0, 1}):
        unlike = 3 * step if width != 3 * step else 2 * step
        if _accepts(factory, width) and not _accepts(factory, unlike):
            return OnlyWidth(width)
    return None


def _sizes(layer: Any) -> set[int]:
    """The sizes of every dimension of a layer's parameters and buffers."""
    shapes = (tensor.shape for tensor in tensors_of(layer).values())
    return {int(size) for shape in shapes for size in shape}


def _literals(factory: Factory) -> set[int]:
    """Whole numbers from two up that the SPEC's call has among its arguments."""
    call = None if factory.spec is None else factory.spec.call
    nodes = () if call is None else ast.walk(call)
    values = {node.value for node in nodes if isinstance(node, ast.Constant)}
    return {value for value in values if type(value) is int and value > 1}


def _accepts(factory: Factory, channels: int) -> bool:
    """Whether the layer takes maps, or vectors, of so many channels."""
    for rank in (2, 1, 0, 3):
        try:
            layer = build(factory, channels, (5, 4, 2)[:rank])
            call = getattr(layer, "condition", layer)
            values = ordinary(rank, OnlyWidth(channels)).build(torch.float32).context
            with calling("condition"), torch.no_grad():
                call(values)
        except SubjectRaised as raised:
            if isinstance(raised.error, TimeoutError | SystemExit):
                return True  # it would hang or exit at every other rank: laws say so
            continue
        return True
    return False
