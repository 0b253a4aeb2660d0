"""How well the formula of a scheme fits what a subject answers."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from tnverify.contract.claims import SCHEMES, Claims, Variance
from tnverify.contract.measured import Nearness
from tnverify.contract.outcomes import NotClaimed, SaysNothing, SubjectRaised, Violation
from tnverify.plans import Plan
from tnverify.plans.fitting import fitted
from tnverify.subjects.guard import Hang, time_limit
from tnverify.subjects.handles import handles_of
from tnverify.subjects.prober import SubjectProber

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tnverify.contract.task import Task
    from tnverify.subjects.subject import Subject

_EPS = (1e-5, 1e-3, 1e-6, 1e-8, 1e-12, 0.0)
_VARIANCES: tuple[Variance, ...] = ("biased", "unbiased")

FITS = 0.75
"""Share of tasks on which a formula must agree to be that of the layer. One that agrees on most
and not on all is that of a layer with a fault, which the laws are to find; one that agrees on fewer
is another layer's."""

SECONDS = 60.0
"""How long comparing a layer with formulas may take: a slow one is not compared with them all."""

NEAR = 0.3
"""Largest root mean square of the differences, in units of the outputs', of a formula that is
said to be near."""

_PARAMETERS = {
    "weight": (1.5, -0.5, 2.25),
    "bias": (0.25, -1.0),
    "scale": 0.125,
    "alpha_offset": -0.25,
}
_ORDINARY = (
    {"context": 4, "targets": 3, "channels": 3, "spatial": (3, 3, 2), "seed": 11},
    {"context": 6, "targets": 4, "channels": 2, "spatial": (4, 3, 2), "seed": 12, "spread": 0.5},
    {"context": 4, "targets": 5, "channels": 4, "spatial": (5, 4, 2), "seed": 13},
    {"context": 12, "targets": 8, "channels": 3, "spatial": (10, 10, 2), "seed": 14, "spread": 0.5},
)
_VARIED = (
    {"context": 2, "targets": 2, "channels": 2, "spatial": (2, 3, 2), "profile": "grid"},
    {"context": 5, "targets": 3, "channels": 3, "spatial": (4, 4, 2), "offset": 3.0},
    {"context": 8, "targets": 4, "channels": 2, "spatial": (3, 5, 2), "exponent": -6},
    {"context": 4, "targets": 4, "channels": 5, "spatial": (6, 2, 2), "exponent": 4},
    {"context": 3, "targets": 6, "channels": 4, "spatial": (4, 3, 3), "profile": "outliers"},
    {"context": 16, "targets": 2, "channels": 3, "spatial": (2, 2, 2), "profile": "two_values"},
    {"context": 6, "targets": 5, "channels": 2, "spatial": (7, 7, 2), "scale": -0.5},
    {"context": 4, "targets": 3, "channels": 4, "spatial": (3, 4, 2), "past": 1},
)
_WIDE = tuple(
    {"context": 4, "targets": 3, "channels": channels, "spatial": (3, 3, 2), "seed": 7 + channels}
    for channels in (8, 12, 16)
)
"""Of more channels than most tasks that laws see."""

_WIDER = ({"context": 4, "targets": 3, "channels": 64, "spatial": (3, 3, 2), "seed": 18},)
"""Of so many that another scheme is preferred if it fits there: groups of 32, at most, are single
channels until then. What fits nowhere so wide is no reason to take a scheme back."""


def probe_tasks(subject: Subject) -> list[Task]:
    """Ordinary tasks on which a subject is measured, in the first lane that it has."""
    return _tasks(subject, _ORDINARY)


def comparing_tasks(subject: Subject) -> list[Task]:
    """Those, and tasks of varied sizes and values."""
    return [*probe_tasks(subject), *_tasks(subject, _VARIED)]


def _tasks(subject: Subject, sizes: Iterable[Mapping[str, object]]) -> list[Task]:
    """One task for each description of a plan; channels are counted in the subject's steps."""
    plans: dict[Plan, None] = {}
    for number, given in enumerate(sizes):
        fields = {"profile": "normal", "seed": 21 + number, "past": 2, **_PARAMETERS, **given}
        fields["channels"] = fields["channels"] * subject.channel_step  # type: ignore[operator]  # an int
        fields["spatial"] = fields["spatial"][: subject.rank]  # type: ignore[index]  # a tuple
        plan = Plan(**fields)  # type: ignore[arg-type]  # as the tables above write them
        plans[fitted(plan, subject.limits)] = None
    within = list(plans)
    if subject.limits.channels is not None:
        # With a great width one plan is as good as several, and the smaller ones are quick.
        within = sorted(within, key=lambda plan: plan.context)[:2]
    return [plan.build(subject.dtype(subject.lanes[0]), subject.device) for plan in within]


@dataclass(frozen=True, slots=True)
class Fit:
    """How well some claims fit: on how many of the tasks, and how far off they are elsewhere.

    `error` is the median of the tasks' largest errors as shares of what rounding explains;
    `largest` the largest difference in the outputs' own units, `relative` its root mean square in
    units of the outputs'. `parts` is the fewest channels, of many, on which claims that fit with
    few fit no longer.
    """

    claims: Claims
    eps: float
    error: float = float("inf")
    within: int = 0
    tasks: int = 0
    largest: float = 0.0
    relative: float = float("inf")
    parts: int | None = None
    cut: bool = False
    """Whether the time was over before all claims had been compared."""

    @property
    def fits(self) -> bool:
        return self.tasks > 0 and self.within >= FITS * self.tasks

    @property
    def nearness(self) -> Nearness | None:
        """How near the scheme comes where it does not fit; None where it is far."""
        is_layer = self.claims.has_formula and self.claims.scheme.name != "none"
        if not is_layer or not self.relative <= NEAR:
            return None
        name, differing = self.claims.scheme.name, self.tasks - self.within
        return Nearness(name, self.largest, differing, self.tasks) if differing else None


NOTHING = Fit(Claims(SCHEMES["inductive"], inferred=True), 1e-5)


def best_fit(
    subject: Subject, names: Sequence[str], declared: Claims | None, *, float32: bool = False
) -> Fit:
    """The scheme of these, or of the claims that were declared, whose formula agrees best, as
    rounding in float32 allows where the layer computes in that.

    Its variance convention and eps are detected unless they were given or are shown. Of several
    that fit one is preferred that fits with many channels too: with few, a group norm of groups
    that depend on their number may be a layer norm.
    """
    tasks, wide = probe_tasks(subject), _tasks(subject, _WIDE)
    more = _tasks(subject, _VARIED)
    wider = _tasks(subject, _WIDER)
    parting: Fit | None = None
    narrow: Fit | None = None
    best = replace(NOTHING, eps=subject.eps)
    until = time.monotonic() + SECONDS
    for trial in _candidates(subject, names, declared, float32):
        if time.monotonic() > until:
            return replace(narrow or parting or best, cut=True)
        fit = agreement(trial, tasks)
        if fit is None:
            return best  # it would hang or exit every time
        if fit.fits or fit.relative <= NEAR:
            fit = agreement(trial, [*tasks, *more]) or fit
        if _is_better(fit, best):
            best = fit
        if fit.fits:
            fit = replace(fit, parts=_parts(trial, wide))
            if fit.parts is None and _parts(trial, wider) is None:
                return fit
            if fit.parts is None:
                narrow = narrow or fit
            parting = parting or fit
    return narrow or parting or best


def _is_better(one: Fit, other: Fit) -> bool:
    return (one.within, -one.error) > (other.within, -other.error)


def _candidates(
    subject: Subject, names: Sequence[str], declared: Claims | None, float32: bool
) -> Iterable[Subject]:
    """The subject under each scheme, variance convention and eps that may be its own."""
    for name in names if declared is None else (declared.scheme.name,):
        base = declared or Claims(SCHEMES[name], float32=float32, inferred=True)
        if not base.has_formula:
            continue
        handles = handles_of(subject, base)
        shows_eps = handles.path("eps") is not None or subject.eps_of_dtype
        for variance in (base.variance,) if base.variance_given else _VARIANCES:
            tried = _EPS if not subject.eps_is_idle else dict.fromkeys((subject.eps, *_EPS))
            for eps in (subject.eps,) if shows_eps else tried:
                claims = base.with_variance(variance)
                yield replace(subject, claims=claims, handles=handles, eps=eps)


def _parts(subject: Subject, wide: Sequence[Task]) -> int | None:
    """On how many channels the claims' formula fits no longer; None where it fits all."""
    for task in wide:
        fit = agreement(subject, [task])
        if fit is not None and fit.tasks and not fit.fits:
            return task.channels
    return None


def agreement(subject: Subject, tasks: Sequence[Task]) -> Fit | None:
    """How well the claims' formula fits; None where the subject hangs, or ends the process.

    Tasks that the subject refuses, or on which rounding could explain anything, do not count.
    """
    prober = SubjectProber(subject)
    shares, largest, squares, sizes = [], 0.0, 0.0, 0.0
    for task in tasks:
        try:
            with time_limit():
                run, expected, bound = prober.run(task), prober.expected(task), prober.bound(task)
        except (NotClaimed, SaysNothing, Violation):
            continue
        except Hang:
            return None
        except SubjectRaised as raised:
            if isinstance(raised.error, TimeoutError | SystemExit):
                return None
            continue
        share = 0.0
        for outputs, answer, limit in zip(run, expected, bound, strict=True):
            right = torch.from_numpy(answer.outputs)
            gap = (outputs.double().cpu() - right).abs()
            share = max(share, float((gap / (limit.cpu() + 1e-300)).nan_to_num(nan=1e300).max()))
            largest = max(largest, float(gap.nan_to_num(nan=float("inf")).max()))
            squares += float(gap.square().sum())
            sizes += float(right.square().sum())
        shares.append(share)
    if not shares:
        return Fit(subject.claims, subject.eps)
    return Fit(
        subject.claims,
        subject.eps,
        error=sorted(shares)[len(shares) // 2],
        within=sum(share <= 1 for share in shares),
        tasks=len(shares),
        largest=largest,
        relative=(squares / sizes) ** 0.5 if sizes else float("inf"),
    )
