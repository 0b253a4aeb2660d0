"""Laws of the family `numerics`: sound layers keep them, each planted fault breaks its own."""

from __future__ import annotations

import pytest
import torch
import trials
from torch import Tensor

from tnverify.faults.plain import PlainNorm
from tnverify.properties import layouts, numerics

LAWS = [law for law in numerics.LAWS if not law.thorough_only]
HERE = [law for law in LAWS if law.name != "cpu_and_cuda_agree" or torch.cuda.is_available()]


@pytest.mark.parametrize("layer", trials.SOUND)
def test_sound_layers_keep_the_laws(layer: str) -> None:
    subject = trials.sound(layer)
    for law in LAWS:
        tried = trials.try_law(law, subject, tasks=8)
        assert tried.failures == [], law.name
        assert tried.counted or tried.not_claimed, f"{law.name} said nothing on every task"


@pytest.mark.parametrize("fault", trials.faults_of("numerics"), ids=lambda fault: fault.name)
def test_a_planted_fault_breaks_its_laws(fault: trials.Fault) -> None:
    assert trials.survivors(fault, HERE, tasks=40) == []


def test_every_law_has_a_planted_fault() -> None:
    killed = {name for fault in trials.faults_of("numerics") for name in fault.kills}
    assert {law.name for law in numerics.LAWS} <= killed


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
