"""Of every family: sound layers keep its laws, and each planted fault breaks its own."""

from __future__ import annotations

import pytest
import torch
import trials
from replaying import replay
from samples import each as sampled

from tnverify.faults import Fault, all_faults
from tnverify.properties import LAWS
from tnverify.subjects import from_fault

FAMILIES = tuple(dict.fromkeys(law.family for law in LAWS))

# Those about compilers and devices have tests of their own.
HERE = [
    law
    for law in LAWS
    if not law.thorough_only and (law.name != "cpu_and_cuda_agree" or torch.cuda.is_available())
]

ELSEWHERE = (
    "AnotherPathWhenTraced",
    "CutsMomentsWhenTraced",
    "ReadsDataWhenTraced",
    "HalfOnCuda",
    "ForwardModeByHalf",
    "ReadsItsCount",
)
"""Faults that need a compiler, CUDA or the profile thorough to show."""


@pytest.mark.parametrize("layer", sampled(trials.SOUND, 5))
@pytest.mark.parametrize("family", FAMILIES)
def test_sound_layers_keep_the_laws(family: str, layer: str) -> None:
    laws = [law for law in HERE if law.family == family]
    for record in replay(trials.sound(layer), laws, tasks=8):
        assert record.failure is None, record.law.name
        assert record.counted or record.not_claimed, f"{record.law.name} said nothing on any task"


@pytest.mark.parametrize(
    "fault", sampled(all_faults(), 3), ids=lambda fault: f"{fault.family}-{fault.name}"
)
def test_a_planted_fault_breaks_its_laws(fault: Fault) -> None:
    assert set(fault.kills) <= {law.name for law in LAWS}, "it names a law that is not there"
    laws = [law for law in HERE if law.name in fault.kills]
    assert laws or fault.name in ELSEWHERE, "nothing here is to catch it"
    records = replay(from_fault(fault), laws, tasks=48, wide=True)
    assert [record.law.name for record in records if record.failure is None] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_every_law_has_a_planted_fault_and_one_fault_wakes_the_suite(family: str) -> None:
    own = [fault for fault in all_faults() if fault.family == family]
    killed = {name for fault in all_faults() for name in fault.kills}
    assert {law.name for law in LAWS if law.family == family} <= killed
    assert sum(fault.canary for fault in own) == 1
