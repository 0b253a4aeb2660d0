"""Laws of the family `moments`, beyond what test_families asks of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
import trials

from tnverify.faults.moments import UnbiasedVariance
from tnverify.properties import moments

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.catalogue import Law

LAWS = [law for law in moments.LAWS if not law.thorough_only]


def test_the_other_variance_convention_is_right_where_it_is_declared() -> None:
    subject = trials.subject_of(UnbiasedVariance, "meta_bn,unbiased")
    for law in LAWS:
        tried = trials.try_law(law, subject, tasks=8)
        assert tried.failures == [], law.name
        assert tried.counted, law.name


@pytest.mark.parametrize(
    ("layer", "law"),
    [
        ("PlainTaskNorm", moments.outputs_have_zero_mean_and_the_right_variance),
        ("PlainTaskNorm, inductive", moments.outputs_agree_with_the_formula),
        ("PlainTaskNormL", moments.channels_do_not_mix),
        ("norms: conventional_bn", moments.scaling_and_shifting_a_channel_cancels),
        ("norms: none", moments.eps_is_inside_the_root),
    ],
)
def test_a_law_is_not_claimed_where_the_scheme_does_not_promise_it(layer: str, law: Law) -> None:
    assert trials.try_law(law, trials.sound(layer), tasks=1).not_claimed


class GatedInSpace(torch.nn.Module):
    """Instance norm, and a gate from a convolution over it: all the same where all values are."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = torch.nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.nn.functional.instance_norm(x) if x[0, 0].numel() > 1 else 0 * x
        return y * self.gate(torch.cat([y.amax(1, True), y.mean(1, True)], 1)).sigmoid()


class MomentsOfRows(torch.nn.Module):
    """Takes moments over the last dimension, as of tokens, and so of the rows of a map."""

    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        var, mean = torch.var_mean(x, -1, correction=0, keepdim=True)
        return (x - mean) / (var + 1e-5).sqrt()


def test_a_gate_that_looks_at_neighbours_is_not_asked_about_shuffled_pixels() -> None:
    law = moments.shuffling_pixels_shuffles_outputs
    gated = trials.subject_of(GatedInSpace, "inductive")
    assert "convolution" in str(trials.try_law(law, gated, tasks=8).not_claimed)
    assert trials.try_law(law, trials.subject_of(MomentsOfRows, "inductive"), tasks=8).failures
