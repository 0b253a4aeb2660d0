"""`tnverify identify`: whom a layer's outputs read, and the scheme that fits."""

from __future__ import annotations

from typing import Any

import click

from tnverify.cli.errors import bad
from tnverify.cli.options import color_option, limits_of, size_options, subject_options


@click.command()
@click.argument("spec")
@subject_options
@size_options
@color_option
def command(
    spec: str,
    *,
    adapter: str | None,
    handles: dict[str, str],
    setup: str | None,
    device: str,
    no_color: bool,
    **sizes: Any,
) -> int:
    """Measure whom a layer's outputs read and which scheme it is. Checks no law."""
    from tnverify.bad_input import BadInput
    from tnverify.engine.check import check_options
    from tnverify.engine.options import RunOptions
    from tnverify.engine.run import identify
    from tnverify.report.terminal import console, print_identity
    from tnverify.subjects import SubjectRecipe

    try:
        check_options(RunOptions(device=device), adapter=adapter, handles=handles)
    except BadInput as error:
        raise bad(error) from None
    request = SubjectRecipe(spec, None, adapter, handles, setup, limits_of(sizes))
    found = identify(request, device)
    if found.verdict == "unusable":
        raise bad(f"{spec}: {found.reason}")
    print_identity(found, console(color=not no_color))
    return 0
