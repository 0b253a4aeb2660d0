"""What evidence says of one requirement, in figures."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import TYPE_CHECKING, Literal

import numpy as np

from tnverify.analyses.paper.requirements import (
    Above,
    AlphaRises,
    AtChance,
    GroupAbove,
    InFirstGroup,
    Ranked,
    Requirement,
    SameForEveryBatching,
    Shrinks,
    Spread,
    arms_of,
    needs_of,
    settings_of,
)
from tnverify.analyses.paper.rules import RULES, Rules, lacking
from tnverify.analyses.statistics import TOLD, Estimate, average_ranks, holm, tie_groups

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from tnverify.analyses.paper.evidence import Cells, Evidence, Setting
    from tnverify.analyses.paper.schemes import Arm
    from tnverify.analyses.statistics.checked import Values

Outcome = Literal[
    "reproduced",
    "contradicted",
    "no difference that matters",
    "undecided",
    "not judged",
    "not measured",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """What evidence says of one requirement.

    `effect` is the difference in question with its interval, None where the requirement is not
    about one, and `limit` what it has to exceed; `text` tells what was found in figures.
    `refutations` are p-values of its comparisons, of those that came out against it.
    """

    requirement: Requirement
    outcome: Outcome
    text: str
    effect: Estimate | None = None
    limit: float = 0.0
    refutations: tuple[float, ...] = ()


def find(requirement: Requirement, evidence: Evidence, rules: Rules = RULES) -> Finding:
    """Judge one requirement by evidence: *not judged*, with the reason, where the rules leave
    it without a verdict."""
    found = _found(requirement, evidence)
    if found.outcome == "not measured":
        return found
    standing = evidence.standing(settings_of(requirement), arms_of(requirement))
    if standing is None:
        return found
    reason = lacking(standing, needs_of(requirement), rules)
    if not reason:
        return found
    text = f"not judged: {reason} ({found.text})"
    return replace(found, outcome="not judged", text=text, refutations=())


@singledispatch
def _found(requirement: object, evidence: Evidence) -> Finding:  # noqa: ARG001 - as registered ones
    raise TypeError(f"{requirement!r} is no requirement")


@_found.register(Above)
def _above(requirement: Above, evidence: Evidence) -> Finding:
    found = evidence.differences(requirement.setting, [requirement.first], [requirement.second])
    if found is None:
        return _missing(requirement)
    limit = requirement.by
    if requirement.scope == "mean":
        return _of_effect(requirement, found.mean, _points(found.mean), limit)
    outcomes = {name: _exceeds(each, limit) for name, each in found.each.items()}
    nearest = min(found.each, key=lambda name: found.each[name].value)
    text = (
        f"{_points(found.mean)} on average; least on {nearest}, {_points(found.each[nearest])}; "
        f"so on {list(outcomes.values()).count('reproduced')} of {len(outcomes)} configurations"
    )
    against = tuple(_against(each, limit) for each in found.each.values())
    return Finding(requirement, _all(outcomes.values(), against), text, found.mean, limit, against)


@_found.register(GroupAbove)
def _group_above(requirement: GroupAbove, evidence: Evidence) -> Finding:
    groups = [
        [arm for arm in group if evidence.cells(requirement.setting, [arm]) is not None]
        for group in (requirement.higher, requirement.lower)
    ]
    found = all(groups) and evidence.differences(requirement.setting, *groups)
    if not found:
        return _missing(requirement)
    wanted = (*requirement.higher, *requirement.lower)
    text = _points(found.mean) + _of_how_many([*groups[0], *groups[1]], wanted)
    return _of_effect(requirement, found.mean, text, 0.0)


@_found.register(SameForEveryBatching)
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
    if differing:  # an exact invariance is refuted by one task, by no chance
        return Finding(requirement, "contradicted", text, refutations=(0.0,))
    return Finding(requirement, "reproduced", text)


@_found.register(AtChance)
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
    against = tuple(min(_against(e, -within), _beyond(e, within)) for e in above.values())
    held = [-within < each.low and each.high < within for each in above.values()]
    furthest = max(above, key=lambda name: abs(above[name].value))
    text = f"furthest from chance on {furthest}, {_points(above[furthest])}"
    outcomes: list[Outcome] = ["reproduced" if each else "undecided" for each in held]
    limit = math.copysign(within, above[furthest].value)
    outcome = _all(outcomes, against)
    return Finding(requirement, outcome, text, above[furthest], limit, against)


@_found.register(Ranked)
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
    draws = evidence.draws(requirement.setting, arms)
    if draws is None:
        return _missing(requirement)
    drawn = sign * np.array([average_ranks(means, cells.half_widths) for means in draws])
    least = np.delete(drawn, own, axis=1).min(axis=1)
    return _of_shares(requirement, text, drawn[:, own] < least, drawn[:, own] > least)


@_found.register(InFirstGroup)
def _in_first_group(requirement: InFirstGroup, evidence: Evidence) -> Finding:
    arms, cells = _measured(evidence, requirement.setting, requirement.among)
    draws = evidence.draws(requirement.setting, arms) if cells is not None else None
    if cells is None or draws is None or requirement.arm not in arms:
        return _missing(requirement)
    own = arms.index(requirement.arm)

    def times(means: Values) -> int:
        rows = zip(means, cells.half_widths, strict=True)
        return sum(own in tie_groups(each, half_widths)[0] for each, half_widths in rows)

    count = len(cells.configurations)
    text = (
        f"in the first group on {times(cells.means)} of {count} configurations"
        f"{_of_how_many(arms, requirement.among)}"
    )
    shares = np.array([times(means) for means in draws]) / count
    held, refuted = shares >= requirement.at_least, shares < requirement.refuted_below
    return _of_shares(requirement, text, held, refuted)


@_found.register(Spread)
def _spread(requirement: Spread, evidence: Evidence) -> Finding:
    arms, cells = _measured(evidence, requirement.setting, requirement.arms)
    found = evidence.spread(requirement.setting, arms) if cells is not None else None
    if cells is None or found is None:
        return _missing(requirement)
    means = cells.means.mean(axis=0)
    best, worst = arms[int(means.argmax())], arms[int(means.argmin())]
    text = f"from {worst} to {best}: {_points(found)}{_of_how_many(arms, requirement.arms)}"
    if requirement.bound == "at_least":
        return _of_effect(requirement, found, text, requirement.points)
    against = (_beyond(found, requirement.points),)
    held: Outcome = "reproduced" if found.high < requirement.points else "undecided"
    outcome = _all([held], against)
    return Finding(requirement, outcome, text, found, requirement.points, against)


@_found.register(Shrinks)
def _shrinks(requirement: Shrinks, evidence: Evidence) -> Finding:
    pair = [requirement.first], [requirement.second]
    small = evidence.differences(requirement.small, *pair)
    large = evidence.differences(requirement.large, *pair)
    effect = evidence.change(
        requirement.small, requirement.large, requirement.first, requirement.second
    )
    if small is None or large is None or effect is None:
        return _missing(requirement)
    text = f"{_points(small.mean)} against {_points(large.mean)}: {_points(effect)} more"
    return _of_effect(requirement, effect, text, 0.0)


@_found.register(AlphaRises)
def _alpha_rises(requirement: AlphaRises, evidence: Evidence) -> Finding:
    alphas = evidence.alphas(requirement.setting)
    if alphas is None:
        return _missing(requirement)
    seeds = [rows for _, rows in alphas.groupby("seed")] if "seed" in alphas else [alphas]
    curves = [each.groupby(["layer", "context_size"])["alpha"].mean().unstack() for each in seeds]
    late = [each.loc[:, each.columns >= requirement.at_size].to_numpy() for each in curves]
    if any(each.shape[1] < 2 for each in curves) or any(each.size == 0 for each in late):
        return _missing(requirement)
    rise = np.concatenate([(each.iloc[:, -1] - each.iloc[:, 0]).to_numpy() for each in curves])
    least = min(float(each.min()) for each in late)
    text = (
        f"from {requirement.at_size} items on, alpha is {least:.3f} or more in every layer; "
        f"it rises by {rise.min():.3f} to {rise.max():.3f}"
    )
    falls = [bool((each.iloc[:, -1] <= each.iloc[:, 0]).any()) for each in curves]
    if all(falls):
        return Finding(requirement, "contradicted", text, refutations=(0.0,))
    rising = all((np.diff(each.to_numpy(), axis=1) >= 0).all() for each in curves)
    reached = least >= requirement.reaches and bool((rise >= requirement.by).all())
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


def _of_effect(requirement: Requirement, effect: Estimate, text: str, limit: float) -> Finding:
    """A finding on one effect that has to exceed `limit`."""
    outcome = _exceeds(effect, limit)
    near = max(abs(effect.low), abs(effect.high)) <= RULES.matters
    if limit == 0.0 and outcome == "undecided" and near:
        outcome = "no difference that matters"
    return Finding(requirement, outcome, text, effect, limit, (_against(effect, limit),))


def _of_shares(
    requirement: Requirement, text: str, held: NDArray[np.bool_], refuted: NDArray[np.bool_]
) -> Finding:
    """A finding on what holds in some of the bootstrap's draws and fails in others."""
    if len(held) > 1:
        text += f"; so in {held.mean():.0%} of draws"
    against = (float(1 - refuted.mean()),)
    kept: Outcome = "reproduced" if held.mean() >= RULES.share else "undecided"
    return Finding(requirement, _all([kept], against), text, refutations=against)


def _all(outcomes: Iterable[Outcome], against: Sequence[float]) -> Outcome:
    """The outcome of comparisons that all have to hold, `against` being p-values of the reverse:
    reproduced where each is, contradicted by Holm's correction over their number."""
    if (holm(against) < RULES.error).any():
        return "contradicted"
    return "reproduced" if set(outcomes) == {"reproduced"} else "undecided"


def _exceeds(estimate: Estimate, limit: float) -> Outcome:
    if estimate.low > limit:
        return "reproduced"
    return "contradicted" if estimate.high < limit else "undecided"


def _against(estimate: Estimate, limit: float) -> float:
    """The p-value of the truth being `limit` where the estimate is below it, else 1."""
    return estimate.p_value(limit) if estimate.value < limit else 1.0


def _beyond(estimate: Estimate, limit: float) -> float:
    """The p-value of the truth being `limit` where the estimate is above it, else 1."""
    return estimate.p_value(limit) if estimate.value > limit else 1.0


def _missing(requirement: Requirement) -> Finding:
    return Finding(requirement, "not measured", "not measured")


def _points(estimate: Estimate) -> str:
    if not estimate.half_width < TOLD:
        return f"{estimate.value:+.2f} (so few seeds tell no interval)"
    return f"{estimate.value:+.2f} [{estimate.low:+.2f}, {estimate.high:+.2f}]"
