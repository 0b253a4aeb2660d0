"""Counterexamples of an audit's report, asked again of the code as it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tnverify.auditing.options import AuditOptions
from tnverify.auditing.run import audit
from tnverify.auditing.waived import place_of
from tnverify.engine.replay import Now, Replayed, replayable

if TYPE_CHECKING:
    from tnverify.engine.results import Counterexample, RunReport, SubjectReport


def replay(run: RunReport, law: str | None = None) -> list[Replayed]:
    """Ask every law again that has a counterexample, on its task, of the subject as it is now."""
    return [
        Replayed(subject.spec, verdict, *_now(run, subject, verdict.law.name, example))
        for subject, verdict, example in replayable(run, law)
    ]


def _now(
    run: RunReport, subject: SubjectReport, law: str, example: Counterexample
) -> tuple[Now, str | None]:
    place = place_of(example.plan)
    asked: dict[str, Any] = {} if subject.audit is None else dict(subject.audit.asked)
    if place is None or asked.pop("given_tasks", False):
        return "cannot_be_built", "its tasks were given as objects: audit it again where they are"
    if isinstance(asked.get("input_shape"), list):
        asked["input_shape"] = tuple(asked["input_shape"])
    task, seed = place
    try:
        options = AuditOptions(**asked, only=(law,), seed=seed, task=task, profile=run.profile)
        found = audit(subject.spec, options, use_waivers=False).subjects[0]
    except (TypeError, ValueError) as error:
        return "undecided", f"it is asked no more: {error}"
    if found.verdict == "unusable":
        return "cannot_be_built", found.reason
    verdict = found.verdict_of(law)
    if verdict.outcome in ("violated", "broken"):
        return "still_fails", verdict.reason
    return ("fixed", None) if verdict.outcome == "held" else ("undecided", verdict.reason)
