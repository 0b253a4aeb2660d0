"""Some of many subjects that one test is asked of; the others are marked slow."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")


def each(items: Iterable[T], nth: int, *, rows: bool = False) -> list[object]:
    """Return parameters of a test: every `nth` item, and the rest marked slow.

    With `rows` an item is a tuple of several arguments.
    """
    return [
        pytest.param(*(item if rows else (item,)), marks=[pytest.mark.slow] * (number % nth != 0))
        for number, item in enumerate(items)
    ]
