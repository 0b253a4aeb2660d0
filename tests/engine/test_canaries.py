"""A suite is awake where each of its families notices a layer that is known to be bad."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from makeshift import law_of

from tnverify.catalogue import Catalogue, load_catalogue
from tnverify.contract import Violation
from tnverify.engine import canaries
from tnverify.engine.canaries import asleep
from tnverify.faults import FAMILIES, Fault, faults_of
from tnverify.faults.plain import PlainNorm
from tnverify.plans import Plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from tnverify.catalogue import Law
    from tnverify.contract import Prober, Task

PLANS = [Plan(context=n, targets=2, channels=2, profile="normal") for n in (1, 2, 3)]
CANARY = Fault("a_bad_one", "moments", PlainNorm, "meta_bn", ("notices",), "a test", canary=True)
TAME = Fault("another_one", "moments", PlainNorm, "meta_bn", ("notices_too",), "a test")


def law_that(fails: Callable[[Task], bool], name: str = "notices", family: str = "moments") -> Law:
    def check(norm: Prober, task: Task) -> None:
        norm.run(task)
        if fails(task):
            raise Violation("bad")

    check.__name__ = name
    return law_of(check, family=family)


@pytest.fixture
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two faults in the family `moments`, one of them its canary; none in the others."""
    planted = {"moments": (TAME, CANARY)}
    monkeypatch.setattr(canaries, "faults_of", lambda family: planted.get(family, ()))


def test_the_suite_as_it_is_shipped_is_awake() -> None:
    catalogue = load_catalogue()
    assert set(catalogue.families) <= set(FAMILIES)
    plans = [Plan(context=3, targets=3, channels=2, spatial=(2, 2), profile="normal", past=1)]
    assert asleep(catalogue.select(["transductivity", "context"]), plans) == []


def test_the_shipped_suite_without_eyes_sleeps() -> None:
    """The laws of each canary's family, none of which looks at anything."""
    laws = [
        law_that(lambda task: False, kill, family)
        for family in ("transductivity", "context")
        for fault in faults_of(family)
        if fault.canary
        for kill in fault.kills[:1]
    ]
    assert asleep(Catalogue(tuple(laws)), PLANS) == ["transductivity", "context"]


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.usefixtures("_planted")
def test_one_task_on_which_the_canary_is_caught_is_enough(at: int) -> None:
    asked: list[Task] = []
    law = law_that(lambda task: asked.append(task) is None and len(task.context) == at)
    assert asleep(Catalogue((law,)), PLANS) == []
    assert [len(task.context) for task in asked] == list(range(1, at + 1))
    assert {task.dtype for task in asked} == {torch.float64}


class Narrow(PlainNorm):
    """Does not compute in float64."""

    def widened(self, x: Tensor) -> Tensor:
        if x.dtype is torch.float64:
            raise TypeError("float32 only")
        return super().widened(x)


def test_a_canary_without_float64_is_asked_in_its_own_dtype(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    narrow = Fault("n", "moments", Narrow, "meta_bn", ("notices",), "a test", canary=True)
    monkeypatch.setattr(canaries, "faults_of", lambda family: (narrow,))
    asked: list[Task] = []
    law = law_that(lambda task: asked.append(task) is not None)
    assert asleep(Catalogue((law,)), PLANS) == ["moments"]
    assert [task.dtype for task in asked] == [torch.float32] * 3


def test_one_law_that_catches_it_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    two = Fault("b", "moments", PlainNorm, "meta_bn", ("blind", "notices"), "a test", canary=True)
    monkeypatch.setattr(canaries, "faults_of", lambda family: (two,))
    laws = (law_that(lambda task: False, "blind"), law_that(lambda task: True))
    assert asleep(Catalogue(laws), PLANS) == []


@pytest.mark.usefixtures("_planted")
def test_a_canary_that_nobody_catches_means_sleep() -> None:
    assert asleep(Catalogue((law_that(lambda task: False),)), PLANS) == ["moments"]
    assert asleep(Catalogue((law_that(lambda task: True),)), []) == ["moments"]


@pytest.mark.usefixtures("_planted")
def test_a_law_that_says_nothing_of_the_canary_has_not_caught_it() -> None:
    law = law_of(lambda norm, task: norm.fresh(task).parameter("scale"), family="moments")
    renamed = Catalogue((law_that(lambda task: False), law))
    assert asleep(renamed, PLANS) == ["moments"]


@pytest.mark.usefixtures("_planted")
def test_only_laws_that_should_notice_the_canary_are_asked() -> None:
    """Not those of its family that other layers are for, nor those of other families."""
    asked: list[str] = []
    laws = (
        law_that(lambda task: False),
        law_that(lambda task: asked.append("its family") is None, "notices_something_else"),
        law_that(lambda task: asked.append("another") is None, "notices_too", "a_third_partys"),
    )
    assert asleep(Catalogue(laws), PLANS) == ["moments"]
    assert asked == []


@pytest.mark.usefixtures("_planted")
def test_a_law_of_the_name_in_another_family_wakes_nobody() -> None:
    law = law_that(lambda task: True, family="a_third_partys")
    other = law_that(lambda task: False, "notices_something_else")
    assert asleep(Catalogue((law, other)), PLANS) == []


@pytest.mark.usefixtures("_planted")
def test_where_no_law_is_left_that_should_notice_it_nobody_sleeps() -> None:
    """`--only` and `--skip` leave some laws of a family out."""
    assert asleep(Catalogue((law_that(lambda task: False, "another_law"),)), PLANS) == []


@pytest.mark.usefixtures("_planted")
def test_a_family_of_ours_without_a_canary_sleeps_and_a_third_partys_is_its_own() -> None:
    laws = (
        law_that(lambda task: True),
        law_that(lambda task: True, "one", "state"),
        law_that(lambda task: True, "two", "a_third_partys"),
    )
    assert asleep(Catalogue(laws), PLANS) == ["state"]
