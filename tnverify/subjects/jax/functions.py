"""Pure functions of JAX as functions of torch, differentiable as often as they are there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@dataclass(frozen=True, eq=False)
class JaxFunction:
    """`call(floats, rest)` gives a pair of tuples, the same way around: values that are
    differentiated by the floats, and the rest."""

    call: Callable[[Any, Any], tuple[Any, Any]]

    @cached_property
    def compiled(self) -> Callable[[Any, Any], tuple[Any, Any]]:
        import jax

        return jax.jit(self.call, compiler_options=_QUICK)  # type: ignore[no-any-return]  # untyped

    def values(self, floats: Any, rest: Any) -> tuple[Any, Any]:
        """What the compiled function gives, in float64 where it is given that."""
        import jax

        with jax.enable_x64(True):
            return self.compiled(floats, rest)

    @cached_property
    def pullback(self) -> JaxFunction:
        """From the floats and one cotangent each of the values to one of each of the floats."""
        import jax

        def pulled(floats: Any, rest: Any) -> tuple[Any, Any]:
            count, inner = rest
            given, cotangents = floats[: -len(count)], floats[-len(count) :]
            values, pull = jax.vjp(lambda f: self.call(f, inner)[0], given)
            cast = tuple(c.astype(v.dtype) for c, v in zip(cotangents, values, strict=True))
            return pull(cast)[0], ()

        return JaxFunction(pulled)


_QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""Every shape is compiled and then called a few times: what takes long to find does not pay."""


def through(function: JaxFunction, floats: tuple[Tensor, ...], rest: Any) -> tuple[Any, Any]:
    """Values as tensors in autograd's graph, and the rest as JAX gives it."""
    left: list[Any] = []
    values = _Through.apply(function, rest, left, *floats)  # type: ignore[no-untyped-call]  # torch's
    return values, left[0]


class _Through(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, function: JaxFunction, rest: Any, left: list[Any], *floats: Tensor
    ) -> Any:
        ctx.function, ctx.rest = function, rest
        ctx.save_for_backward(*floats)
        ctx.set_materialize_grads(True)
        values, more = function.values(tuple(to_jax(f) for f in floats), rest)
        left.append(more)
        answers = tuple(to_torch(value, floats[0].device) for value in values)
        ctx.count = tuple(range(len(answers)))
        return answers

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> Any:
        floats = (*ctx.saved_tensors, *cotangents)
        found, _ = through(ctx.function.pullback, floats, (ctx.count, ctx.rest))
        return (None, None, None, *found)


def to_jax(tensor: Tensor) -> Any:
    """The tensor's values as an array that shares no memory with it."""
    tensor = tensor.detach().cpu()
    if tensor.dtype is torch.bfloat16:
        import ml_dtypes

        return tensor.contiguous().view(torch.int16).numpy().copy().view(ml_dtypes.bfloat16)
    return tensor.numpy().copy()


def to_torch(array: Any, device: torch.device | str = "cpu") -> Tensor:
    """An array's values as a tensor of its own."""
    values = np.array(array)
    if values.dtype.name == "bfloat16":
        return torch.from_numpy(values.view(np.int16)).view(torch.bfloat16).to(device)
    return torch.from_numpy(values).to(device)
