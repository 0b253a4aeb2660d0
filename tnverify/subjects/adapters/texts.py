"""What stands between the brackets of an adapter's name."""

from __future__ import annotations

import ast
from typing import Any


def values_of(text: str) -> tuple[Any, ...]:
    """Literals with commas between them: `'support','query'`."""
    found: tuple[Any, ...] = ast.literal_eval(f"({text},)")
    return found
