"""What the tests of the reference layers share: checking a layer against the oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from tnverify import oracle
from tnverify.norms.running import RunningLayer
from tnverify.tolerances import expect_close
from tnverify.tolerances.bound import rounding_bound, unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from tnverify.norms import Layer


def _double(values: Tensor | None) -> object:
    return None if values is None else values.detach().double().numpy()


def expected(layer: Layer, context: Tensor, targets: Tensor) -> oracle.Answer:
    """The oracle's answer for the layer as it stands, at meta-test."""
    running = alpha = None
    if isinstance(layer, RunningLayer):
        running = oracle.Moments(_double(layer.running_mean), _double(layer.running_var))
    scale, offset, free = (getattr(layer, name, None) for name in ("scale", "offset", "alpha"))
    if scale is not None:
        alpha = oracle.alpha_of(_double(scale), _double(offset), len(context))
    elif free is not None:
        alpha = _double(free)
    return oracle.answer(
        layer.scheme,
        _double(context),
        _double(targets),
        weight=_double(layer.weight),
        bias=_double(layer.bias),
        eps=layer.eps,
        variance="unbiased" if layer.unbiased else "biased",
        alpha=alpha,
        running=running,
        groups=getattr(layer, "num_groups", None),
    )


def check(layer: Layer, context: Tensor, targets: Tensor) -> None:
    """Context and target outputs are the oracle's, within what rounding explains."""
    outputs, state = layer.condition(context)
    came = (outputs, layer.normalize(targets, state))
    half = context.dtype.itemsize < 4
    computed_in = torch.float32 if half else context.dtype
    for what, actual, answer in zip(
        ("context", "targets"), came, expected(layer, context, targets), strict=True
    ):
        assert actual.dtype == context.dtype
        bound = rounding_bound(
            answer,
            weight=_double(layer.weight),
            bias=_double(layer.bias),
            unit=unit(computed_in),
            storage_unit=unit(context.dtype) if half else 0.0,
            scale=_largest(layer, "scale"),
            offset=_largest(layer, "offset"),
            size=len(context),
        )
        expect_close(
            actual.detach(),
            torch.from_numpy(answer.outputs),
            torch.from_numpy(bound),
            f"{type(layer).__name__}, {what} of shape {tuple(actual.shape)}",
        )


def _largest(layer: Layer, name: str) -> float:
    values = getattr(layer, name, None)
    return 0.0 if values is None else float(values.detach().abs().max())


@pytest.fixture
def agrees_with_the_oracle() -> Callable[[Layer, Tensor, Tensor], None]:
    return check
