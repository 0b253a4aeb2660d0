"""The zoo itself: it dies in every profile, soon, and a good part of it is hard."""

from __future__ import annotations

import statistics

import pytest

from tnverify.catalogue import load_catalogue
from tnverify.engine.profiles import PROFILES
from tnverify.faults import FAMILIES, all_faults, faults_of
from tnverify.power.hardness import TASKS, shown_by
from tnverify.power.reach import out_of_reach
from tnverify.power.replay import kills_of
from tnverify.subjects.resolve import from_fault


def test_there_are_enough_faults_and_a_third_of_them_is_hard() -> None:
    faults = all_faults()
    assert len(faults) >= 90
    assert 3 * sum(fault.hard for fault in faults) >= len(faults)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_fault_dies(family: str) -> None:
    """Of the laws that it names, within the budget of the profile default; soon, and nearly all
    within quick's."""
    quick, default = PROFILES["quick"], PROFILES["default"]
    first = []
    for fault in faults_of(family):
        named = [load_catalogue().named(name) for name in fault.kills]
        if out_of_reach(named, default) is None:
            kills = kills_of(from_fault(fault), named, 0, default, first_only=True)
            assert kills, fault.name
            first.append(kills[0])
    assert statistics.median(kill.counted for kill in first) <= 5
    # A smaller profile begins with the same tasks, and has the same wide ones at its end.
    soon = [kill for kill in first if kill.within(quick) or kill.task > default.corpus]
    assert len(soon) >= 0.9 * len(first)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_no_hard_fault_is_shown_by_ten_random_tasks(family: str) -> None:
    shown = {fault.name: shown_by(fault) for fault in faults_of(family) if fault.hard}
    assert {name for name, tasks in shown.items() if tasks} == set()


def test_a_fault_that_every_task_shows_is_shown_by_ten() -> None:
    blunt = next(fault for fault in faults_of("moments") if fault.name == "UnbiasedVariance")
    assert shown_by(blunt) == TASKS
