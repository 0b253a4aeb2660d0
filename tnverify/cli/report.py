"""`tnverify report`: the reports of analyses again, or of several folders together."""

from __future__ import annotations

from pathlib import Path

import click

from tnverify.cli.analyse import check_extra, told
from tnverify.cli.errors import bad

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("folders", nargs=-1, required=True, type=_PATH, metavar="DIR...")
@click.option(
    "--out",
    type=_PATH,
    default=None,
    metavar="DIR",
    help="Where reports go; needed for several DIR.  [default: the one DIR]",
)
def command(folders: tuple[Path, ...], *, out: Path | None) -> int:
    """Write the reports of analyses again from their records, or merge folders. Trains nothing.

    DIR is what --out named when an analysis was run, or the folder of one analysis in it. The
    same analysis in several DIR becomes one report over the runs of all: more seeds, say, from
    another machine. Ends with 0 where all runs that were asked for are there, 3 where some lack.
    """  # fmt: skip
    check_extra()
    from tnverify.analyses.programs.carrying_out import ASKED, NothingToReportError, rebuild
    from tnverify.report.paths import OutputError, check_folder

    for folder in folders:
        if not folder.is_dir():
            raise bad(f"{folder} is no folder")
    if out is None:
        if len(folders) > 1:
            raise bad("several folders become one report: say where it goes with --out")
        out = folders[0].parent if (folders[0] / ASKED).is_file() else folders[0]
    try:
        check_folder(out, "--out")
        written = rebuild(folders, out)
    except (OutputError, NothingToReportError) as error:
        raise bad(error) from None
    except OSError as error:
        raise bad(f"--out {out}: {error.strerror or error}") from None
    return max(told(each) for each in written)
