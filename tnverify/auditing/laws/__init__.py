"""The laws of audits, a module a family. `LAWS` is all of them, in the order of reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

<<<<<<< HEAD:tnverify/audit/laws/__init__.py
from tnverify.auditing.laws import (
    labels,
    lengths,
    missing,
    number,
    other_targets,
    state,
    surroundings,
)
=======
from tnverify.auditing.laws import labels, number, other_targets, state
>>>>>>> hA:tnverify/auditing/laws/__init__.py

if TYPE_CHECKING:
    from tnverify.auditing.laws.declare import AuditLaw

LAWS: tuple[AuditLaw, ...] = (
    *other_targets.LAWS,
    *missing.LAWS,
    *number.LAWS,
    *lengths.LAWS,
    *labels.LAWS,
    *state.LAWS,
    *surroundings.LAWS,
)
