"""Laws of the family `numerics`, beyond what test_families asks of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import trials

from tnverify.faults.plain import PlainNorm
from tnverify.properties import layouts, numerics

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def layer(forward: Callable[[Tensor], Tensor]) -> Callable[[int], torch.nn.Module]:
    """A class of layers without parameters that do this."""

    class Layer(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return forward(x)

    return lambda _channels: Layer()


def gated(x: Tensor) -> Tensor:
    return x * torch.sigmoid(0.3 * torch.nn.functional.instance_norm(x))


def residual(x: Tensor) -> Tensor:
    return x - 0.9 * torch.nn.functional.instance_norm(x)


def moments_in_half(x: Tensor) -> Tensor:
    dims = (2, 3)
    mean, var = x.mean(dims, keepdim=True), x.var(dims, correction=0, keepdim=True)
    return torch.relu((x - mean) / (var + 1e-5).sqrt())


class RefusesHalf(PlainNorm):
    def widened(self, x: Tensor) -> Tensor:
        if x.dtype.itemsize < 4:
            raise TypeError("no half precision, please")
        return x


class PromotesHalf(PlainNorm):
    """Outputs of half-precision input stay float32, which is no loss of precision."""

    def stored(self, outputs: Tensor, given: Tensor) -> Tensor:
        return outputs


def test_a_layer_that_refuses_half_precision_promises_nothing() -> None:
    law = numerics.half_precision_input_keeps_float32_moments
    tried = trials.try_law(law, trials.subject_of(RefusesHalf, "meta_bn"), tasks=6)
    assert (tried.counted, tried.failures) == (0, [])


def test_a_wider_answer_on_half_precision_input_is_no_violation() -> None:
    law = numerics.half_precision_input_keeps_float32_moments
    tried = trials.try_law(law, trials.subject_of(PromotesHalf, "meta_bn"), tasks=6)
    assert tried.counted
    assert tried.failures == []


def test_lost_precision_on_channels_last_input_is_no_wrong_layout() -> None:
    """As torch's own group norm is on CPU: right near zero, and imprecise far from it."""
    (fault,) = (f for f in trials.faults_of("numerics") if f.name == "ChannelsLastByDifference")
    subject = trials.from_fault(fault)
    tried = trials.try_law(layouts.channels_last_input_gives_the_same, subject, tasks=12)
    assert tried.counted
    assert tried.failures == []


def test_layers_that_carry_their_input_on_lose_digits_of_it_whatever_their_moments_are() -> None:
    law = numerics.half_precision_input_keeps_float32_moments
    for forward in (gated, residual):
        tried = trials.try_law(law, trials.subject_of(layer(forward), "inductive"), tasks=12)
        assert tried.failures == [], forward.__name__
        assert tried.not_claimed is not None
    tried = trials.try_law(law, trials.subject_of(layer(moments_in_half), "inductive"), tasks=12)
    assert tried.failures
