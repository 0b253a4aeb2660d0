"""From what laws saw to verdicts, causes and exit codes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from makeshift import law_of

from tnverify.engine.causes import group_causes
from tnverify.engine.evaluate import Evaluation
from tnverify.engine.results import LawVerdict, RunReport, SubjectReport
from tnverify.engine.trial import LaneRecord, LawRecord
from tnverify.engine.verdicts import law_verdict, subject_verdict
from tnverify.plans import Plan

if TYPE_CHECKING:
    from tnverify.catalogue import Law
    from tnverify.engine.results import Outcome, Verdict


def a_law(name: str = "some_law", **declared: object) -> Law:
    def check(norm: object, task: object) -> None:
        return

    check.__name__ = name
    return law_of(check, **declared)  # type: ignore[arg-type]  # never called here


def record(**lanes: LaneRecord) -> LawRecord:
    return LawRecord(a_law(), lanes or {"float64": LaneRecord(counted=3, tried=3)})


def test_a_law_that_counted_and_did_not_fail_held() -> None:
    seen = record(float64=LaneRecord(3, 4), native=LaneRecord(2, 2))
    seen.margin, seen.exact = 0.25, False
    verdict = law_verdict(seen, None)
    assert (verdict.outcome, verdict.examples, verdict.lane) == ("held", 5, "both")
    assert (verdict.held_as, verdict.margin) == ("rounded", 0.25)


def test_a_law_on_which_no_task_counted_is_inconclusive_with_the_reason() -> None:
    nothing = LaneRecord(0, 4, Counter({"only one target": 3, "alpha is saturated": 1}))
    verdict = law_verdict(record(float64=nothing), None)
    assert verdict.outcome == "inconclusive"
    assert "only one target" in str(verdict.reason)


def test_a_law_whose_every_telling_task_is_refused_is_not_claimed() -> None:
    refused = LaneRecord(0, 4, Counter({"no targets": 1}), ["refuses such tasks: ValueError"] * 3)
    verdict = law_verdict(record(float64=refused), None)
    assert verdict.outcome == "not_claimed"
    assert "ValueError" in str(verdict.reason)


def test_some_refusals_do_not_keep_a_law_from_holding() -> None:
    seen = LaneRecord(3, 4, refused=["refuses such tasks: ValueError"])
    assert law_verdict(record(float64=seen), None).outcome == "held"


@pytest.mark.parametrize(("ending", "outcome"), [("violated", "violated"), ("broken", "broken")])
def test_a_failure_decides_whatever_counted_before(ending: str, outcome: str) -> None:
    seen = record(float64=LaneRecord(3, 5))
    seen.failure = (Plan(), "float64", Evaluation(ending, "why", "value"))  # type: ignore[arg-type]  # parametrised
    verdict = law_verdict(seen, None)
    assert (verdict.outcome, verdict.lane, verdict.to_detection) == (outcome, "float64", 5)


def of(outcome: Outcome, name: str = "law", **more: object) -> LawVerdict:
    level = more.pop("level", "must")
    family = more.pop("family", "transductivity")
    return LawVerdict(a_law(name, level=level, family=family), outcome, **more)  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("laws", "verdict"),
    [
        ([of("held")], "conforms"),
        ([of("held"), of("not_claimed"), of("waived")], "conforms"),
        ([of("held"), of("violated")], "violates"),
        ([of("held"), of("broken")], "violates"),
        ([of("held"), of("stale_waiver")], "violates"),
        ([of("held"), of("violated", level="should")], "conforms"),
        ([of("held"), of("inconclusive", level="should")], "conforms"),
        ([of("held"), of("inconclusive")], "conforms"),
        ([of("held"), of("inconclusive"), of("inconclusive")], "inconclusive"),
        ([of("inconclusive"), of("held", family="context")], "inconclusive"),
        ([of("not_claimed"), of("held", family="context")], "conforms"),
        ([of("violated"), of("inconclusive")], "violates"),
        ([of("held", family="moments")], "conforms"),
        ([of("held", family="moments"), of("not_claimed", family="context")], "inconclusive"),
        ([of("not_claimed")], "inconclusive"),
    ],
)
def test_the_verdict_of_a_subject(laws: list[LawVerdict], verdict: str) -> None:
    assert subject_verdict(laws, ())[0] == verdict


def test_a_suite_that_sleeps_certifies_nothing_but_still_convicts() -> None:
    assert subject_verdict([of("held")], ("moments",))[0] == "inconclusive"
    assert subject_verdict([of("violated")], ("moments",))[0] == "violates"


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        (["conforms"], 0),
        (["conforms", "inconclusive"], 3),
        (["inconclusive", "unusable"], 2),
        (["unusable", "violates", "conforms"], 1),
    ],
)
def test_exit_codes(verdicts: list[Verdict], code: int) -> None:
    subjects = tuple(SubjectReport("m:L", verdict) for verdict in verdicts)
    run = RunReport("verify", {}, "quick", 0, "2026-01-01T00:00:00+00:00", 1.0, subjects)
    assert run.exit_code == code


def test_laws_that_fail_of_one_cause_stand_together_the_most_telling_first() -> None:
    laws = [
        of("violated", "formula", family="moments", symptom="value"),
        of("violated", "affine", family="moments", symptom="value"),
        of("violated", "partition", family="batch_size", symptom="value"),
        of("violated", "other_targets", family="transductivity", symptom="value"),
        of("broken", "crash", family="layouts", symptom="raised ValueError in condition"),
        of("broken", "crash_too", family="state", symptom="raised ValueError in condition"),
        of("violated", "copies", family="state", symptom="state", level="should"),
        of("held", "fine"),
    ]
    assert [cause.laws for cause in group_causes(laws)] == [
        ("other_targets", "partition"),
        ("formula", "affine"),
        ("crash_too", "crash"),
        ("copies",),
    ]


def test_an_answer_of_the_wrong_form_is_told_by_the_law_about_form() -> None:
    laws = [
        of("violated", "other_targets", symptom="form"),
        of("violated", "dtype_is_kept", family="layouts", symptom="form"),
    ]
    assert [cause.laws for cause in group_causes(laws)] == [("dtype_is_kept", "other_targets")]
