"""`tnverify replay`: the counterexamples of a report, on the code of today."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tnverify.cli.options import color_option
from tnverify.cli.reports import REPORT, check_law, read

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("report", type=REPORT, metavar="REPORT.json")
@click.argument("law", required=False)
@color_option
def command(report: Path, law: str | None, *, no_color: bool) -> int:
    """Ask the laws that failed again, on the tasks on which they did: fixed, or still failing.

    LAW asks that one alone. Layers are built as the report says, from the code that is there now.
    Ends with 1 where a must-level law still fails, 2 where a layer cannot be built, 3 where a task
    says nothing now, else with 0.
    """
    run = read(report)
    if law is not None:
        check_law(run, law, report)
    from tnverify.engine.replay import exit_code, replay
    from tnverify.isolation.processes import cores
    from tnverify.report.replays import replay_lines
    from tnverify.report.terminal import console, show

    if run.command == "audit":
        from tnverify.auditing.replaying import replay as replay_audit

        found = replay_audit(run, law)
    else:
        found = replay(run, law, cores())
    on = console(color=not no_color)
    show(replay_lines(found, on.width), on)
    return exit_code(found)
