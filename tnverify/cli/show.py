"""`tnverify show`: a report again, from its file alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tnverify.cli.errors import BAD_INPUT, bad, complain
from tnverify.cli.options import color_option, report_options, verbose_option
from tnverify.cli.reports import REPORT, read

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("report", type=REPORT, metavar="REPORT.json")
@report_options
@verbose_option
@color_option
def command(
    report: Path, *, reports: tuple[str, ...], json_file: Path | None, verbose: bool, no_color: bool
) -> int:
    """Show a report that --report json:FILE wrote, or write it in another form.

    Nothing is verified, and the layers need not be there. Ends with 0.
    """
    from tnverify.report.forms import destinations, write
    from tnverify.report.paths import OutputError

    try:
        asked = destinations(reports, json_file)
    except OutputError as error:
        raise bad(error) from None
    run = read(report)
    failed = write(run, asked)
    for line in failed:
        complain(line)
    if not asked:
        from tnverify.report.terminal import console, print_run

        print_run(run, console(color=not no_color), verbose=verbose)
    return BAD_INPUT if failed else 0
