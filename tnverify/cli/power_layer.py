"""`tnverify power SPEC`: mutants of a user's layer before the laws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.cli.errors import BAD_INPUT, INTERRUPTED, bad, complain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tnverify.power.mutants.survey import Survey
    from tnverify.subjects import SubjectRecipe

    Tried = Callable[[str, Callable[[], None]], bool]


def survey_layer(
    request: SubjectRecipe,
    profile: str,
    seed: int,
    *,
    device: str,
    jobs: int | None,
    matrix: bool,
    json_file: Path | None,
    figure: Path | None,
    tried: Tried,
    no_color: bool,
) -> int:
    """Make and judge the mutants, write and show what was found; returns the exit code.

    `tried` writes a file and complains where that cannot be done.
    """
    from tnverify.bad_input import BadInput
    from tnverify.engine.check import check_options
    from tnverify.engine.options import RunOptions
    from tnverify.engine.profiles import find_profile
    from tnverify.isolation.processes import cores
    from tnverify.power.mutants.survey import MissingExtraError, check_extra, survey
    from tnverify.report.progress import progress
    from tnverify.report.terminal import console, show
    from tnverify.subjects import Unusable

    try:
        check_extra()
        check_options(
            RunOptions(profile=profile, seed=seed, device=device),
            claims=request.claims,
            adapter=request.adapter,
            handles=request.handles,
        )
    except (BadInput, MissingExtraError) as error:
        raise bad(error) from None
    from tnverify.power.mutants.shown import survey_lines

    try:
        with progress(color=not no_color) as shown:
            found = survey(
                request,
                find_profile(profile),
                seed,
                device=device,
                jobs=jobs or cores(),
                matrix=matrix,
                progress=shown,
            )
    except Unusable as error:
        begins = str(error).lstrip("'").startswith(request.spec)
        raise bad(error if begins else f"{request.spec}: {error}") from None
    if found.interrupted and not found.found:
        complain("interrupted")
        return INTERRUPTED
    written = _written(found, json_file, figure, tried)
    on = console(color=not no_color)
    show(survey_lines(found, on.width), on)
    if found.interrupted:
        return INTERRUPTED
    if found.of("survives"):
        return 1
    return 3 if found.score is None else 0 if written else BAD_INPUT


def _written(found: Survey, json_file: Path | None, figure: Path | None, tried: Tried) -> bool:
    from tnverify.power.mutants.as_json import as_census, survey_text
    from tnverify.report.paths import write_atomically

    done = True
    if json_file is not None:
        text = survey_text(found)
        done = tried(f"--json {json_file}", lambda: write_atomically(json_file, text))
    if figure is not None:
        from tnverify.catalogue import load_catalogue
        from tnverify.power.figure import write_figure

        drawn = tried(
            f"--figure {figure}",
            lambda: write_figure(as_census(found), load_catalogue(), figure, "mutant"),
        )
        done = drawn and done
    return done
