"""What processes tell each other about a subject."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that a process tells.

    `what` is one of ready, unfit, asleep, described, unusable, plan, shrink, asked, small,
    verdicts, not_written, broke, failed, traceback, printed, interrupted and done; `value` what
    belongs to it.
    """

    what: str
    value: object = None
