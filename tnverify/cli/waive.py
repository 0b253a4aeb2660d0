"""`tnverify waive`: note a failure as known, with its reason and the task that shows it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tnverify.cli.errors import bad
from tnverify.cli.reports import REPORT, check_law, read

if TYPE_CHECKING:
    import datetime as dt


@click.command()
@click.argument("report", type=REPORT, metavar="REPORT.json")
@click.argument("law")
@click.option("--reason", required=True, metavar="TEXT", help="Why it is let be.")
@click.option("--subject", metavar="SPEC", help="The layer, where it fails for several.")
@click.option(
    "--expires",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="The last day on which it is waived.",
)
@click.option(
    "--waivers",
    "path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The TOML file to add it to.  [default: ./pyproject.toml]",
)
def command(
    report: Path,
    law: str,
    *,
    reason: str,
    subject: str | None,
    expires: dt.datetime | None,
    path: Path | None,
) -> int:
    """Waive a law that fails: write it down with its reason and its smallest failing task.

    A waiver is strict: once the law holds on that task, `verify` says that the waiver is stale.
    """
    from tnverify.engine.waivers import WaiverError
    from tnverify.engine.waiving import with_waiver
    from tnverify.report.paths import OutputError, check_file, write_atomically

    if not reason.strip():
        raise bad("--reason is empty: say why the failure is let be")
    run = read(report)
    failing = check_law(run, law, report)
    chosen = [each for each in failing if subject in (None, each.spec)]
    named = ", ".join(each.spec for each in failing)
    if not chosen:
        raise bad(f"--subject {subject}: {law} fails for {named}")
    if len({each.spec for each in chosen}) > 1:
        raise bad(f"{law} fails for {named}: say for which with --subject")
    if path is None:
        path = Path("pyproject.toml")
        if not path.is_file():
            raise bad("there is no pyproject.toml here: name a file with --waivers")
    example = chosen[0].verdict_of(law).counterexample
    assert example is not None
    until = None if expires is None else expires.date()
    try:
        check_file(path, "--waivers")
        text = with_waiver(path, law, chosen[0].spec, reason.strip(), example, until)
        write_atomically(path, text)
    except (OutputError, WaiverError) as error:
        raise bad(error) from None
    except OSError as error:
        raise bad(f"--waivers {path}: {error.strerror or error}") from None
    click.echo(f"{law} of {chosen[0].spec} is waived in {path}")
    return 0
