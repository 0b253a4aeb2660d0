"""Options that commands share, and how their words become values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tnverify.cli.errors import bad

if TYPE_CHECKING:
    from collections.abc import Callable

    from tnverify.contract.limits import Limits

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


def processes(_ctx: click.Context, _parameter: click.Parameter, value: str) -> int | None:
    """A number of processes, None for as many as there are cores."""
    if value == "auto":
        return None
    if not value.isdecimal() or int(value) < 1:
        raise bad(f"--jobs {value}: write a number of processes, at least 1, or auto")
    return int(value)


def words(
    _ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """Words of an option that may be repeated and may hold several, parted by commas."""
    return tuple(w.strip() for value in values for w in value.split(",") if w.strip())


def subject_options(command: F) -> F:
    """How a layer is driven, and where: --adapter, --handle, --setup, --device."""
    for option in (
        click.option("--device", default="cpu", show_default=True, metavar="cpu|cuda",
                     help="Where the layer runs."),
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


_SIZES = (
    ("--min-channels", "The fewest channels that the layer takes. Else found by trying."),
    ("--min-items", "The fewest items of a context, and of targets. Else found by trying."),
    ("--min-side", "The shortest side of a map. Else found by trying."),
    ("--multiple-of", "What every number of items must be a multiple of. Else found by trying."),
)


def shape_of(value: str | None) -> tuple[int, ...] | None:
    """The numbers that ITEMS,CHANNELS,H,W spells; exits with one line where it spells none."""
    if value is None:
        return None
    parts = [part.strip() for part in value.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise bad(
            f"--shape {value}: write ITEMS,CHANNELS and up to three sides, each at least 1, for"
            " example 8,64,7,7"
        )
    return tuple(map(int, parts))


def size_options(command: F) -> F:
    """What sizes a layer takes: --channels, --rank, --shape, --min-channels and the like."""
    least = click.IntRange(min=1)
    for name, text in reversed(_SIZES):
        command = click.option(name, type=least, metavar="N", help=text)(command)
    command = click.option(
        "--shape", metavar="ITEMS,CHANNELS,H,W", callback=lambda _c, _p, value: shape_of(value),
        help="The one shape of input that the layer takes.",
    )(command)  # fmt: skip
    command = click.option(
        "--rank", type=click.IntRange(0, 3), metavar="N",
        help="Spatial dimensions of its input, 0 to 3. Else found by trying.",
    )(command)  # fmt: skip
    return click.option(
        "--channels", type=least, metavar="N",
        help="The one number of channels that the layer is built for. Else any.",
    )(command)  # fmt: skip


def limits_of(sizes: dict[str, Any]) -> Limits:
    """The limits that the words of `size_options` spell."""
    from tnverify.contract.limits import Limits

    try:
        return Limits.of(**sizes)
    except ValueError as error:
        raise bad(error) from None


def report_options(command: F) -> F:
    """--report and --json: in which forms the report is written, and where."""
    for option in (
        click.option("--json", "json_file", type=click.Path(path_type=Path), metavar="FILE",
                     help="The same as --report json:FILE."),
        click.option("--report", "reports", multiple=True, metavar="FORM:FILE",
                     help="Write the report as json, html, markdown, junit, sarif, badge or"
                     " terminal; - is stdout. Repeatable."),
    ):  # fmt: skip
        command = option(command)
    return command


def verbose_option(command: F) -> F:
    """--verbose."""
    return click.option(
        "--verbose", "-v", is_flag=True,
        help="Show should-level remarks in full, and why laws are not claimed.",
    )(command)  # fmt: skip


def color_option(command: F) -> F:
    """--no-color."""
    return click.option("--no-color", is_flag=True, help="No colours, also on a terminal.")(command)
