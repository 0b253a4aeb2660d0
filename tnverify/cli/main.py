"""From words on the command line to an exit code; whatever goes wrong is one line on stderr."""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING

import click

from tnverify import __version__
from tnverify.cli.errors import BAD_INPUT, BROKEN_PIPE, BUG, INTERRUPTED, complain, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (
    "verify", "audit", "identify", "show", "replay", "diff", "waive", "list", "explain", "power",
    "analyse", "report",
)  # fmt: skip
_MODULES = {"list": "listing"}
"""Modules that are not named as their command."""


class _Group(click.Group):
    """Commands by name, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"tnverify.cli.{_MODULES.get(cmd_name, cmd_name)}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise unknown("command", args[0], COMMANDS)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            # Told apart here: click would first put an empty line on stderr.
            raise _InterruptedError from None


class _InterruptedError(Exception):
    """Ctrl-C while a command ran."""


@click.command(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tnverify", message="%(prog)s %(version)s")
def _app() -> None:
    """Verify normalisation layers for few-shot learning, and audit whole learners.

    SPEC names a layer: module:Name, path/to/file.py:Name, or a call with literals and the words
    channels and spatial, such as "torch.nn:GroupNorm(2, channels)".
    """


def main() -> None:
    """The entry point of `tnverify`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A layer's error may hold anything; a terminal that cannot show it must not stop us.
            stream.reconfigure(errors="backslashreplace")
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        # As Ctrl-C: what was found so far is kept, and processes that were started are ended.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say and return the exit code.

    0 to 3 say what became of the subjects; 2 is also bad input, with one line on stderr; 130 is
    Ctrl-C or SIGTERM, 141 a reader that went away, 70 a bug of tnverify, its traceback saved to a
    file.
    """
    try:
        code = _app.main(list(arguments), prog_name="tnverify", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return BAD_INPUT
    except click.ClickException as error:
        complain(error.format_message())
        return BAD_INPUT
    except (_InterruptedError, click.Abort, KeyboardInterrupt):
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Python would complain once more when it closes stdout at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a bug to be reported
        return _own_fault(error)
    return code if isinstance(code, int) else 0


def _own_fault(error: Exception) -> int:
    from tnverify.report.paths import kept_traceback

    file = kept_traceback("".join(traceback.format_exception(error)))
    complain(
        f"a bug of tnverify, not of your layer: {type(error).__name__}: {error};"
        f" please report it with the file {file}"
    )
    return BUG
