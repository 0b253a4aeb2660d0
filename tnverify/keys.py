"""Tables that users write: unknown keys are named, with the nearest known one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tnverify.contract.claims import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable


def check_keys(data: Any, known: Iterable[str], what: str) -> None:
    """Check that `data`, called `what`, is a table of known keys. Raises ValueError with a line."""
    if not hasattr(data, "items"):
        raise ValueError(f"{what} must be a table, not {data!r}"[:200])
    names = tuple(known)
    for key in data:
        if key not in names:
            raise ValueError(f"{what} has no {key!r}: {nearest(str(key), names)}")
