"""Laws of the family `context`, beyond what test_families asks of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trials

from tnverify.contract import parse_claims
from tnverify.engine.evaluate import evaluate
from tnverify.faults.plain import PlainNorm, PlainPixelNorm, PlainTaskNorm, State
from tnverify.plans import Plan
from tnverify.properties import context, context_claims
from tnverify.subjects import SubjectProber

if TYPE_CHECKING:
    from torch import Tensor


READING = (
    context.every_context_item_counts,
    context.the_context_is_used,
    context.a_poisoned_context_shows,
    context_claims.context_outputs_read_the_other_context_items,
)


HIDING = {
    "alpha of nearly zero": Plan(alpha_offset=-40.0),
    "alpha of nearly one": Plan(alpha_offset=40.0),
    "weight zero": Plan(weight=(0.0,)),
    "constant values": Plan(profile="zeros"),
    "equal items": Plan(profile="duplicates"),
    "a large mean": Plan(offset=1000.0, profile="normal"),
    "tiny values": Plan(exponent=-40),
}


@pytest.mark.parametrize("hiding", HIDING)
@pytest.mark.parametrize("layer", ["PlainTaskNorm", "PlainNorm", "norms: reptile_norm"])
def test_reading_shows_where_a_plain_comparison_would_hide_it(hiding: str, layer: str) -> None:
    plan = HIDING[hiding].as_json() | {"context": 3, "targets": 3, "channels": 2, "spatial": [2, 2]}
    subject = trials.sound(layer)
    for law in READING:
        for lane in subject.lanes:
            task = Plan.from_json(plan).build(subject.dtype(lane))
            ended = evaluate(law, SubjectProber(subject), task)
            assert ended.ending == "held", f"{law.name}: {ended.reason}"


class RefusesNaN(PlainNorm):
    def summarize(self, context: Tensor) -> State:
        if context.isnan().any():
            raise ValueError("the context holds NaN")
        return super().summarize(context)


def test_refusing_a_poisoned_context_aloud_is_showing_it() -> None:
    task = Plan(context=3, targets=2, channels=2, spatial=(2, 2)).build()
    prober = SubjectProber(trials.subject_of(RefusesNaN, "meta_bn"))
    assert evaluate(context.a_poisoned_context_shows, prober, task).ending == "held"


REFUSALS = {
    "names the context": (RuntimeError("no context yet: call condition(context)"), "held"),
    "names the support set": (ValueError("call train() on the support set first"), "held"),
    "an attribute of None": (
        AttributeError("'NoneType' object has no attribute 'mean'"),
        "violated",
    ),
    "an attribute by chance": (AttributeError("no attribute 'context_mean'"), "violated"),
    "says nothing of it": (RuntimeError("shape mismatch"), "violated"),
    "an empty message": (RuntimeError(), "violated"),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_is_held_to_name_what_is_missing(refusal: str) -> None:
    error, ending = REFUSALS[refusal]

    class Refuses(PlainNorm):
        def normalize(self, targets: Tensor, state: object) -> Tensor:
            if state is None:
                raise error
            return super().normalize(targets, state)  # type: ignore[arg-type]  # State

    task = Plan(context=2, targets=2, channels=2, spatial=(2, 2)).build()
    prober = SubjectProber(trials.subject_of(Refuses, "meta_bn"))
    must = evaluate(context.a_target_before_any_context_is_refused, prober, task)
    assert must.ending == "held"
    should = evaluate(context.a_refusal_before_any_context_says_why, prober, task)
    assert should.ending == ending


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ("inductive", "without a formula"),
        ("instance_norm", "does not read the context"),
        ("reptile_norm", "weighs the target"),
        ("tasknorm_i,unbiased", "unbiased"),
    ],
)
def test_copies_of_a_context_are_not_claimed_where_they_count(claims: str, reason: str) -> None:
    found = context.copying_the_context_leaves_target_outputs.claimed(parse_claims(claims))
    assert found is not None
    assert reason in found


def test_copies_are_not_claimed_where_alpha_cannot_be_held_fixed() -> None:
    class HidesItsAlpha(PlainTaskNorm):
        def __init__(self, channels: int) -> None:
            super().__init__(channels)
            self.hidden = (self.scale, self.offset)
            del self.scale, self.offset

        def alpha(self, size: int) -> Tensor:
            return super().alpha(size) if hasattr(self, "scale") else self.hidden[0].sigmoid()

    tried = trials.try_law(
        context.copying_the_context_leaves_target_outputs,
        trials.subject_of(HidesItsAlpha, "tasknorm_i"),
        tasks=2,
    )
    assert tried.not_claimed == "alpha cannot be held fixed: the layer has no handle on it"


def test_a_layer_without_meta_training_is_not_asked_about_its_past() -> None:
    tried = trials.try_law(
        context_claims.an_unread_past_is_ignored, trials.sound("PlainNorm"), tasks=2
    )
    assert "no meta-training step" in str(tried.not_claimed)


@pytest.mark.parametrize("claims", ["per_pixel_layer_norm", "inductive"])
def test_one_channel_may_be_its_own_mean(claims: str) -> None:
    """Over the channels of a pixel, one value is its own mean: its output is the bias."""
    task = Plan(context=3, targets=2, channels=1, spatial=(3, 4), profile="normal").build()
    prober = SubjectProber(trials.subject_of(PlainPixelNorm, claims))
    law = context_claims.an_output_depends_on_its_own_input
    assert evaluate(law, prober, task).ending == "says_nothing"
