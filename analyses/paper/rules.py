"""When a comparison may be judged, written down before anything was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """What stands behind a verdict.

    - `seeds`: training seeds of every arm; `seeds_of_orders` where groups are put in order or
      schemes ranked;
    - `tasks`: test tasks of every cell; `domains`: data sets or scripts that ranks are over;
    - `settled`: points below which half the budget differs from the whole; infinity asks nothing;
    - `matters`: points below which a difference does not matter;
    - `share`: of the bootstrap's draws in which a rank is what it is said to be;
    - `error`: the chance of contradicting a claim that is true.
    """

    seeds: int = 3
    seeds_of_orders: int = 5
    tasks: int = 200
    domains: int = 10
    settled: float = 1.0
    matters: float = 1.0
    share: float = 0.95
    error: float = 0.05


RULES = Rules()
"""The rules of every page."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands behind the arms of one comparison, as far as it is known.

    `seeds` and `tasks` are the fewest of any arm and cell, `tasks` None where no test tasks are
    compared. `change` is the largest that the second half of the budget made, in points, and
    `above_pixels` the least that any arm lies above raw pixels; None where nobody measured it.
    """

    seeds: int
    tasks: int | None
    domains: int
    change: float | None
    above_pixels: float | None


@dataclass(frozen=True, slots=True)
class Needs:
    """Which rules a comparison falls under."""

    order: bool = False
    ranks: bool = False
    trained: bool = True
    learned: bool = True


def lacking(standing: Standing, needs: Needs, rules: Rules = RULES) -> str:
    """Return why a comparison is not judged, empty where it may be."""
    seeds = rules.seeds_of_orders if needs.order else rules.seeds
    if standing.seeds < seeds:
        return f"{_counted(standing.seeds, 'training seed')}, and {seeds} are needed"
    if standing.tasks is not None and standing.tasks < rules.tasks:
        return f"{_counted(standing.tasks, 'test task')} a cell, and {rules.tasks} are needed"
    if needs.ranks and standing.domains < rules.domains:
        return f"{_counted(standing.domains, 'domain')}, and ranks need {rules.domains}"
    if needs.trained and math.isfinite(rules.settled):
        if standing.change is None:
            return "no run of half the budget tells whether training had settled"
        if abs(standing.change) >= rules.settled:
            return (
                "not seen at this budget: its second half still changes accuracy by "
                f"{standing.change:+.1f} points"
            )
        if needs.learned and standing.above_pixels is None:
            return "raw pixels were not measured on these tasks"
        if needs.learned and (standing.above_pixels or 0.0) <= 0.0:
            return "not seen at this budget: a scheme is not above raw pixels"
    return ""


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
