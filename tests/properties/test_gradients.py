"""Laws of the family `gradients`, beyond what test_families asks of all."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
import trials

from tnverify.contract import SaysNothing, Violation
from tnverify.engine.evaluate import evaluate
from tnverify.faults.gradients import AveragedWeightGradient, DetachedContextMoments
from tnverify.faults.plain import PlainNorm
from tnverify.plans import Plan
from tnverify.power.sound.surrounded import MedianCentred
from tnverify.properties import calls, gradients
from tnverify.properties.slopes import expect_slope
from tnverify.subjects import SubjectProber
from tnverify.subjects.adapters.no_context import NoContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from tnverify.catalogue import Law

LAWS = [law for law in gradients.LAWS if not law.thorough_only]


def _slope(slope: float, function: Callable[[float], float], *, rounding: float = 1e-15) -> None:
    def terms(step: float) -> Tensor:
        return torch.tensor([function(step)], dtype=torch.float64)

    expect_slope(slope, terms, step=2.0**-13, rounding=rounding, what="the slope")


def test_a_slope_that_is_off_by_a_millionth_is_seen() -> None:
    _slope(math.cos(0.5), lambda step: math.sin(0.5 + step))
    with pytest.raises(Violation, match="the slope"):
        _slope(math.cos(0.5) * (1 + 1e-6), lambda step: math.sin(0.5 + step))


def test_a_slope_that_is_not_a_number_is_seen() -> None:
    with pytest.raises(Violation):
        _slope(math.nan, math.sin)


def test_a_curve_too_sharp_for_the_step_says_nothing() -> None:
    with pytest.raises(SaysNothing):
        _slope(1e6, lambda step: step / math.sqrt(step**2 + 1e-12))


def test_rounding_that_is_declared_is_allowed_for() -> None:
    _slope(1.0 + 1e-8, math.sin, rounding=1e-12)
    with pytest.raises(Violation):
        _slope(1.0 + 1e-8, math.sin, rounding=1e-18)


class OfMedians(torch.nn.Module):
    """Has two equal one-sided slopes, and no derivative, where all values are the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(2)
        middle = flat.median(2, keepdim=True).values
        spread = (flat - middle).abs().median(2, keepdim=True).values
        return ((flat - middle) / (spread + 1e-3)).view_as(x)


def test_ties_under_a_median_say_nothing() -> None:
    law = gradients.first_order_gradients_are_right
    tried = trials.try_law(law, trials.subject_of(OfMedians, "inductive"), tasks=40)
    assert tried.counted > 10
    assert tried.failures == []


class DetachedAndWrong(DetachedContextMoments, AveragedWeightGradient):
    """Its moments are detached, which may be declared; its weight's gradient is wrong."""


def test_detached_moments_may_be_declared_and_excuse_nothing_else() -> None:
    detached = trials.subject_of(DetachedContextMoments, "meta_bn,detached")
    wrong = trials.subject_of(DetachedAndWrong, "meta_bn,detached")
    law = gradients.first_order_gradients_are_right
    assert trials.try_law(law, detached, tasks=8).failures == []
    assert trials.try_law(law, wrong, tasks=8).failures
    reached = gradients.the_target_loss_reaches_the_context
    assert "detached" in str(trials.try_law(reached, detached, tasks=1).not_claimed)


def test_second_order_is_not_asked_of_a_first_order_layer() -> None:
    subject = trials.subject_of(PlainNorm, "meta_bn,first_order")
    tried = trials.try_law(gradients.second_order_gradients_are_right, subject, tasks=1)
    assert "first_order" in str(tried.not_claimed)


class Float32Inside(PlainNorm):
    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        outputs, state = super().condition(context.float())
        return outputs.to(context.dtype), state

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        return super().normalize(targets.float(), state).to(targets.dtype)


def test_float32_inside_is_right_where_it_is_declared() -> None:
    declared = trials.subject_of(Float32Inside, "meta_bn,float32")
    for law in LAWS:
        assert trials.try_law(law, declared, tasks=8).failures == [], law.name
    silent = trials.subject_of(Float32Inside, "meta_bn")
    assert trials.try_law(gradients.first_order_gradients_are_right, silent, tasks=8).failures


class Rectified(PlainNorm):
    def affine(self, y: Tensor) -> Tensor:
        return torch.relu(super().affine(y))


class WrongWhereRectified(Rectified, AveragedWeightGradient):
    """A kink, and a gradient by the weight that is wrong beside it."""


def test_nothing_is_said_of_a_kink_and_what_is_wrong_beside_it_is_seen() -> None:
    law = gradients.first_order_gradients_are_right
    sound = trials.try_law(law, trials.subject_of(Rectified, "inductive"), tasks=24)
    assert sound.failures == []
    assert sound.counted
    assert trials.try_law(
        law, trials.subject_of(WrongWhereRectified, "inductive"), tasks=8
    ).failures


class Rounded(PlainNorm):
    """Rounds to 256 steps and hands gradients straight through, as layers for quantisation do."""

    def affine(self, y: Tensor) -> Tensor:
        wide = super().affine(y)
        return wide + ((wide * 64).round().clamp(-128, 127) / 64 - wide).detach()


class CutOffAndStraightThrough(PlainNorm):
    """Cuts values off, and hands gradients through where they were cut: flat there, and wrong."""

    def affine(self, y: Tensor) -> Tensor:
        wide = super().affine(y)
        return wide + (wide.clamp(-0.5, 0.5) - wide).detach()


@pytest.mark.parametrize(
    "law", [gradients.first_order_gradients_are_right, gradients.second_order_gradients_are_right]
)
def test_outputs_that_are_rounded_to_steps_have_no_slope_to_compare_with(law: Law) -> None:
    rounded = trials.try_law(law, trials.subject_of(Rounded, "inductive"), tasks=16)
    assert rounded.failures == []
    cut_off = trials.subject_of(CutOffAndStraightThrough, "inductive")
    assert trials.try_law(law, cut_off, tasks=16).failures


def test_a_kink_near_the_point_says_nothing() -> None:
    def bent(step: float) -> float:
        return max(0.0, step - 1e-5)

    with pytest.raises(SaysNothing, match=r"sharply|kink"):
        _slope(0.0, bent)
    with pytest.raises(SaysNothing, match=r"sharply|kink"):
        _slope(0.0, lambda step: max(0.0, step))


def test_moments_that_are_cut_off_are_said_to_be() -> None:
    law = gradients.first_order_gradients_are_right
    ended = trials.first_failure(law, trials.subject_of(DetachedContextMoments, "meta_bn"), tasks=8)
    assert ended is not None
    assert ended.symptom == "detached"
    assert "--claims meta_bn,detached" in str(ended.reason)


def test_forward_mode_by_another_rule_is_seen() -> None:
    fault = next(f for f in trials.faults_of("gradients") if f.name == "ForwardModeByHalf")
    law = next(each for each in gradients.LAWS if each.name in fault.kills)
    assert trials.survivors(fault, [law], tasks=2) == []
    assert trials.try_law(law, trials.subject_of(PlainNorm, "meta_bn"), tasks=2).failures == []


def test_where_many_values_tie_under_a_median_there_is_no_gradient_to_be_right() -> None:
    """Its slopes are those of whatever value autograd took for the middle one."""
    subject = trials.subject_of(lambda channels: NoContext(MedianCentred(channels)), "inductive")
    plans = (
        Plan(context=3, targets=4, channels=3, spatial=spatial, profile=profile, seed=seed)
        for spatial, profile in (((4, 2), "two_values"), ((3, 3), "zeros"))
        for seed in range(12)
    )
    law = gradients.first_order_gradients_are_right
    found = {evaluate(law, SubjectProber(subject), plan.build()).ending for plan in plans}
    assert found == {"says_nothing"}


class RootAtZero(torch.nn.Module):
    """Divides by the root of the channels' squares, which has no slope where all are zero."""

    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x / x.square().sum(1, keepdim=True).sqrt().clamp(min=1e-6)


def test_a_root_that_is_taken_of_zero_is_a_finding_of_its_own_and_no_other_laws() -> None:
    subject = trials.subject_of(RootAtZero, "inductive")
    law = gradients.gradients_stay_finite_on_constant_input
    failures = trials.try_law(law, subject, tasks=4).failures
    assert failures
    assert trials.try_law(calls.a_graph_may_be_used_again, subject, tasks=12).failures == []
