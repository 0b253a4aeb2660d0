"""Check what `verify --durations` prints of the cost of laws."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import handmade

from tnverify.engine.results import LawVerdict
from tnverify.report.durations import duration_lines

if TYPE_CHECKING:
    from tnverify.catalogue import Law

SLOW, QUICK, NEVER = handmade.LAWS[:3]


def took(seconds: float, formulas: float, tasks: int, law: Law = SLOW) -> LawVerdict:
    return LawVerdict(law, "held", examples=tasks, seconds=seconds, formula_seconds=formulas)


def lines(most: int) -> list[str]:
    layer = handmade.conforming()
    first = took(2.0, 0.5, 30), took(1.5, 0.0, 20, QUICK), took(0.0, 0.0, 0, NEVER)
    second = (took(0.25, 0.125, 10),)
    run = handmade.run_of(replace(layer, laws=first), replace(layer, laws=second))
    return [line.plain for line in duration_lines(run, most, 200)]


def test_seconds_are_added_up_over_layers_and_the_slowest_comes_first() -> None:
    _, head, first, second, *rest = lines(0)
    assert head == "Seconds by the clock, tasks that counted, law"
    assert first.split() == ["2.25", "40", SLOW.name]
    assert second.split() == ["1.50", "20", QUICK.name]
    total = " ".join(rest)
    assert total.startswith("2 laws took 3.75 s, of which 0.62 s went to formulas in float64.")


def test_no_more_are_shown_than_were_asked_for() -> None:
    _, _, first, total, *_ = lines(1)
    assert first.endswith(SLOW.name)
    assert total.startswith("2 laws took 3.75 s")


def test_a_run_without_laws_says_nothing() -> None:
    assert not list(duration_lines(handmade.run_of(handmade.unusable()), 3, 80))
