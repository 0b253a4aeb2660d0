"""Equal starting values: every instance of a subject begins with the same parameters and buffers.

Laws compare fresh instances. Two draws of randomly initialised weights would differ for no fault
of the layer's, so the global generators are put to one state before every construction (and, for
a layer that makes parameters when it is first called, before its first call). A constructor that
draws from elsewhere is given the values of the first instance.
"""

from __future__ import annotations

import random
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import is_lazy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

SEED = 0


def seed_generators() -> None:
    """Put the global generators of torch, NumPy and Python to one state, always the same.

    `torch.manual_seed` does the same to torch in a hundred times the time.
    """
    torch.default_generator.manual_seed(SEED)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # torch types it not
        torch.cuda.manual_seed_all(SEED)
    random.seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002 - layers draw from the global one


@contextmanager
def kept_generators() -> Iterator[None]:
    """Give the caller's global generators their state back at the end."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - the global one
    generator = torch.default_generator.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002 - as above
        torch.default_generator.set_state(generator)


def tensors_of(layer: Any) -> dict[str, Tensor]:
    """Return parameters and buffers of a module, or the tensors among an object's attributes.

    Parameters that a lazy layer has not made yet are left out.
    """
    if isinstance(layer, torch.nn.Module):
        found: dict[str, Any] = dict(layer.named_parameters())
        found.update(layer.named_buffers())
    else:
        attributes: dict[str, Any] = getattr(layer, "__dict__", {})
        found = {n: value for n, value in attributes.items() if isinstance(value, torch.Tensor)}
    return {name: value for name, value in found.items() if not is_lazy(value)}


def same_values(first: Any, second: Any) -> bool:
    """Whether two layers hold the same tensors, bit for bit; NaN equals NaN."""
    mine, other = tensors_of(first), tensors_of(second)
    return mine.keys() == other.keys() and all(
        value.shape == other[name].shape
        and torch.equal(_comparable(value), _comparable(other[name]))
        for name, value in mine.items()
    )


def _comparable(value: Tensor) -> Tensor:
    return value.detach().nan_to_num(nan=0.125) if value.is_floating_point() else value.detach()


def makes_parameters_when_called(layer: Any, called: Any) -> bool:
    """Whether `called`, a like layer that has been called, holds parameters that `layer` lacks."""
    if not isinstance(layer, torch.nn.Module) or not isinstance(called, torch.nn.Module):
        return False
    before = tensors_of(layer)
    return any(name not in before for name, _ in called.named_parameters())


@dataclass(slots=True)
class FirstInstances:
    """Starting values of first instances, for constructors that draw unseeded numbers.

    Values are kept by number of channels, name and shape.
    """

    _kept: dict[tuple[int, str, torch.Size], Tensor] = field(default_factory=dict)

    def give(self, layer: Any, channels: int) -> None:
        """Keep the values that are met first; give them to every later layer."""
        with torch.no_grad():
            for name, value in tensors_of(layer).items():
                key = (channels, name, value.shape)
                if key in self._kept:
                    value.copy_(self._kept[key])
                else:
                    self._kept[key] = value.detach().clone()


def uninitialised(layer: Any) -> frozenset[str]:
    """Names of parameters and buffers that a lazy module has declared and not made yet."""
    if not isinstance(layer, torch.nn.Module):
        return frozenset()
    declared = (*layer.named_parameters(), *layer.named_buffers())
    return frozenset(name for name, value in declared if is_lazy(value))


def initialise(layer: torch.nn.Module, called: torch.nn.Module) -> None:
    """Make what `layer` has declared and not made, with the values of a like layer that was called.

    Running moments, which the call may have moved, begin at their initial values.
    """
    missing = uninitialised(layer)
    values = {name: value for name, value in called.state_dict().items() if name in missing}
    layer.load_state_dict(values, strict=False)
    for part, other in zip(layer.modules(), called.modules(), strict=False):
        if isinstance(part, LazyModuleMixin):
            # What torch's lazy layers note beside their parameters, such as num_features.
            sizes = {n: v for n, v in vars(other).items() if type(v) is int and n in vars(part)}
            vars(part).update(sizes)
    for part in layer.modules():
        reset = getattr(part, "reset_running_stats", None)
        if callable(reset):
            reset()
