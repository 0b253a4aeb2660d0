"""What `tnverify verify` verifies where no layer is named on the command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tnverify.bad_input import BadInput
from tnverify.cli.defaults import default_requests
from tnverify.cli.errors import bad
from tnverify.doors import project
from tnverify.engine.check import check_options
from tnverify.isolation.processes import cores

if TYPE_CHECKING:
    from tnverify.doors.project import Project
    from tnverify.engine.options import RunOptions
    from tnverify.subjects import SubjectRecipe

_GIVEN = click.core.ParameterSource.COMMANDLINE


def not_named(
    options: RunOptions, *, installed: bool
) -> tuple[list[SubjectRecipe], RunOptions, tuple[str, ...]]:
    """The layers that are verified where none is named, with the project's own options and
    reports where it names layers."""
    try:
        if installed:
            return project.installed(), options, ()
        found = project.read_project()
        if found is None or not found.subjects:
            return default_requests(), options, ()
        return project.recipes_of(found), _with_project(options, found), tuple(found.reports)
    except BadInput as error:
        raise bad(error) from None


def _with_project(options: RunOptions, found: Project) -> RunOptions:
    """The options, with the project's where the command line says nothing."""
    own: dict[str, Any] = {
        "profile": found.profile, "seed": found.seed, "only": tuple(found.only),
        "skip": tuple(found.skip), "device": found.device, "out": Path(found.out),
        "jobs": cores() if found.jobs == "auto" else found.jobs,
    }  # fmt: skip
    source = click.get_current_context().get_parameter_source
    open_ = {name: value for name, value in own.items() if source(name) is not _GIVEN}
    settled = replace(options, **open_)
    check_options(settled)
    return settled
