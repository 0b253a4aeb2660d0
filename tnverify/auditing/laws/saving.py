"""Subjects that were saved and loaded."""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tnverify.auditing.asking import Asker
    from tnverify.auditing.driving.driven import Session
    from tnverify.auditing.task import AuditTask


def reloaded(asker: Asker, task: AuditTask) -> Iterator[tuple[str, Session]]:
    """Sessions with what was saved, and how that was done; none where it cannot be done.

    A state_dict is loaded into a subject whose own starting values are others. A pickled one was
    shown the context of the task before.
    """
    session = asker.session()
    if isinstance(session.subject, nn.Module) and session.subject.state_dict():
        file = io.BytesIO()
        torch.save(session.subject.state_dict(), file)
        file.seek(0)
        fresh = asker.session(build=asker.options.seed + 99)
        try:
            fresh.subject.load_state_dict(torch.load(file, weights_only=False))
        except (RuntimeError, AttributeError, TypeError, ValueError):
            return  # it does not load: a person sees that at once
        yield "saved as a state_dict", fresh
    yield from _pickled(asker, task)


def _pickled(asker: Asker, task: AuditTask) -> Iterator[tuple[str, Session]]:
    session = asker.session().fit(task)
    try:
        loaded = pickle.loads(pickle.dumps((session.subject, session.state)))  # noqa: S301 - its own
    except Exception:  # noqa: BLE001 - what cannot be pickled is not asked
        return
    session.subject, session.state = loaded
    yield "pickled", session
