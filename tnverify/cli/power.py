"""`tnverify power`: what the laws catch of the planted faults, and whether they cry wolf."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tnverify.cli.errors import BAD_INPUT, INTERRUPTED, bad, complain, unknown
from tnverify.cli.options import color_option, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from tnverify.catalogue import Catalogue
    from tnverify.power.census import Census

_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--profile", default="default", show_default=True, metavar="quick|default|thorough",
              help="Whose budget the laws have.")
@click.option("--seed", default=0, show_default=True, help="The first seed.")
@click.option("--seeds", default=1, show_default=True, metavar="N", type=click.IntRange(min=1),
              help="How many seeds: every fault should die at each.")
@click.option("--family", "families", multiple=True, callback=words, metavar="FAMILY,...",
              help="The planted faults of these families alone. Repeatable.")
@click.option("--matrix/--no-matrix", default=True, show_default=True,
              help="Ask every law of every fault, at the first seed; else until one kills.")
@click.option("--jobs", default=None, metavar="N", type=click.IntRange(min=1),
              help="How many processes, of one thread each.  [default: one a processor]")
@click.option("--json", "json_file", type=_PATH, metavar="FILE", help="Write all of it as JSON.")
@click.option("--figure", type=_PATH, metavar="FILE",
              help="Draw the matrix as .png, .svg or .pdf (needs matplotlib).")
@click.option("--refresh", is_flag=True,
              help="Keep the score in the package, where reports quote it (for developers).")
@color_option
def command(
    *,
    profile: str,
    seed: int,
    seeds: int,
    families: tuple[str, ...],
    matrix: bool,
    jobs: int | None,
    json_file: Path | None,
    figure: Path | None,
    refresh: bool,
    no_color: bool,
) -> int:
    """Measure what the laws catch: planted faults are replayed on every law.

    Shows the share of them that the profile catches, after how many tasks, and which laws kill
    which. Ends with 0 where every fault dies, 1 where one survives.
    """  # fmt: skip
    _check_outputs(json_file, figure, matrix=matrix)
    # Only now: an unusable path is told at once, torch takes a second to import.
    from tnverify.catalogue import load_catalogue
    from tnverify.engine.profiles import find_profile
    from tnverify.faults import FAMILIES
    from tnverify.power.census import take, zoo
    from tnverify.power.jobs import available
    from tnverify.power.shown import census_lines
    from tnverify.report.progress import progress
    from tnverify.report.terminal import console, show

    for family in families:
        if family not in FAMILIES:
            raise unknown("family of faults", family, FAMILIES)
    if refresh and families:
        raise bad("--refresh keeps the score of the whole zoo: leave --family out")
    try:
        budget = find_profile(profile)
    except ValueError as error:
        raise bad(error) from None
    with progress(color=not no_color) as shown:
        census = take(
            zoo(families), budget, range(seed, seed + seeds), jobs=jobs or available(),
            matrix=matrix, progress=shown,
        )
    if not census.rows:
        complain("interrupted")
        return INTERRUPTED
    catalogue = load_catalogue()
    written = _written(census, catalogue, json_file, figure)
    if refresh and not census.interrupted:
        from tnverify.power.measured import keep

        written = _tried("--refresh", lambda: keep(census)) and written
    on = console(color=not no_color)
    show(census_lines(census, catalogue, on.width), on)
    if census.interrupted:
        return INTERRUPTED
    return 1 if census.survivors else 0 if written else BAD_INPUT


def _check_outputs(json_file: Path | None, figure: Path | None, *, matrix: bool) -> None:
    from tnverify.report.paths import OutputError, check_file

    try:
        for path, option in ((json_file, "--json"), (figure, "--figure")):
            if path is not None:
                check_file(path, option)
    except OutputError as error:
        raise bad(error) from None
    if figure is None:
        return
    from tnverify.power.figure import FORMATS, MissingExtraError, check_drawable

    if figure.suffix not in FORMATS:
        raise bad(f"--figure {figure}: end its name in {', '.join(FORMATS)}")
    if not matrix:
        raise bad("--figure draws the matrix: leave --no-matrix out")
    try:
        check_drawable()
    except MissingExtraError as error:
        raise bad(f"--figure: {error}") from None


def _written(
    census: Census, catalogue: Catalogue, json_file: Path | None, figure: Path | None
) -> bool:
    """Write what was asked for; returns whether all of it could be."""
    from tnverify.power.as_json import census_text
    from tnverify.report.paths import write_atomically

    done = True
    if json_file is not None:
        text = census_text(census, catalogue)
        done = _tried(f"--json {json_file}", lambda: write_atomically(json_file, text))
    if figure is not None:
        from tnverify.power.figure import write_figure

        drawn = _tried(f"--figure {figure}", lambda: write_figure(census, catalogue, figure))
        done = drawn and done
    return done


def _tried(what: str, write: Callable[[], None]) -> bool:
    """Whether it could be written; where it could not, a line says why."""
    try:
        write()
    except OSError as error:
        complain(f"{what}: {error.strerror or error}")
        return False
    return True
