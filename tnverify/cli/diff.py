"""`tnverify diff`: what changed from one report to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tnverify.cli.options import color_option
from tnverify.cli.reports import REPORT, read

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("old", type=REPORT, metavar="OLD.json")
@click.argument("new", type=REPORT, metavar="NEW.json")
@color_option
def command(old: Path, new: Path, *, no_color: bool) -> int:
    """Say what changed from one report to the next: new failures, what is fixed, margins.

    Ends with 1 where a must-level law fails that did not, 2 where a layer can no longer be used,
    3 where a law is no longer decided, else with 0, whatever still fails.
    """
    from tnverify.report.differences import difference_lines, differences
    from tnverify.report.terminal import console, show

    found = differences(read(old), read(new))
    on = console(color=not no_color)
    show(difference_lines(found, on.width), on)
    return found.exit_code
