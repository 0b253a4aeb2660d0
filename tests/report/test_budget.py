"""What a verdict of `conforms` is worth, in one line."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import handmade
import pytest

from tnverify.faults import all_faults
from tnverify.power.measured import Measured
from tnverify.report import budget
from tnverify.report.budget import at_most, budget_text, tasks_behind
from tnverify.report.terminal import run_lines

if TYPE_CHECKING:
    from collections.abc import Collection


class _Kept:
    """Figures by which `caught` faults are caught, and `once_more` more each time after."""

    reachable = 151

    def __init__(self, caught: int | None, asked: list[set[str]], once_more: int = 0) -> None:
        self.caught, self.asked, self.once_more = caught, asked, once_more

    def caught_by(self, laws: Collection[str]) -> int | None:
        self.asked.append(set(laws))
        found = self.caught
        if found is not None:
            self.caught = found + self.once_more
        return found


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
    asked: list[set[str]] = []
    kept = _Kept(17, asked)
    monkeypatch.setattr(budget, "measured", lambda profile: kept if profile == "default" else None)
    run = replace(handmade.run_of(handmade.conforming()), profile="default")
    text = budget_text(run)
    assert text is not None
    assert "98 tasks a law" in text
    assert "over 3.1 % of such tasks would have been seen (3/98, at 95 %)" in text
    assert text.endswith("the laws that were asked catch 17 of 151 planted faults in this profile.")
    shown = " ".join(line.plain for line in run_lines(run, 200))
    assert text in shown


def test_laws_that_were_not_asked_catch_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither those that are not claimed nor those that could not be decided."""
    asked: list[set[str]] = []
    monkeypatch.setattr(budget, "measured", lambda _profile: _Kept(17, asked))
    subject = handmade.conforming()
    unsure = replace(subject.laws[0], outcome="inconclusive")
    budget_text(handmade.run_of(replace(subject, laws=(unsure, *subject.laws[1:]))))
    assert asked == [
        {
            "any_partition_of_the_targets_gives_the_same",
            "outputs_agree_with_the_formula",
            "a_conditioned_layer_can_be_copied",
        }
    ]


def test_of_several_layers_the_fewest_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "measured", lambda _profile: _Kept(10, [], once_more=3))
    run = handmade.run_of(handmade.conforming("a"), handmade.conforming("b"))
    assert "the laws that were asked of each catch at least 10 of 151" in str(budget_text(run))


def test_what_was_not_kept_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "measured", lambda _profile: _Kept(None, []))
    text = budget_text(handmade.run_of(handmade.conforming()))
    assert text is not None
    assert "planted faults" not in text


def test_a_fault_counts_where_a_law_is_there_to_catch_it() -> None:
    fault = all_faults()[0]
    whole = {law for each in all_faults() for law in each.kills}
    everything = replace(KEPT, caught=len(all_faults()), reachable=len(all_faults()))
    assert everything.caught_by(whole) == len(all_faults())
    assert everything.caught_by(set()) == 0
    some = everything.caught_by(fault.kills)
    assert some is not None
    assert 0 < some < len(all_faults())
    assert replace(everything, missed=(fault.name,)).caught_by(fault.kills) == some - 1
    assert KEPT.caught_by(whole) is None, "one was missed, and it was not kept which"


def test_a_set_of_failing_laws_is_known_by_the_matrix() -> None:
    kept = replace(KEPT, kills={"One": ["a", "b"], "Other": ["b", "a"], "Third": ["a"]})
    assert kept.like({"a", "b"}) == ("One", "Other")
    assert kept.like({"a"}) == ("Third",)
    assert kept.like({"b"}) == ()


def test_nothing_is_said_where_nothing_conforms() -> None:
    assert budget_text(handmade.run_of(handmade.transductive())) is None
