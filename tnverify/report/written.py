"""Reports in files, as FORM:FILE names them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tnverify.bad_input import BadInput
from tnverify.report.as_json import report_text
from tnverify.report.paths import check_file, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable

    from tnverify.engine.results import RunReport

FORMS: dict[str, Callable[[RunReport], str]] = {"json": report_text}
"""How each form is written."""


def check_report(given: str, option: str) -> tuple[str, Path]:
    """Return the form and the file that FORM:FILE names.

    Raises BadInput for a form that there is not, and OutputError for a file that cannot be.
    """
    from tnverify.contract.claims import nearest

    form, colon, file = given.partition(":")
    if not colon or not file:
        raise BadInput(f"{option} {given}: write FORM:FILE, for example json:report.json")
    if form not in FORMS:
        raise BadInput(f"{option} {given}: unknown form {form!r}: {nearest(form, tuple(FORMS))}")
    check_file(Path(file), option)
    return form, Path(file)


def write_report(run: RunReport, given: str) -> None:
    """Write the report as FORM:FILE says, whole or not at all. Raises OSError where it cannot."""
    form, _, file = given.partition(":")
    write_atomically(Path(file), FORMS[form](run))
