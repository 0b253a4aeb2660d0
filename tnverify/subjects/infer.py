"""Inferring claims: the scheme whose fingerprint and formula a subject was measured to have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from tnverify.contract.claims import SCHEMES, Claims, Variance
from tnverify.contract.outcomes import NotClaimed, SaysNothing, SubjectRaised, Violation
from tnverify.plans import Plan
from tnverify.plans.fitting import fitted
from tnverify.subjects.fingerprint import context_reads, target_reads
from tnverify.subjects.handles import find_handles
from tnverify.subjects.prober import SubjectProber

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.contract.task import Task
    from tnverify.subjects.subject import Subject

_EPS = (1e-5, 1e-3, 1e-6, 1e-8, 1e-12, 0.0)
_VARIANCES: tuple[Variance, ...] = ("biased", "unbiased")
_EXCUSED = frozenset({"transductive_bn"})
"""Schemes that only a person may claim: inference never excuses transduction."""


@dataclass(frozen=True, slots=True)
class Inference:
    """What was measured of a subject, and the claims to hold it to."""

    subject: Subject
    target_reads: tuple[str, ...]
    context_reads: tuple[str, ...]
    nearest: str | None


_ORDINARY = (
    (4, 3, 3, (3, 3, 2), 11),
    (6, 4, 2, (4, 3, 2), 12),
    (3, 5, 4, (5, 4, 2), 13),
    (12, 8, 3, (10, 10, 2), 14),
)
_WIDE = ((4, 3, 8, (3, 3, 2), 15), (4, 3, 12, (3, 3, 2), 16), (4, 3, 16, (3, 3, 2), 17))
"""Of more channels than the tasks that laws see."""
_WIDER = ((4, 3, 64, (3, 3, 2), 18),)
"""Of so many that another scheme is preferred if it fits there: groups of 32, at most, are single
channels until then. What fits nowhere so wide is no reason to take a scheme back."""


def probe_tasks(subject: Subject) -> list[Task]:
    """Ordinary tasks on which a subject is measured, in the first lane that it has."""
    return _tasks(subject, _ORDINARY)


def _tasks(
    subject: Subject, sizes: Sequence[tuple[int, int, int, tuple[int, ...], int]]
) -> list[Task]:
    """One task for each (context items, targets, channels in steps, spatial shape, seed)."""
    step, rank = subject.channel_step, subject.rank
    plans = [
        Plan(
            context=items,
            targets=targets,
            channels=channels * step,
            spatial=spatial[:rank],
            profile="normal",
            seed=seed,
            weight=(1.5, -0.5, 2.25),
            bias=(0.25, -1.0),
            scale=0.125,
            alpha_offset=-0.25,
            past=2,
        )
        for items, targets, channels, spatial, seed in sizes
    ]
    dtype = subject.dtype(subject.lanes[0])
    within = list(dict.fromkeys(fitted(plan, subject.limits) for plan in plans))
    if subject.limits.channels is not None:
        # With a great width one plan is as good as several, and the smaller ones are quick.
        within = sorted(within, key=lambda plan: plan.context)[:2]
    return [plan.build(dtype, subject.device) for plan in within]


def infer(subject: Subject, declared: Claims | None) -> Inference:
    """Measure the fingerprint; where no claims were declared, find the scheme that fits.

    A declared variance convention is kept, else it is detected. Where the layer shows no eps,
    the one that fits is taken.
    """
    tasks = probe_tasks(subject)
    prober = SubjectProber(subject)
    targets, context = target_reads(prober, tasks), context_reads(prober, tasks)
    found = _nearest(subject, tasks, targets, context, declared)
    order = ("itself", "context", "other_targets", "targets", "past")
    claims = found.claims if declared is None or found.fits else declared
    notes = subject.notes
    if found.parts is not None:
        said = (
            f"with {found.parts} channels its outputs are not those of {found.claims.scheme.name}"
        )
        more = (
            "laws ask with few alone, so nothing here holds for so many"
            if declared is not None
            else f"where they are to be, claim it (--claims {found.claims})"
        )
        notes += (f"{said}, which they are with few: {more}",)
    if declared is None and not (
        found.fits and found.parts is None and found.claims.scheme.name not in _EXCUSED
    ):
        claims = Claims(SCHEMES["inductive"], inferred=True)
    handles = find_handles_for(subject, claims)
    return Inference(
        replace(subject, claims=claims, handles=handles, eps=found.eps, notes=notes),
        tuple(r for r in order if r in targets),
        tuple(r for r in order if r in context),
        found.claims.scheme.name if found.claims.has_formula else None,
    )


def find_handles_for(subject: Subject, claims: Claims):  # type: ignore[no-untyped-def]  # Handles
    channels = 3 * subject.channel_step
    layer = subject.factory(channels, (4, 3, 2)[: subject.rank])
    return find_handles(layer, channels, claims, subject.given_handles)


@dataclass(frozen=True, slots=True)
class _Fit:
    claims: Claims
    eps: float
    fits: bool
    error: float
    parts: int | None = None
    """The fewest channels, of many, on which it fits no longer; None where it fits, or was not
    asked."""


def _nearest(
    subject: Subject,
    tasks: list[Task],
    targets: frozenset[str],
    context: frozenset[str],
    declared: Claims | None,
) -> _Fit:
    """The candidate whose formula agrees best: within rounding on most tasks, it fits.

    Of several that fit one is preferred that fits with many channels too: with few, a group norm
    of groups that depend on their number may be a layer norm.
    """
    wide = _tasks(subject, _WIDE)
    wider = _tasks(subject, _WIDER)
    parting: _Fit | None = None
    narrow: _Fit | None = None
    best = _Fit(Claims(SCHEMES["inductive"], inferred=True), subject.eps, False, float("inf"))
    if declared is not None:
        names = [declared.scheme.name]
    else:
        names = [
            scheme.name
            for scheme in SCHEMES.values()
            if scheme.name != "inductive"
            and scheme.target_reads == targets
            and scheme.context_reads == context
        ]
    for name in names:
        base = declared or Claims(SCHEMES[name], inferred=True)
        if not base.has_formula:
            continue
        variances = (base.variance,) if base.variance_given else _VARIANCES
        handles = find_handles_for(subject, base)
        shows_eps = handles.path("eps") is not None or subject.eps_of_dtype
        for variance in variances:
            for eps in (subject.eps,) if shows_eps else _EPS:
                claims = base.with_variance(variance)
                trial = replace(subject, claims=claims, handles=handles, eps=eps)
                fit = _agreement(trial, tasks)
                if fit is None:
                    return best  # it would hang or exit every time
                if fit.error < best.error:
                    best = fit
                if fit.fits:
                    fit = replace(fit, parts=_parts(trial, wide))
                    if fit.parts is None and _parts(trial, wider) is None:
                        return fit
                    if fit.parts is None:
                        narrow = narrow or fit
                    parting = parting or fit
    return narrow or parting or best


def _parts(subject: Subject, wide: list[Task]) -> int | None:
    """On how many channels the claims' formula fits no longer; None where it fits all."""
    for task in wide:
        fit = _agreement(subject, [task])
        if fit is not None and not fit.fits and fit.error < float("inf"):
            return task.channels
    return None


def _agreement(subject: Subject, tasks: list[Task]) -> _Fit | None:
    """How well the claims' formula fits; None where the subject hangs, or ends the process."""
    prober = SubjectProber(subject)
    within, worst = 0, []
    for task in tasks:
        try:
            run, expected, bound = prober.run(task), prober.expected(task), prober.bound(task)
        except (NotClaimed, SaysNothing, Violation):
            continue
        except SubjectRaised as raised:
            if isinstance(raised.error, TimeoutError | SystemExit):
                return None
            continue
        shares = [
            float(
                (side.double().cpu() - torch.from_numpy(answer.outputs))
                .abs()
                .div(limit.cpu() + 1e-300)
                .nan_to_num(nan=1e300)
                .max()
            )
            for side, answer, limit in (
                (run.context, expected.context, bound.context),
                (run.targets, expected.targets, bound.targets),
            )
        ]
        worst.append(max(shares))
        within += max(shares) <= 1
    error = sorted(worst)[len(worst) // 2] if worst else float("inf")
    return _Fit(subject.claims, subject.eps, bool(worst) and 2 * within > len(worst), error)
