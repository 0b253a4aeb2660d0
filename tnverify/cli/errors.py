"""Exit codes, and the one line that bad input is answered with."""

from __future__ import annotations

import sys

import click

BAD_INPUT = 2
BUG = 70
INTERRUPTED = 130
BROKEN_PIPE = 141


def complain(message: str) -> None:
    """Write the message to stderr as one line, whatever breaks it has."""
    print(f"tnverify: error: {' '.join(message.split())}", file=sys.stderr, flush=True)


def bad(message: object) -> click.UsageError:
    """The error to raise for input that cannot be used; its message becomes the one line."""
    return click.UsageError(str(message))


def unknown(what: str, word: str, known: tuple[str, ...]) -> click.UsageError:
    """The error for a word that names nothing, with the nearest one that does."""
    from tnverify.contract.claims import nearest  # brings torch: only once something is wrong

    return bad(f"unknown {what} {word!r}: {nearest(word, known)}")
