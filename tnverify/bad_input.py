"""The one error for input that cannot be used, whichever door it came through."""

from __future__ import annotations


class BadInput(ValueError):  # noqa: N818 - named for what it is about, as a user reads it
    """What was asked for names nothing, or cannot be used.

    The message is the one line that the command line prints: the value, the rule, what to do.
    """


BadInput.__module__ = "tnverify"  # as users name it
