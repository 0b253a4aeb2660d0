"""The laws of audits, a module a family. `LAWS` is all of them, in the order of reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.auditing.laws import (
    evaluation,
    labels,
    lengths,
    missing,
    number,
    other_targets,
    pushed,
    reported,
    state,
    surroundings,
)

if TYPE_CHECKING:
    from tnverify.auditing.laws.declare import AuditLaw

LAWS: tuple[AuditLaw, ...] = (
    *other_targets.LAWS,
    *pushed.LAWS,
    *missing.LAWS,
    *number.LAWS,
    *lengths.LAWS,
    *labels.LAWS,
    *reported.LAWS,
    *state.LAWS,
    *evaluation.LAWS,
    *surroundings.LAWS,
)
