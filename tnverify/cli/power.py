"""`tnverify power`: what the laws catch of the planted faults, and whether they cry wolf."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tnverify.cli.errors import BAD_INPUT, INTERRUPTED, bad, complain, unknown
from tnverify.cli.options import (
    color_option,
    limits_of,
    processes,
    size_options,
    subject_options,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tnverify.catalogue import Catalogue
    from tnverify.engine.profiles import Profile
    from tnverify.power.alarms import Study
    from tnverify.power.census import Census

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("spec", required=False, metavar="[SPEC]")
@click.option(
    "--claims",
    metavar="SCHEME[,MODIFIER...]",
    help="With SPEC: what the layer claims to be. Else measured.",
)
@subject_options
@size_options
@click.option(
    "--profile",
    default="default",
    show_default=True,
    metavar="quick|default|thorough",
    help="Whose budget the laws have.",
)
@click.option("--seed", default=0, show_default=True, help="The first seed.")
@click.option(
    "--seeds",
    default=1,
    show_default=True,
    metavar="N",
    type=click.IntRange(min=1),
    help="How many seeds: every fault should die at each.",
)
@click.option(
    "--family",
    "families",
    multiple=True,
    callback=words,
    metavar="FAMILY,...",
    help="The planted faults of these families alone. Repeatable.",
)
@click.option(
    "--matrix/--no-matrix",
    default=None,
    help="Ask every law of every fault, at the first seed; else until one kills. With SPEC, of"
    " every mutant.  [default: matrix; with SPEC, where a figure is asked for]",
)
@click.option(
    "--jobs",
    default="auto",
    show_default=True,
    callback=processes,
    metavar="N|auto",
    help="How many processes, of one thread each; auto: one a core.",
)
@click.option("--json", "json_file", type=_PATH, metavar="FILE", help="Write all of it as JSON.")
@click.option(
    "--figure",
    type=_PATH,
    metavar="FILE",
    help="Draw the matrix as .png, .svg or .pdf (needs matplotlib).",
)
@click.option(
    "--sound",
    is_flag=True,
    help="Instead: verify sound layers of many formulations, of which no law may complain.",
)
@click.option(
    "--audits",
    is_flag=True,
    help="Instead: planted and sound learners, predictors and evaluations before the laws of"
    " `tnverify audit`.",
)
@click.option(
    "--refresh",
    is_flag=True,
    help="Keep the score in the package, where reports quote it (for developers).",
)
@color_option
def command(
    *,
    spec: str | None,
    claims: str | None,
    adapter: str | None,
    handles: dict[str, str],
    setup: str | None,
    device: str,
    profile: str,
    seed: int,
    seeds: int,
    families: tuple[str, ...],
    matrix: bool | None,
    jobs: int | None,
    json_file: Path | None,
    figure: Path | None,
    sound: bool,
    audits: bool,
    refresh: bool,
    no_color: bool,
    **sizes: Any,
) -> int:
    """Measure what the laws catch: planted faults are replayed on every law.

    Shows the share of them that the profile catches, after how many tasks, and which laws kill
    which. With SPEC, mutants of that layer take the place of the faults: small changes to its
    source, and to what it does. Ends with 0 where every one dies, 1 where one survives. With
    --sound, 1 where a law blames a sound layer, 3 where one is left undecided.
    """
    _check_outputs(json_file, figure, matrix=matrix is not False)
    if spec is not None:
        own = {"--sound": sound, "--audits": audits}
        _refuse(own, "verifies layers of its own: leave it out where SPEC is given")
        planted = {"--family": families, "--seeds": seeds > 1, "--refresh": refresh}
        _refuse(planted, "is about planted faults: leave it out where SPEC is given")
        from tnverify.cli.power_layer import survey_layer
        from tnverify.subjects import SubjectRecipe

        return survey_layer(
            SubjectRecipe(spec, claims, adapter, handles, setup, limits_of(sizes)),
            profile,
            seed,
            device=device,
            jobs=jobs,
            matrix=figure is not None if matrix is None else matrix,
            json_file=json_file,
            figure=figure,
            tried=_tried,
            no_color=no_color,
        )
    layer = {"--claims": claims, "--adapter": adapter, "--handle": handles, "--setup": setup}
    _refuse(layer, "says how a layer is to be held to the laws: name the layer too")
    matrix = matrix is not False
    if audits:
        layers = {"--family": families, "--figure": figure, "--refresh": refresh, "--sound": sound}
        _refuse(layers, "is about layers: leave it out where --audits is asked")
        from tnverify.cli.power_audits import survey_audits

        good, written = survey_audits(
            profile,
            range(seed, seed + seeds),
            every=matrix,
            jobs=jobs,
            json_file=json_file,
            tried=_tried,
            no_color=no_color,
        )
        return 1 if not good else 0 if written else BAD_INPUT
    if sound:
        planted = {"--family": families, "--figure": figure, "--refresh": refresh}
        _refuse(planted, "is about planted faults: leave it out where --sound is asked")
        return _study(
            profile, range(seed, seed + seeds), device, jobs, json_file, no_color=no_color
        )
    # Only now: an unusable path is told at once, torch takes a second to import.
    from tnverify.catalogue import load_catalogue
    from tnverify.faults import FAMILIES
    from tnverify.isolation.processes import cores
    from tnverify.power.census import take, zoo
    from tnverify.power.shown import census_lines
    from tnverify.report.progress import progress
    from tnverify.report.terminal import console, show

    for family in families:
        if family not in FAMILIES:
            raise unknown("family of faults", family, FAMILIES)
    if refresh and families:
        raise bad("--refresh keeps the score of the whole zoo: leave --family out")
    budget = _budget(profile, device)
    with progress(color=not no_color) as shown:
        census = take(
            zoo(families),
            budget,
            range(seed, seed + seeds),
            device=device,
            jobs=jobs or cores(),
            matrix=matrix,
            progress=shown,
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


def _refuse(given: Mapping[str, object], why: str) -> None:
    """Bad input, where one of these options was given."""
    for option, value in given.items():
        if value:
            raise bad(f"{option} {why}")


def _study(
    profile: str,
    seeds: range,
    device: str,
    jobs: int | None,
    json_file: Path | None,
    *,
    no_color: bool,
) -> int:
    """The study of false alarms; Ctrl-C keeps what was found so far."""
    from tnverify.isolation.processes import cores
    from tnverify.power.alarms import candidates, study
    from tnverify.power.alarms_shown import study_lines, study_text
    from tnverify.report.paths import write_atomically
    from tnverify.report.progress import progress
    from tnverify.report.terminal import console, show

    budget = _budget(profile, device)
    found: list[Study] = []
    interrupted = False
    with progress(color=not no_color) as shown:
        try:
            for each in study(
                candidates(),
                budget,
                seeds,
                device=device,
                jobs=jobs or cores(),
                progress=shown,
            ):
                found.append(each)  # noqa: PERF402 - what was found before Ctrl-C is kept
        except KeyboardInterrupt:
            interrupted = True
    if not found:
        complain("interrupted")
        return INTERRUPTED
    written = json_file is None or _tried(
        f"--json {json_file}",
        lambda: write_atomically(json_file, study_text(found, budget, device)),
    )
    on = console(color=not no_color)
    show(study_lines(found, budget, on.width), on)
    if interrupted:
        return INTERRUPTED
    if any(each.false_alarms for each in found):
        return 1
    return 3 if any(each.inconclusive for each in found) else 0 if written else BAD_INPUT


def _budget(profile: str, device: str) -> Profile:
    """The profile of that name, once both it and the device are known to be there."""
    from tnverify.engine.profiles import find_profile
    from tnverify.engine.run import check_device

    try:
        check_device(device)
        return find_profile(profile)
    except ValueError as error:
        raise bad(error) from None


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
