"""The one error that every loader raises."""

from __future__ import annotations


class DataError(Exception):
    """A data file, folder or specification that cannot be used.

    The message is one line: it names the file or word, says what is wrong with it and, where
    there is something to do, what.
    """
