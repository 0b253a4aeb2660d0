"""The forms that a report comes in, and where they are written to."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from tnverify.report.paths import OutputError, check_file, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tnverify.engine.results import RunReport

    Writer = Callable[[RunReport], str]

STDOUT = "-"
REPORT, JSON = "--report", "--json"


@dataclass(frozen=True, slots=True)
class Form:
    """A form: what it is for, and the writer, a function `RunReport -> str`, as module:name."""

    what: str
    writer: str

    def text(self, run: RunReport) -> str:
        """The report in this form."""
        module, _, name = self.writer.partition(":")
        write: Writer = getattr(import_module(module), name)
        return write(run).encode("utf-8", "backslashreplace").decode()


FORMS: dict[str, Form] = {
    "json": Form("the whole report, which can be shown again", "tnverify.report.as_json:to_json"),
    "html": Form("one page that stands by itself", "tnverify.report.as_html:to_html"),
    "markdown": Form(
        "a comment on a pull request, failures first", "tnverify.report.as_markdown:to_markdown"
    ),
    "junit": Form("JUnit XML, a test case a law", "tnverify.report.as_junit:to_junit"),
    "sarif": Form(
        "SARIF 2.1.0, for what shows findings beside code", "tnverify.report.as_sarif:to_sarif"
    ),
    "badge": Form("an endpoint of shields.io", "tnverify.report.as_badge:to_badge"),
    "terminal": Form("what a terminal shows, in plain text", "tnverify.report.terminal:to_text"),
}
"""Every form, by its name: the only place that knows them all."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A form, and the file that it goes to: None for stdout. `option` named it."""

    form: str
    path: Path | None
    option: str = REPORT

    @property
    def given(self) -> str:
        """As it was written on the command line."""
        to = STDOUT if self.path is None else str(self.path)
        return f"{self.option} {to}" if self.option == JSON else f"{self.option} {self.form}:{to}"

    def check(self) -> None:
        """Raise OutputError, naming the option, unless it can be written."""
        if self.path is None:
            return
        try:
            check_file(self.path, "")
        except OutputError as error:
            raise OutputError(f"{self.given}: {str(error).partition(': ')[2]}") from None


def destinations(
    given: Sequence[str], json_file: Path | None = None, option: str = REPORT
) -> tuple[Destination, ...]:
    """What `option`, FORM:FILE each, and --json name. Raises OutputError unless each can be
    written, and no two go to one place."""
    found = [destination(each, option) for each in given]
    if json_file is not None:
        found.insert(0, Destination("json", json_file, JSON))
    check(found)
    return tuple(found)


def destination(given: str, option: str = REPORT) -> Destination:
    """What FORM:FILE names. Raises OutputError for a form that there is none of, or no file."""
    form, colon, file = given.partition(":")
    if form not in FORMS:
        from tnverify.contract.claims import nearest  # brings torch: only once something is wrong

        hint = nearest(form, tuple(FORMS))
        raise OutputError(f"{option} {given}: unknown form {form!r}: {hint}")
    if not colon or not file:
        raise OutputError(f"{option} {given}: write FORM:FILE, such as {form}:FILE, or {form}:-")
    return Destination(form, None if file == STDOUT else Path(file), option)


def check(destinations: Sequence[Destination]) -> None:
    """Raise OutputError unless every destination can be written, and none twice."""
    seen: dict[Path | None, Destination] = {}
    for each in destinations:
        place = None if each.path is None else each.path.resolve()
        if place in seen:
            raise OutputError(f"{each.given} and {seen[place].given} go to one place: name another")
        seen[place] = each
        each.check()


def write(run: RunReport, destinations: Sequence[Destination]) -> list[str]:
    """Write the report wherever it is to go, each file whole or not at all; what failed, a line
    each. Stdout comes last: a reader that goes away must not cost a file."""
    failed = []
    for each in sorted(destinations, key=lambda d: d.path is None):
        text = FORMS[each.form].text(run)
        if each.path is None:
            sys.stdout.write(text)
            continue
        try:
            write_atomically(each.path, text)
        except OSError as error:
            failed.append(f"{each.given}: {error.strerror or error}")
    return failed
