"""Reports of several runs as one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.engine.results import RunReport, SubjectReport


def merged(runs: Sequence[RunReport]) -> RunReport:
    """Return one report with every subject of some runs; of one that several verified, that run
    which asked most laws.

    Settings are those of the first. It is partial where a run was.
    """
    first = runs[0]
    subjects: dict[str, SubjectReport] = {}
    for run in runs:
        for subject in run.subjects:
            known = subjects.get(subject.spec)
            if known is None or len(subject.laws) > len(known.laws):
                subjects[subject.spec] = subject
    return replace(
        first,
        subjects=tuple(subjects.values()),
        seconds=sum(run.seconds for run in runs),
        interrupted=any(run.interrupted for run in runs),
        asleep=tuple(dict.fromkeys(name for run in runs for name in run.asleep)),
        only=tuple(dict.fromkeys(name for run in runs for name in run.only)),
        skip=tuple(dict.fromkeys(name for run in runs for name in run.skip)),
    )
