"""Planted faults and sound layers before the laws, for real."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial

import pytest
from makeshift import devices_built_on
from samples import each as sampled

from tnverify.catalogue import load_catalogue
from tnverify.engine.profiles import PROFILES, Profile
from tnverify.faults import Fault, all_faults, faults_of
from tnverify.faults.plain import PlainNorm
from tnverify.power import jobs
from tnverify.power import replay as replaying
from tnverify.power.census import Census, take
from tnverify.power.reach import out_of_reach, why_not_asked
from tnverify.power.replay import replay
from tnverify.subjects.resolve import from_fault

QUICK, DEFAULT = PROFILES["quick"], PROFILES["default"]
FEW = Profile("few", tasks=6, corpus=8, native_every=3)
(FLOW,) = (each for each in faults_of("transductivity") if each.name == "MomentsOfTheTargets")


def named(name: str) -> Fault:
    return next(fault for fault in all_faults() if fault.name == name)


def planted(kills: tuple[str, ...]) -> Fault:
    """A sound layer that is said to be a fault."""
    return Fault("Sound", "moments", PlainNorm, "meta_bn", kills, "made for a test")


def test_a_fault_is_killed_by_its_laws_and_by_others() -> None:
    row = replay(FLOW, 0, FEW)
    assert set(FLOW.kills) <= {kill.law for kill in row.kills}
    assert row.missed == ()
    assert row.out_of_reach is None
    assert all(kill.counted <= kill.task <= FEW.corpus for kill in row.kills)


def test_a_sound_layer_survives_and_its_laws_are_said_to_have_missed_it() -> None:
    row = replay(planted(("outputs_agree_with_the_formula",)), 0, FEW)
    assert row.kills == ()
    assert row.survives
    assert row.missed == ("outputs_agree_with_the_formula",)


def test_a_layer_whose_laws_are_never_asked_is_out_of_reach() -> None:
    row = replay(planted(("torch_compile_agrees_with_eager",)), 0, FEW)
    assert not row.survives
    assert row.missed == ()
    assert row.out_of_reach == "it shows in the profile thorough alone"


def test_one_law_that_is_asked_brings_a_fault_within_reach() -> None:
    catalogue = load_catalogue()
    compiled = catalogue.named("torch_compile_agrees_with_eager")
    formula = catalogue.named("outputs_agree_with_the_formula")
    assert why_not_asked(compiled, DEFAULT)
    assert why_not_asked(compiled, PROFILES["thorough"]) is None
    assert out_of_reach([compiled, formula], DEFAULT) is None
    assert out_of_reach([], DEFAULT) is None


@pytest.mark.parametrize(
    "name", sampled(["RemainderLoop", "SingleItemDetached", "SwappedBlend"], 3)
)
def test_the_first_kill_is_the_earliest_of_the_matrix(name: str) -> None:
    whole = replay(named(name), 1, QUICK).first
    first = replay(named(name), 1, QUICK, first_only=True)
    assert whole is not None
    assert [kill.task for kill in first.kills] == [whole.task]


@pytest.mark.parametrize(
    "name", sampled(["VarianceByDifference", "AlphaSnapsToOne", "SubsampledStatistics"], 3)
)
def test_a_matrix_tells_what_a_smaller_profile_finds(name: str) -> None:
    whole = replay(named(name), 0, QUICK)
    assert whole.kills
    assert whole.under(FEW).kills == replay(named(name), 0, FEW).kills


def test_processes_change_nothing() -> None:
    faults = faults_of("moments")[:3]
    here, there = (take(faults, QUICK, [3], jobs=number, matrix=False) for number in (1, 2))

    def timeless(census: Census) -> list[object]:
        return [replace(row, seconds=0.0) for row in census.rows]

    assert timeless(here) == timeless(there)
    assert len(here.rows) == 3


def test_faults_are_replayed_on_the_device_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """No machine has a second device for sure: what is built for one is built beside it."""
    subject = from_fault(FLOW, "cpu:0")
    named: list[str] = []
    monkeypatch.setattr(replaying, "from_fault", lambda _, device: named.append(device) or subject)
    devices = devices_built_on(monkeypatch)
    found = take([FLOW], QUICK, [0], device="cpu:0", matrix=False)
    assert (found.device, found.survivors) == ("cpu:0", ())
    assert named == ["cpu:0"]
    assert devices == {"cpu:0"}


def test_the_first_seed_alone_has_the_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROFILES, FEW.name, FEW)
    census = take(faults_of("task_isolation")[:1], FEW, [0, 1])
    assert [row.first_only for row in census.rows] == [False, True]
    assert len(census.matrix) == 1


def test_ctrl_c_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    faults = faults_of("task_isolation")[:3]

    def stopped(calls: list[partial[object]], jobs: int) -> object:
        yield calls[0]()
        raise KeyboardInterrupt

    monkeypatch.setattr("tnverify.power.census.done_in_order", stopped)
    census = take(faults, QUICK, [0, 1], matrix=False)
    assert census.interrupted
    assert [row.name for row in census.rows] == [faults[0].name]


def test_answers_come_in_the_order_of_the_calls() -> None:
    calls = [partial(divmod, number, 3) for number in range(7)]
    assert list(jobs.done_in_order(calls, 1)) == [divmod(number, 3) for number in range(7)]


def test_more_than_one_job_means_other_processes() -> None:
    found = set(jobs.done_in_order([os.getpid] * 3, 2))
    assert os.getpid() not in found


def test_what_a_call_raises_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        list(jobs.done_in_order([partial(divmod, 1, 0)] * 2, 2))
