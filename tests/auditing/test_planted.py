"""Every planted learner, predictor and evaluation is found by the laws that it names."""

from __future__ import annotations

from collections import Counter

import pytest
from samples import each as sampled

from tnverify.auditing.laws import LAWS
from tnverify.faults.learners import FAMILIES, Planted, all_planted
from tnverify.power.audits import caught

PLANTED = all_planted()


@pytest.mark.parametrize("planted", sampled(PLANTED, 3), ids=lambda planted: planted.name)
def test_is_found_by_the_laws_that_it_names(planted: Planted) -> None:
    found = caught(planted)
    assert found.unusable is None
    assert found.missed == ()


def test_there_are_many_and_half_of_them_are_hard() -> None:
    kinds = Counter(planted.kind for planted in PLANTED)
    assert len(PLANTED) >= 60
    assert sum(planted.hard for planted in PLANTED) >= len(PLANTED) / 2
    assert min(kinds.values()) >= 15
    assert {planted.family for planted in PLANTED} == set(FAMILIES)


def test_every_law_has_something_planted_that_it_finds() -> None:
    named = {law for planted in PLANTED for law in planted.kills}
    assert named == {law.name for law in LAWS}


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_tells_what_is_wrong_and_where_it_was_seen(planted: Planted) -> None:
    assert planted.story
    assert planted.source
