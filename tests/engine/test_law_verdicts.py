"""What a law saw, as a verdict: every field of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch
from makeshift import law_of

from tnverify.contract import Task
from tnverify.engine.evaluate import Evaluation
from tnverify.engine.failures import Smallest
from tnverify.engine.results import Counterexample, LawVerdict
from tnverify.engine.trial import LaneRecord, LawRecord
from tnverify.engine.verdicts import law_verdict, subject_verdict
from tnverify.plans import Plan


def some_law(norm: object, task: object) -> None:
    """It is not asked."""


LAW = law_of(some_law, family="transductivity")  # type: ignore[arg-type]  # it is not asked
FIRST = Evaluation(
    "violated", "as seen first", "flow", "[1]", "[2]", margin=4.0, exact=False, seconds=0.5
)
AGAIN = Evaluation("violated", "as seen again", "value", "[0]", "[3]", margin=8.0)
EXAMPLE = Counterexample({}, [[1.0]], [[2.0]])


def record(
    float64: LaneRecord | None = None, native: LaneRecord | None = None, **more: object
) -> LawRecord:
    lanes = {"float64": float64 or LaneRecord(), "native": native or LaneRecord()}
    return LawRecord(LAW, lanes, **more)  # type: ignore[arg-type]  # fields by name


def failed(ended: Evaluation = FIRST, lane: str = "float64") -> LawRecord:
    return record(
        LaneRecord(2, 3),
        LaneRecord(4, 5),
        failure=(Plan(), lane, ended),
        margin=4.0,
        seconds=1.25,
    )


def test_a_failure_is_told_as_it_was_seen_first() -> None:
    assert law_verdict(failed(), None) == LawVerdict(
        law=LAW,
        outcome="violated",
        reason="as seen first",
        lane="float64",
        examples=6,
        to_detection=8,
        seconds=1.25,
        margin=4.0,
        expected="[1]",
        actual="[2]",
        symptom="flow",
    )


def test_a_failure_that_was_made_small_is_told_as_it_is_there() -> None:
    task = Task(torch.zeros(1, 1), torch.zeros(1, 1))
    verdict = law_verdict(failed(lane="native"), Smallest(AGAIN, EXAMPLE, task, "native"))
    assert verdict == LawVerdict(
        law=LAW,
        outcome="violated",
        reason="as seen again",
        lane="native",
        examples=6,
        to_detection=8,
        seconds=1.25,
        margin=4.0,
        expected="[0]",
        actual="[3]",
        symptom="value",
        counterexample=EXAMPLE,
    )


def test_a_layer_that_broke_at_first_is_broken() -> None:
    assert law_verdict(failed(replace(FIRST, ending="broken")), None).outcome == "broken"


@pytest.mark.parametrize(
    ("lanes", "told"),
    [
        ({"float64": 2, "native": 3}, "both"),
        ({"float64": 2}, "float64"),
        ({"native": 3}, "native"),
    ],
)
def test_a_law_held_in_the_lanes_where_tasks_counted(lanes: dict[str, int], told: str) -> None:
    seen = record(**{lane: LaneRecord(counted, 9) for lane, counted in lanes.items()})
    seen.margin, seen.seconds = 0.25, 1.5
    assert law_verdict(seen, None) == LawVerdict(
        law=LAW,
        outcome="held",
        lane=told,  # type: ignore[arg-type]  # parametrised
        held_as="exact",
        examples=sum(lanes.values()),
        seconds=1.5,
        margin=0.25,
    )
    seen.exact = False
    assert law_verdict(seen, None).held_as == "rounded"


REFUSED = LaneRecord(0, 2, Counter(), ["refuses such tasks: no", "refuses such tasks: nor that"])
NOTHING = LaneRecord(0, 3, Counter({"no targets": 1, "one target": 2}))


@pytest.mark.parametrize(
    ("seen", "outcome", "reason"),
    [
        (record(LaneRecord(2, 2), not_claimed="no scale"), "not_claimed", "no scale"),
        (record(LaneRecord(2, 2), given_up="interrupted"), "inconclusive", "interrupted"),
        (record(not_claimed="no scale", given_up="interrupted"), "not_claimed", "no scale"),
        (record(REFUSED, given_up="interrupted"), "inconclusive", "interrupted"),
        (record(NOTHING, REFUSED), "not_claimed", "refuses such tasks: no"),
        (
            record(LaneRecord(2, 5, refused=["the layer refuses such tasks: odd"] * 3)),
            "not_claimed",
            "the layer refused 3 of 5 tasks: odd",
        ),
        (record(NOTHING), "inconclusive", "no task counted: one target"),
        (
            record(NOTHING, LaneRecord(0, 3, Counter({"no targets": 3}))),
            "inconclusive",
            "no task counted: no targets",
        ),
        (record(), "inconclusive", "no task counted: no task was tried"),
    ],
)
def test_a_law_that_did_not_hold_says_why(seen: LawRecord, outcome: str, reason: str) -> None:
    seen.margin, seen.seconds = 0.25, 1.5
    verdict = law_verdict(seen, None)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)
    assert (verdict.law, verdict.examples, verdict.seconds) == (LAW, seen.counted, 1.5)
    assert (verdict.held_as, verdict.margin) == (None, None)


def of(outcome: str, reason: str | None = None, **more: object) -> LawVerdict:
    return LawVerdict(replace(LAW, **more), outcome, reason)  # type: ignore[arg-type]  # by name


def test_a_subject_that_conforms_or_not_needs_no_reason() -> None:
    assert subject_verdict([of("held")], ()) == ("conforms", None)
    assert subject_verdict([of("broken")], ("moments",)) == ("violates", None)


@pytest.mark.parametrize(
    ("laws", "asleep", "reason"),
    [
        (
            [of("held")],
            ("moments", "state"),
            "the suite did not catch its own known-bad layer of moments, state",
        ),
        (
            [of("held"), *[of("inconclusive", "interrupted", family="state")] * 2],
            (),
            "some_law and 1 more: interrupted",
        ),
        (
            [of("inconclusive", f"reason {n}", name=f"law_{n}") for n in range(2)],
            (),
            "law_0 and 1 more: reason 0",
        ),
        (
            [of("inconclusive", f"reason {n}", name=f"law_{n}") for n in range(3)],
            (),
            "law_0 and 2 more: reason 0",
        ),
        (
            [of("held", family="moments"), of("not_claimed")],
            (),
            "no law of information flow was checked and held",
        ),
        ([], (), "no law was checked and held"),
    ],
)
def test_a_subject_of_which_nothing_can_be_said_has_a_reason(
    laws: list[LawVerdict], asleep: tuple[str, ...], reason: str
) -> None:
    assert subject_verdict(laws, asleep) == ("inconclusive", reason)


@pytest.mark.parametrize("family", ["transductivity", "context", "batch_size", "task_isolation"])
@pytest.mark.parametrize("level", ["must", "should"])
def test_any_law_of_information_flow_that_held_certifies(family: str, level: str) -> None:
    assert subject_verdict([of("held", family=family, level=level)], ())[0] == "conforms"
