"""What a verdict of `conforms` is worth, in one line."""

from __future__ import annotations

import math
from dataclasses import replace

import handmade
import pytest

from tnverify.power.measured import Measured
from tnverify.report import budget
from tnverify.report.budget import at_most, budget_text, tasks_behind
from tnverify.report.terminal import run_lines

KEPT = Measured("default", "tnverify power", 150, 151, 153, 3, 10, 1.0, "digest", {})


def test_three_over_n_leaves_a_chance_below_one_in_twenty() -> None:
    for tasks in (4, 18, 52, 500):
        share = at_most(tasks)
        assert (1 - share) ** tasks <= 0.05
        assert share == pytest.approx(-math.log(0.05) / tasks, rel=0.002)
    assert at_most(2) == at_most(0) == 1.0


def test_laws_that_ask_for_few_tasks_by_themselves_do_not_count() -> None:
    verdict = next(v for v in handmade.conforming().laws if v.outcome == "held")
    many, few = replace(verdict, examples=50), replace(verdict, examples=40)
    capped = replace(verdict, examples=5, law=replace(verdict.law, max_tasks=5))
    should = replace(verdict, examples=6, law=replace(verdict.law, level="should"))
    failing = replace(verdict, examples=1, outcome="violated")
    assert tasks_behind([many, few, capped, should, failing]) == 40
    assert tasks_behind([failing]) is None


def test_the_line_says_how_many_tasks_and_what_the_profile_catches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budget, "measured", lambda profile: KEPT if profile == "default" else None)
    run = replace(handmade.run_of(handmade.conforming()), profile="default")
    text = budget_text(run)
    assert text is not None
    assert "98 tasks a law" in text
    assert "over 3.1 % of such tasks would have been seen (3/98, at 95 %)" in text
    assert text.endswith("the profile catches 150 of 151 planted faults.")
    shown = " ".join(line.plain for line in run_lines(run, 200))
    assert text in shown


def test_the_share_of_the_zoo_is_that_of_a_whole_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "measured", lambda profile: replace(KEPT, laws=500))
    text = budget_text(handmade.run_of(handmade.conforming()))
    assert text is not None
    assert "planted faults" not in text


def test_nothing_is_said_where_nothing_conforms() -> None:
    assert budget_text(handmade.run_of(handmade.transductive())) is None
