"""What a record may hold as JSON, and the one spelling of it that is hashed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

Plain = dict[str, Any]
"""A JSON object: names to numbers, strings, booleans, None, lists and further objects."""


def plain(values: Mapping[str, Any], what: str) -> Plain:
    """`values` as JSON has it, tuples as lists.

    Raises TypeError or ValueError naming the entry that is no JSON: an object of another type, a
    name that is no string, or a number that is not finite.
    """
    made = _plain(values, what)
    if not isinstance(made, dict):
        raise TypeError(f"{what} is a {type(values).__name__}: pass a mapping of names to values")
    return made


def canonical(values: Mapping[str, Any], what: str) -> str:
    """The JSON of `values` that does not depend on the order of names; for hashing."""
    return json.dumps(plain(values, what), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _plain(value: object, where: str) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where} is {value}: JSON has no such number; pass None or a string")
        return float(value)
    if isinstance(value, Mapping):
        for name in value:
            if not isinstance(name, str):
                raise TypeError(f"{where} has the name {name!r}: names must be strings")
        return {name: _plain(each, f"{where}.{name}") for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(each, f"{where}[{i}]") for i, each in enumerate(value)]
    raise TypeError(
        f"{where} is a {type(value).__name__}: pass numbers, strings, booleans, None, lists and "
        "mappings (arrays have a place of their own)"
    )
