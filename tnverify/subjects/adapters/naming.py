"""Adapters by name: `mode_flag`, or `step[num_step=0,1]+frozen` with what stands around it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tnverify.contract.claims import nearest
from tnverify.subjects.adapters import ADAPTERS
from tnverify.subjects.adapters.base import around
from tnverify.subjects.spec import Unusable

if TYPE_CHECKING:
    from tnverify.subjects.adapters.base import Adapter

_PART = re.compile(r"(?P<name>\w+)(?:\[(?P<text>[^\]]*)\])?(?:\+|$)")


def shipped_adapter(name: str) -> Adapter:
    """The adapter of this name with all that stands around it. Raises Unusable with the nearest
    name, or the form that is wanted."""
    parts, at = [], 0
    while at < len(name):
        match = _PART.match(name, at)
        if match is None:
            raise Unusable(f"{name!r} names no adapter: {_FORM}")
        parts.append((match["name"], match["text"]))
        at = match.end()
    found: Adapter | None = None
    for part, text in reversed(parts):
        known = ADAPTERS.get(part)
        if known is None:
            raise Unusable(f"unknown adapter {part!r}: {nearest(part, tuple(ADAPTERS))}")
        if known.around is None and (text is not None or found is not None):
            raise Unusable(f"the adapter {part} takes no [...] and stands last: {_FORM}")
        if known.around is None:
            found = known
        elif text is None or found is None:
            raise Unusable(f"the adapter {part} stands around another: {_FORM}")
        else:
            found = _put_around(known, text, found)
    assert found is not None
    return found


def _put_around(part: Adapter, text: str, inner: Adapter) -> Adapter:
    try:
        return around(part, text, inner)
    except (ValueError, SyntaxError):
        raise Unusable(f"{part.name}[{text}] cannot be read: {part.summary}") from None


_FORM = "write a name of `tnverify list adapters`, such as step[num_step=0,1]+frozen"
