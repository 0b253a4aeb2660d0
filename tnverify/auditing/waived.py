"""Known failures of audits: asked again on their witness alone."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tnverify.engine.results import LawVerdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tnverify.auditing.laws.declare import AuditLaw
    from tnverify.auditing.running import Told
    from tnverify.engine.waivers import Waiver


def waiver_for(waivers: Sequence[Waiver], spec: str, law: AuditLaw) -> Waiver | None:
    """The waiver of a law for a subject, where there is one that has not expired."""
    today = dt.datetime.now(dt.UTC).date()
    return next(
        (
            each
            for each in waivers
            if each.is_for(spec, law.name) and (each.expires is None or each.expires >= today)
        ),
        None,
    )


def place_of(plan: Any) -> tuple[int, int] | None:
    """The number of the task, and the seed, that a counterexample's plan names."""
    found = plan.get("audit") if isinstance(plan, dict) else None
    if not isinstance(found, dict):
        return None
    task, seed = found.get("task"), found.get("seed")
    return (task, seed) if type(task) is int and type(seed) is int else None


def waived(told: Told, waiver: Waiver, law: AuditLaw) -> Told:
    """What becomes of a waived law, from how it ended on the witness: waived while it fails there,
    stale where it does not."""
    ended = told.verdict
    if ended.outcome in ("violated", "broken"):
        verdict = replace(ended, outcome="waived", reason=waiver.reason)
    else:
        stale = f"declared ({waiver.reason}), but the law holds on its witness: drop the waiver"
        verdict = LawVerdict(law.facts, "stale_waiver", stale, examples=1, symptom="stale_waiver")
    return replace(told, verdict=verdict)


def on_witness(ask: Callable[[int, int], Told], waiver: Waiver, law: AuditLaw) -> Told:
    """Ask a waived law on its witness. `ask` asks it of a task's number under a seed."""
    place = place_of(waiver.witness.get("plan"))
    if place is None:
        why = "its witness names no task of an audit: take it from an audit's report"
        from tnverify.auditing.running import Told

        return Told(LawVerdict(law.facts, "stale_waiver", why, symptom="stale_waiver"))
    return waived(ask(*place), waiver, law)
