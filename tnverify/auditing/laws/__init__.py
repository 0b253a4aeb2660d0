"""The laws of audits, a module a family. `LAWS` is all of them, in the order of reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.auditing.laws import evaluation, labels, number, other_targets, state

if TYPE_CHECKING:
    from tnverify.auditing.laws.declare import AuditLaw

LAWS: tuple[AuditLaw, ...] = (
    *other_targets.LAWS,
    *number.LAWS,
    *labels.LAWS,
    *state.LAWS,
    *evaluation.LAWS,
)
