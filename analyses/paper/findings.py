"""What evidence says of one requirement, in figures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING, Literal

import numpy as np

from tnverify.analyses.paper.requirements import (
    Above,
    AlphaRises,
    AtChance,
    InFirstGroup,
    Ranked,
    Requirement,
    SameForEveryBatching,
    Shrinks,
    Spread,
)
from tnverify.analyses.statistics import TOLD, Estimate, average_ranks, tie_groups

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tnverify.analyses.paper.evidence import Cells, Evidence, Setting
    from tnverify.analyses.paper.schemes import Arm

Outcome = Literal["reproduced", "contradicted", "undecided", "not measured"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What evidence says of one requirement.

    `effect` is the difference in question with its interval, None where the requirement is not
    about one; `text` tells what was found in figures.
    """

    requirement: Requirement
    outcome: Outcome
    text: str
    effect: Estimate | None = None


def together(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of several at once: one contradiction contradicts, the missing are left out."""
    found = set(outcomes)
    order: tuple[Outcome, ...] = ("contradicted", "undecided", "reproduced")
    return next((outcome for outcome in order if outcome in found), "not measured")


@singledispatch
def find(requirement: object, evidence: Evidence) -> Finding:  # noqa: ARG001 - as registered ones
    """What evidence says of one requirement."""
    raise TypeError(f"{requirement!r} is no requirement")


@find.register(Above)
def _above(requirement: Above, evidence: Evidence) -> Finding:
    found = evidence.differences(requirement.setting, requirement.first, requirement.second)
    if found is None:
        return _missing(requirement)
    if requirement.scope == "mean":
        outcome = _exceeds(found.mean, requirement.by)
        return Finding(requirement, outcome, _points(found.mean), found.mean)
    outcomes = {name: _exceeds(each, requirement.by) for name, each in found.each.items()}
    nearest = min(found.each, key=lambda name: found.each[name].value)
    text = (
        f"{_points(found.mean)} on average; least on {nearest}, {_points(found.each[nearest])}; "
        f"so on {list(outcomes.values()).count('reproduced')} of {len(outcomes)} configurations"
    )
    return Finding(requirement, together(outcomes.values()), text, found.mean)


@find.register(SameForEveryBatching)
def _same_for_every_batching(requirement: SameForEveryBatching, evidence: Evidence) -> Finding:
    answers = {
        scheme: evidence.same_for_every_batching(requirement.setting, scheme)
        for scheme in requirement.schemes
    }
    measured = {scheme: same for scheme, same in answers.items() if same is not None}
    if not measured:
        return _missing(requirement)
    differing = [scheme for scheme, same in measured.items() if not same]
    text = f"the same for {len(measured) - len(differing)} of {len(measured)} schemes measured"
    if differing:
        text += f"; not for {', '.join(differing)}"
    return Finding(requirement, "contradicted" if differing else "reproduced", text)


@find.register(AtChance)
def _at_chance(requirement: AtChance, evidence: Evidence) -> Finding:
    cells = evidence.cells(requirement.setting, [requirement.arm])
    chances = evidence.chances(requirement.setting)
    if cells is None or chances is None:
        return _missing(requirement)
    above = {
        name: Estimate(mean - chances[name], low - chances[name], high - chances[name])
        for name, mean, low, high in zip(
            cells.configurations,
            cells.means[:, 0],
            (cells.means - cells.half_widths)[:, 0],
            (cells.means + cells.half_widths)[:, 0],
            strict=True,
        )
    }
    within = requirement.within
    # Within both bounds: below the upper one, above the lower one.
    outcomes = [
        together([_opposite(_exceeds(each, within)), _exceeds(each, -within)])
        for each in above.values()
    ]
    furthest = max(above, key=lambda name: abs(above[name].value))
    text = f"furthest from chance on {furthest}, {_points(above[furthest])}"
    return Finding(requirement, together(outcomes), text, above[furthest])


@find.register(Ranked)
def _ranked(requirement: Ranked, evidence: Evidence) -> Finding:
    arms, cells = _measured(evidence, requirement.setting, requirement.among)
    if cells is None or requirement.arm not in arms:
        return _missing(requirement)
    sign = 1 if requirement.place == "first" else -1
    ranks = average_ranks(cells.means, cells.half_widths) * sign
    own = arms.index(requirement.arm)
    rivals = [i for i in range(len(arms)) if i != own]
    best = min(rivals, key=lambda i: ranks[i])
    text = (
        f"average rank {abs(ranks[own]):.2f} over {len(cells.configurations)} configurations, "
        f"{'next' if ranks[own] < ranks[best] else 'but'} {arms[best]} {abs(ranks[best]):.2f}"
        f"{_of_how_many(arms, requirement.among)}"
    )
    if ranks[own] < ranks[best]:
        return Finding(requirement, "reproduced", text)
    # A better rank alone may be luck: the rival must be ahead on average, too.
    better = [arms[i] for i in rivals if ranks[i] < ranks[own]]
    beaten = any(_ahead(evidence, requirement, rival) == "reproduced" for rival in better)
    return Finding(requirement, "contradicted" if beaten else "undecided", text)


@find.register(InFirstGroup)
def _in_first_group(requirement: InFirstGroup, evidence: Evidence) -> Finding:
    arms, cells = _measured(evidence, requirement.setting, requirement.among)
    if cells is None or requirement.arm not in arms:
        return _missing(requirement)
    own, rows = arms.index(requirement.arm), zip(cells.means, cells.half_widths, strict=True)
    times = sum(own in tie_groups(means, half_widths)[0] for means, half_widths in rows)
    text = (
        f"in the first group on {times} of {len(cells.configurations)} configurations"
        f"{_of_how_many(arms, requirement.among)}"
    )
    share = times / len(cells.configurations)
    if share >= requirement.at_least:
        return Finding(requirement, "reproduced", text)
    refuted = share < requirement.refuted_below
    return Finding(requirement, "contradicted" if refuted else "undecided", text)


@find.register(Spread)
def _spread(requirement: Spread, evidence: Evidence) -> Finding:
    arms, cells = _measured(evidence, requirement.setting, requirement.arms)
    if cells is None:
        return _missing(requirement)
    means = cells.means.mean(axis=0)
    best, worst = arms[int(means.argmax())], arms[int(means.argmin())]
    found = evidence.differences(requirement.setting, best, worst)
    if found is None:
        return _missing(requirement)
    outcome = _exceeds(found.mean, requirement.points)
    if requirement.bound == "at_most":
        outcome = _opposite(outcome)
    text = f"from {worst} to {best}: {_points(found.mean)}{_of_how_many(arms, requirement.arms)}"
    return Finding(requirement, outcome, text, found.mean)


@find.register(Shrinks)
def _shrinks(requirement: Shrinks, evidence: Evidence) -> Finding:
    small = evidence.differences(requirement.small, requirement.first, requirement.second)
    large = evidence.differences(requirement.large, requirement.first, requirement.second)
    if small is None or large is None:
        return _missing(requirement)
    # Different test tasks, so the two are independent.
    value = small.mean.value - large.mean.value
    half = float(np.hypot(small.mean.half_width, large.mean.half_width))
    effect = Estimate(value, value - half, value + half, small.mean.level)
    text = f"{_points(small.mean)} against {_points(large.mean)}: {_points(effect)} more"
    return Finding(requirement, _exceeds(effect, 0.0), text, effect)


@find.register(AlphaRises)
def _alpha_rises(requirement: AlphaRises, evidence: Evidence) -> Finding:
    alphas = evidence.alphas(requirement.setting)
    if alphas is None:
        return _missing(requirement)
    curves = alphas.groupby(["layer", "context_size"])["alpha"].mean().unstack()
    by_size = curves.to_numpy()
    late = curves.loc[:, curves.columns >= requirement.at_size].to_numpy()
    if by_size.shape[1] < 2 or late.size == 0:
        return _missing(requirement)
    rise = by_size[:, -1] - by_size[:, 0]
    text = (
        f"from {requirement.at_size} items on, alpha is {late.min():.3f} or more in every layer; "
        f"it rises by {rise.min():.3f} to {rise.max():.3f}"
    )
    if (rise <= 0).any():
        return Finding(requirement, "contradicted", text)
    rising = (np.diff(by_size, axis=1) >= 0).all() and (rise >= requirement.by).all()
    reached = late.min() >= requirement.reaches
    return Finding(requirement, "reproduced" if rising and reached else "undecided", text)


def _measured(
    evidence: Evidence, setting: Setting, arms: Sequence[Arm]
) -> tuple[list[Arm], Cells | None]:
    """The arms that were measured, and their cells; None where they are fewer than two."""
    found = [arm for arm in arms if evidence.cells(setting, [arm]) is not None]
    return found, evidence.cells(setting, found) if len(found) > 1 else None


def _of_how_many(measured: Sequence[Arm], wanted: Sequence[Arm]) -> str:
    missing = len(wanted) - len(measured)
    return f" ({len(measured)} of {len(wanted)} schemes measured)" if missing else ""


def _ahead(evidence: Evidence, requirement: Ranked, rival: Arm) -> Outcome:
    """Whether `rival` is really ahead of the arm that is said to rank first (or last)."""
    found = evidence.differences(requirement.setting, rival, requirement.arm)
    if found is None:
        return "not measured"
    outcome = _exceeds(found.mean, 0.0)
    return outcome if requirement.place == "first" else _opposite(outcome)


def _exceeds(estimate: Estimate, limit: float) -> Outcome:
    if estimate.low > limit:
        return "reproduced"
    return "contradicted" if estimate.high < limit else "undecided"


def _opposite(outcome: Outcome) -> Outcome:
    opposites: dict[Outcome, Outcome] = {
        "reproduced": "contradicted",
        "contradicted": "reproduced",
    }
    return opposites.get(outcome, outcome)


def _missing(requirement: Requirement) -> Finding:
    return Finding(requirement, "not measured", "not measured")


def _points(estimate: Estimate) -> str:
    if not estimate.half_width < TOLD:
        return f"{estimate.value:+.2f} (so few seeds tell no interval)"
    return f"{estimate.value:+.2f} [{estimate.low:+.2f}, {estimate.high:+.2f}]"
