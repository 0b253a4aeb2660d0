"""From a failing plan to a small one: each field by itself, and Hypothesis' shrinker where that
leaves more than a few values."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import HypothesisException

from tnverify.plans import PROFILES, Plan
from tnverify.plans.fitting import fitted
from tnverify.plans.strategies import plans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tnverify.subjects.subject import Subject

EVALUATIONS = 250
"""Evaluations that each of the two shrinkers may spend on one law."""

FEW = 8
"""Values in both sets: a plan of no more that fails, and with any one field simpler does not, is
small enough to read: to look for a smaller one takes longer than all else that is done for a law.
"""


class _Fails(Exception):  # noqa: N818 - it tells Hypothesis that the plan is interesting
    pass


class _Spent(BaseException):
    """Ends Hypothesis, which would go on with plans that are known; no Exception, which it takes
    for another failure."""


class _Judge:
    """Remembers verdicts, so that a plan judged failing fails again when it is replayed, and
    stops asking when the budget is spent."""

    def __init__(self, fails: Callable[[Plan], bool], budget: int) -> None:
        self.fails = fails
        self.left = budget
        self.known: dict[Plan, bool] = {}
        self.best: Plan | None = None

    def __call__(self, plan: Plan) -> bool:
        if plan not in self.known:
            if self.left <= 0:
                return False
            self.left -= 1
            self.known[plan] = self.fails(plan)
        if self.known[plan] and (self.best is None or weight_of(plan) < weight_of(self.best)):
            self.best = plan
        return self.known[plan]


def weight_of(plan: Plan) -> tuple[float, ...]:
    """What makes one failing plan simpler than another, the most important first."""
    spatial = 1
    for size in plan.spatial:
        spatial *= size
    return (
        (plan.context + plan.targets) * plan.channels * spatial,
        plan.past,
        len(plan.overrides),
        PROFILES.index(plan.profile),
        abs(plan.exponent),
        abs(plan.offset),
        plan.weight != (1.0,),
        plan.bias != (0.0,),
        plan.distinct,
        plan.scale != 0,
        plan.alpha_offset != 0,
        plan.spread != 0,
        len(plan.weight) + len(plan.bias),
        plan.seed,
    )


def shrink_plan(plan: Plan, fails: Callable[[Plan], bool], subject: Subject, at_seed: int) -> Plan:
    """The simplest failing plan that was found. `plan` fails; so does what is returned."""
    # A task without targets reads ill where the law makes up targets of its own.
    fewest = min(plan.targets, 1)
    limits = subject.limits

    def stays(smaller: Plan) -> bool:
        within = smaller.targets >= fewest and fitted(smaller, limits) == smaller
        return within and fails(smaller)

    judge = _Judge(stays, EVALUATIONS)
    judge.best = plan
    _by_field(judge, subject.channel_step)
    assert judge.best is not None
    if weight_of(judge.best)[0] > FEW:
        judge.left = EVALUATIONS
        _by_hypothesis(judge, subject, at_seed)
        judge.left = EVALUATIONS
        _by_field(judge, subject.channel_step)
    return judge.best


def _by_hypothesis(judge: _Judge, subject: Subject, at_seed: int) -> None:
    """Let Hypothesis find a failing plan of its own and shrink it."""

    @settings(
        max_examples=60,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        report_multiple_bugs=False,
    )
    @seed(at_seed)
    @given(plans(rank=subject.rank, step=int(subject.channel_step), allow_past=True))
    def find(plan: Plan) -> None:
        if judge.left <= 0:
            raise _Spent
        if judge(plan):
            raise _Fails

    # What it found is in judge.best. Hypothesis has no reason to complain; a run must not end if
    # it does.
    with suppress(_Fails, _Spent, HypothesisException):  # pragma: no mutate
        find()


def _by_field(judge: _Judge, step: int) -> None:
    """Make one field at a time simpler for as long as the plan still fails."""
    progress = True
    while progress:
        progress = False
        best = judge.best
        assert best is not None
        for simpler in _simpler(best, step):
            if weight_of(simpler) < weight_of(best) and judge(simpler):
                progress = True
                break


def _simpler(plan: Plan, step: int) -> Iterator[Plan]:
    """Plans with one thing made simpler, the greatest leap first; channels in multiples of
    `step`."""
    for smaller in _smaller(plan.context):
        yield replace(plan, context=smaller)
    for smaller in _smaller(plan.targets):
        yield replace(plan, targets=smaller)
    for smaller in _smaller(plan.channels // step):
        yield replace(plan, channels=smaller * step)
    for axis, size in enumerate(plan.spatial):
        for smaller in _smaller(size):
            spatial = (*plan.spatial[:axis], smaller, *plan.spatial[axis + 1 :])
            yield replace(plan, spatial=spatial)
    yield replace(plan, past=0)
    yield replace(plan, past=1)
    yield replace(plan, overrides=())
    for drop in range(len(plan.overrides)):
        yield replace(plan, overrides=plan.overrides[:drop] + plan.overrides[drop + 1 :])
    for profile in PROFILES:
        yield replace(plan, profile=profile)
    yield replace(plan, exponent=0)
    yield replace(plan, offset=0.0)
    yield replace(plan, distinct=False)
    yield replace(plan, weight=(1.0,))
    yield replace(plan, bias=(0.0,))
    yield replace(plan, weight=plan.weight[:1])
    yield replace(plan, bias=plan.bias[:1])
    yield replace(plan, scale=0.0)
    yield replace(plan, alpha_offset=0.0)
    yield replace(plan, spread=0.0)
    for small in range(3):
        yield replace(plan, seed=small)


def _smaller(size: int) -> list[int]:
    """Sizes to try instead, the smallest first: leaps that halve, so that a threshold is found."""
    leaps = [size >> times for times in range(1, size.bit_length())]
    return sorted({s for s in (1, 2, *(size - leap for leap in leaps)) if 1 <= s < size})
