"""`tnverify verify`: hold layers to the laws and say what was found."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tnverify.cli.errors import BAD_INPUT, INTERRUPTED, bad, complain
from tnverify.cli.options import (
    color_option,
    limits_of,
    processes,
    report_options,
    size_options,
    subject_options,
    verbose_option,
    words,
)

if TYPE_CHECKING:
    from tnverify.contract.limits import Limits
    from tnverify.engine.results import RunReport
    from tnverify.report.forms import Destination

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("specs", nargs=-1, metavar="[SPEC]...")
@click.option(
    "--claims",
    metavar="SCHEME[,MODIFIER...]",
    help="What the layers claim to be, such as tasknorm_i,unbiased. Else measured.",
)
@subject_options
@size_options
@click.option(
    "--profile",
    default="default",
    show_default=True,
    metavar="quick|default|thorough",
    help="How much is spent.",
)
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same report.")
@click.option(
    "--only",
    multiple=True,
    callback=words,
    metavar="LAW|FAMILY,...",
    help="Check these laws alone. Repeatable.",
)
@click.option(
    "--skip",
    multiple=True,
    callback=words,
    metavar="LAW|FAMILY,...",
    help="Leave these laws out. Repeatable.",
)
@click.option(
    "--jobs",
    default="auto",
    show_default=True,
    callback=processes,
    metavar="N|auto",
    help="How many processes verify at a time, auto: one a core. Fewer layers than that share"
    " their laws out; the report is the same.",
)
@report_options
@click.option(
    "--out",
    type=_PATH,
    default=Path("tnverify-out"),
    show_default=True,
    metavar="DIR",
    help="Where programs that fail as the layer did are written.",
)
@click.option(
    "--waivers",
    type=_PATH,
    metavar="FILE",
    help="Known failures, as TOML. Else [[tool.tnverify.waivers]] of ./pyproject.toml.",
)
@click.option(
    "--durations",
    type=click.IntRange(min=0),
    metavar="N",
    help="Print which N laws took longest, 0 for all.",
)
@click.option(
    "--installed", is_flag=True, help="Verify the layers that installed packages announce."
)
@verbose_option
@color_option
def command(
    specs: tuple[str, ...],
    *,
    claims: str | None,
    adapter: str | None,
    handles: dict[str, str],
    setup: str | None,
    device: str,
    profile: str,
    seed: int,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    jobs: int | None,
    json_file: Path | None,
    reports: tuple[str, ...],
    out: Path,
    waivers: Path | None,
    durations: int | None,
    installed: bool,
    verbose: bool,
    no_color: bool,
    **sizes: Any,
) -> int:
    """Verify layers. No SPEC: those of [tool.tnverify] in ./pyproject.toml, or, where it names
    none, the reference layers and torch's own.

    Ends with 0 where every layer conforms, 1 where one violates its claims, 2 where one cannot
    be used, 3 where nothing was decided.
    """  # fmt: skip
    destinations = _checked_paths(reports, json_file, out)
    limits = limits_of(sizes)
    # Only now: an unusable path is told at once, torch takes a second to import.
    from tnverify.bad_input import BadInput
    from tnverify.cli.unnamed import not_named
    from tnverify.engine.check import check_options
    from tnverify.engine.options import RunOptions
    from tnverify.engine.run import verify
    from tnverify.isolation.processes import cores
    from tnverify.report.progress import progress
    from tnverify.subjects import SubjectRecipe

    if not gc.get_freeze_count():
        # What torch and Hypothesis made when they were imported is there to stay: nothing is
        # gained by looking through all of it whenever memory is collected.
        gc.freeze()
    options = RunOptions(
        profile=profile,
        seed=seed,
        only=only,
        skip=skip,
        device=device,
        out=out,
        waivers=waivers,
        jobs=jobs or cores(),
    )
    try:
        check_options(options, claims=claims, adapter=adapter, handles=handles)
    except BadInput as error:
        raise bad(error) from None
    requests = [SubjectRecipe(spec, claims, adapter, handles, setup, limits) for spec in specs]
    if not requests:
        _expect_nothing_said(claims, adapter, handles, setup, limits)
        requests, options, more = not_named(options, installed=installed)
        destinations = _checked_paths(reports or more, json_file, options.out or out)
    elif installed:
        raise bad("--installed verifies what packages announce: name no SPEC beside it")
    with progress(color=not no_color) as shown:
        run = verify(requests, options, shown)
    written = _hand_over(run, destinations, durations, verbose=verbose, no_color=no_color)
    # A report that was asked for and is not there is a failure, but a violation outweighs it.
    return run.exit_code if written or run.exit_code in (1, INTERRUPTED) else BAD_INPUT


def _checked_paths(
    reports: tuple[str, ...], json_file: Path | None, out: Path
) -> tuple[Destination, ...]:
    from tnverify.report.forms import destinations
    from tnverify.report.paths import OutputError, check_folder

    try:
        found = destinations(reports, json_file)
        check_folder(out, "--out")
    except OutputError as error:
        raise bad(error) from None
    return found


def _expect_nothing_said(
    claims: str | None,
    adapter: str | None,
    handles: dict[str, str],
    setup: str | None,
    limits: Limits,
) -> None:
    """Refuse what says how one layer is verified, where none is named."""
    from tnverify.contract.limits import Limits

    sizes = limits != Limits()
    given = {"--claims": claims, "--adapter": adapter, "--handle": handles, "--setup": setup}
    for option, value in (*given.items(), ("a size of input", sizes)):
        if value:
            raise bad(f"{option} says how a layer is to be verified: name the layer too")


def _hand_over(
    run: RunReport,
    destinations: tuple[Destination, ...],
    durations: int | None,
    *,
    verbose: bool,
    no_color: bool,
) -> bool:
    """Write and print the report; returns whether all that was asked for was written.

    Files first: a reader of stdout that goes away must not cost them. Where a report goes to
    stdout, it is all that is printed there.
    """
    from tnverify.report.forms import write

    for subject in run.subjects:
        if subject.verdict == "unusable":
            complain(f"{subject.spec}: {subject.reason}")
    failed = write(run, destinations)
    for line in failed:
        complain(line)
    unusable = [s for s in run.subjects if s.verdict == "unusable"]
    alone = len(run.subjects) == 1 and bool(unusable) and not run.interrupted
    if alone or any(each.path is None for each in destinations):
        return not failed
    from tnverify.report.terminal import console, print_run

    on = console(color=not no_color)
    print_run(run, on, verbose=verbose)
    if durations is not None:
        from tnverify.report.durations import duration_lines
        from tnverify.report.terminal import show

        show(duration_lines(run, durations, on.width), on)
    return not failed
