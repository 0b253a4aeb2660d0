"""Laws of the family `moments`, beyond what test_families asks of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trials

from tnverify.faults.moments import UnbiasedVariance
from tnverify.properties import moments

if TYPE_CHECKING:
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
