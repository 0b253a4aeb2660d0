"""Replaying a corpus on laws as the engine does, where one answer serves every law."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.engine.corpora import plans_for
from tnverify.engine.profiles import PROFILES
from tnverify.engine.trial import LawRecord, try_laws
from tnverify.plans import corpus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tnverify.catalogue import Law
    from tnverify.subjects import Subject


def replay(
    subject: Subject, laws: Iterable[Law], *, tasks: int, seed: int = 1, wide: bool = False
) -> list[LawRecord]:
    """What each law saw of the subject, on wide plans too if asked; it stops where it fails."""
    plans = corpus(seed, tasks, rank=subject.rank, step=subject.channel_step, allow_past=True)
    more = plans_for(subject, seed, PROFILES["default"]).wide if wide else ()
    return try_laws(subject, laws, plans, PROFILES["thorough"], wide=more)
