"""Options that commands share, and how their words become values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from tnverify.cli.errors import bad

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


def _handles(
    _ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    found = {}
    for value in values:
        handle, equals, path = value.partition("=")
        if not (handle and equals and path):
            raise bad(f"--handle {value}: write HANDLE=ATTRIBUTE, for example scale=a")
        found[handle.strip()] = path.strip()
    return found


def words(
    _ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """Words of an option that may be repeated and may hold several, parted by commas."""
    return tuple(w.strip() for value in values for w in value.split(",") if w.strip())


def subject_options(command: F) -> F:
    """How a layer is driven, and where: --adapter, --handle, --setup, --rank, --device."""
    for option in (
        click.option("--device", default="cpu", show_default=True, metavar="cpu|cuda",
                     help="Where the layer runs."),
        click.option("--rank", type=click.IntRange(0, 3), metavar="N",
                     help="Spatial dimensions of its input, 0 to 3. Else found by trying."),
        click.option("--setup", metavar="METHOD", help="A method of the layer to call once, after"
                     " it was constructed."),
        click.option("--handle", "handles", multiple=True, metavar="HANDLE=ATTRIBUTE",
                     callback=_handles,
                     help="Map a parameter where names differ, such as scale=a. Repeatable."),
        click.option("--adapter", metavar="NAME", help="How the layer is called: a name that"
                     " `tnverify list adapters` shows, or your own as module:Name. Else detected."),
    ):  # fmt: skip
        command = option(command)
    return command


def color_option(command: F) -> F:
    """--no-color."""
    return click.option("--no-color", is_flag=True, help="No colours, also on a terminal.")(command)
