"""From what a law saw to its verdict, and from the laws' verdicts to the subject's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.engine.results import BAD, LawVerdict, Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.engine.failures import Smallest
    from tnverify.engine.trial import LawRecord

FLOW_FAMILIES = ("transductivity", "context", "batch_size", "task_isolation")
"""Families of information flow: without one law of them held, nothing was certified."""


def law_verdict(record: LawRecord, smallest: Smallest | None) -> LawVerdict:
    """The verdict on one law; `smallest` belongs to a law that failed."""
    if record.failure is not None:
        _, lane, first = record.failure
        ended = first if smallest is None else smallest.ended
        return LawVerdict(
            law=record.law,
            outcome="broken" if first.ending == "broken" else "violated",
            reason=ended.reason,
            lane="float64" if lane == "float64" else "native",
            examples=record.counted,
            to_detection=record.tried,
            seconds=record.seconds,
            formula_seconds=record.formula_seconds,
            margin=record.margin,
            expected=ended.expected,
            actual=ended.actual,
            symptom=ended.symptom,
            counterexample=None if smallest is None else smallest.counterexample,
            refused=record.refused,
        )
    outcome: Outcome = "held"
    reason = None
    if record.not_claimed is not None:
        outcome, reason = "not_claimed", record.not_claimed
    elif record.given_up is not None:
        outcome, reason = "inconclusive", record.given_up
    elif record.refusal is not None and record.refused > record.counted:
        outcome, reason = "not_claimed", _mostly_refused(record, record.refusal)
    elif not record.counted:
        outcome, reason = "inconclusive", f"no task counted: {record.why_nothing_counted}"
    held = outcome == "held"
    lanes = [lane for lane, seen in record.lanes.items() if seen.counted]
    return LawVerdict(
        law=record.law,
        outcome=outcome,
        reason=reason,
        lane="both" if len(lanes) != 1 else "float64" if lanes[0] == "float64" else "native",
        held_as=("exact" if record.exact else "rounded") if held else None,
        examples=record.counted,
        seconds=record.seconds,
        formula_seconds=record.formula_seconds,
        margin=record.margin if held else None,
        refused=record.refused,
    )


def _mostly_refused(record: LawRecord, refusal: str) -> str:
    """Why a law is left out that the layer let count on a minority of its tasks alone."""
    if not record.counted:
        return refusal
    why = refusal.removeprefix("the layer refuses such tasks: ")
    return f"the layer refused {record.refused} of {record.counted + record.refused} tasks: {why}"


def subject_verdict(
    laws: Sequence[LawVerdict], asleep: Sequence[str]
) -> tuple[Verdict, str | None]:
    """The subject's verdict, with the reason where it is inconclusive.

    A law that could not be decided takes nothing from those that were, as long as they say how
    information flows. Where no law of information flow was asked (`--only`), those that were
    decide.
    """
    musts = [v for v in laws if v.law.level == "must"]
    if any(v.outcome in BAD for v in musts):
        return "violates", None
    if asleep:
        return "inconclusive", (
            f"the suite did not catch its own known-bad layer of {', '.join(asleep)}"
        )
    flow = [v for v in laws if v.law.family in FLOW_FAMILIES]
    others = [v for v in flow if v.law.family == "transductivity"]
    for asked in (others, flow):
        unsure = [v for v in asked if v.outcome == "inconclusive"]
        if unsure and not any(map(_is_decided, asked)):
            return "inconclusive", _first_of(unsure)
    if flow and not any(map(_is_decided, flow)):
        return "inconclusive", "no law of information flow was checked and held"
    unsure = [v for v in musts if v.outcome == "inconclusive"]
    if len(unsure) > sum(v.outcome == "held" for v in musts):
        return "inconclusive", _first_of(unsure)
    if not any(map(_is_decided, laws)):
        return "inconclusive", "no law was checked and held"
    return "conforms", None


def _is_decided(verdict: LawVerdict) -> bool:
    return verdict.outcome in ("held", "waived")


def _first_of(unsure: Sequence[LawVerdict]) -> str:
    more = f" and {len(unsure) - 1} more" if len(unsure) > 1 else ""
    return f"{unsure[0].law.name}{more}: {unsure[0].reason}"
