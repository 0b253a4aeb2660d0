"""Who reads whom, as the cells of a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tnverify.engine.results import Flow, Output, SubjectReport

COLUMNS: tuple[tuple[Output, str, str], ...] = (
    ("target", "itself", "itself"),
    ("target", "context", "context"),
    ("target", "other_targets", "other targets"),
    ("target", "past", "earlier tasks"),
    ("context", "itself", "itself"),
    ("context", "context", "other context items"),
    ("context", "targets", "targets"),
    ("context", "past", "earlier tasks"),
)
"""Output, source, and what the source is called."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How a cell looks, by the class that colours it; what it means, in few words."""

    sign: str
    means: str
    tone: str


MUST = Mark("●", "must read and does", "good")
MAY = Mark("◐", "may read and does", "quiet")
ZERO = Mark("0", "exactly zero: not read", "quiet")
LEAK = Mark("✕", "reads and may not", "bad")
MISSING = Mark("○", "claimed, but not read", "bad")
READS = Mark("●", "reads; nothing is claimed of it", "quiet")
UNKNOWN = Mark("?", "not measured", "unsure")

LEGEND = (MUST, MAY, ZERO, LEAK, MISSING, UNKNOWN)


def marks(subject: SubjectReport) -> tuple[Mark, ...]:
    """A mark for each of `COLUMNS`; empty where nothing was measured."""
    known = {(flow.output, flow.source): flow for flow in subject.flows}
    if not known:
        return ()
    return tuple(
        _mark(known[output, source]) if (output, source) in known else UNKNOWN
        for output, source, _ in COLUMNS
    )


def _mark(flow: Flow) -> Mark:
    if flow.found == "not_measured":
        return UNKNOWN
    if flow.found == "exactly_zero":
        return MISSING if flow.claimed == "must" else ZERO
    return {"must": MUST, "may": MAY, "may_not": LEAK, None: READS}[flow.claimed]
