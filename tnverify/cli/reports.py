"""Reports that commands read: named in the error where they cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tnverify.cli.errors import bad

if TYPE_CHECKING:
    from tnverify.engine.results import RunReport, SubjectReport

REPORT = click.Path(path_type=Path)


def read(path: Path) -> RunReport:
    """The report in a file; bad input where there is none."""
    from tnverify.report.reading import ReportError, read_report

    try:
        return read_report(path)
    except ReportError as error:
        raise bad(error) from None


def check_law(run: RunReport, law: str, path: Path) -> list[SubjectReport]:
    """The subjects whose counterexample of this law the report has; bad input where none has."""
    from tnverify.contract.claims import nearest

    failing = tuple(
        dict.fromkeys(
            v.law.name for s in run.subjects for v in s.laws if v.counterexample is not None
        )
    )
    if law not in failing:
        asked = {v.law.name for s in run.subjects for v in s.laws}
        if law in asked:
            raise bad(f"{path}: {law} has no counterexample there: it does not fail")
        hint = nearest(law, failing) if failing else "no law of it fails"
        raise bad(f"{path}: no law {law!r} that fails there: {hint}")
    return [
        subject
        for subject in run.subjects
        if any(v.law.name == law and v.counterexample is not None for v in subject.laws)
    ]
