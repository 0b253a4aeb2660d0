"""Reading plain JSON entry by entry; whatever is wrong is one line that names the entry."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any


class Entries:
    """The entries of one JSON object, each asked for once, and `done` at the end.

    All methods raise ValueError with one line: the entry, what it is, what it should be. Where a
    `default` is given, an entry that is missing or null has it.
    """

    def __init__(self, content: object, where: str = "configuration") -> None:
        if not isinstance(content, Mapping):
            # One kind of error for all that can be wrong in a configuration.
            raise ValueError(f"{where} is {content!r}: it is an object")  # noqa: TRY004 - see above
        self._content, self._where = content, where
        self._asked: dict[str, None] = {}

    def get(self, name: str) -> Any:
        """The entry as it is; None where it is missing."""
        self._asked[name] = None
        return self._content.get(name)

    def integer(self, name: str, *, least: int, default: int | None = None) -> int:
        found = self._found(name, default)
        if isinstance(found, bool) or not isinstance(found, int) or found < least:
            raise self.wrong(name, f"an integer, {least} or more")
        return found

    def number(self, name: str, *, above: float, default: float | None = None) -> float:
        found = self._found(name, default)
        usable = isinstance(found, int | float) and not isinstance(found, bool)
        if not usable or not above < found < float("inf"):
            raise self.wrong(name, f"a number above {above:g}")
        return float(found)

    def choice(self, name: str, choices: Sequence[Any], *, default: Any = None) -> Any:
        found = self._found(name, default)
        # 1 == True in Python, not in JSON.
        same = [each for each in choices if each == found and type(each) is type(found)]
        if not same:
            told = ", ".join("null" if each is None else str(each) for each in choices)
            raise self.wrong(name, f"one of {told}")
        return same[0]

    def word(self, name: str, *, default: str | None = None) -> str:
        found = self._found(name, default)
        if not isinstance(found, str) or not found:
            raise self.wrong(name, "a word")
        return found

    def flag(self, name: str) -> bool:
        return bool(self.choice(name, (False, True), default=False))

    def object(self, name: str) -> Entries:
        """The entries of an entry that is an object; one that is missing has none."""
        found = self.get(name)
        return Entries({} if found is None else found, f"{self._where}.{name}")

    def objects(self, name: str) -> list[Entries]:
        """The same for each of a list, which may be missing."""
        found = self.get(name)
        if found is None:
            return []
        if not isinstance(found, list | tuple):
            raise self.wrong(name, "a list of objects")
        return [Entries(each, f"{self._where}.{name}[{i}]") for i, each in enumerate(found)]

    def has(self, name: str) -> bool:
        return self.get(name) is not None

    def done(self) -> None:
        """Refuses entries that nothing asked for."""
        for name in self._content:
            if name not in self._asked:
                near = difflib.get_close_matches(str(name), list(self._asked), n=1)
                hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(self._asked)}"
                raise ValueError(f"{self._where} has an unknown entry {name!r}: {hint}")

    def wrong(self, name: str, expected: str) -> ValueError:
        """The error that says what an entry is and what it should be."""
        there = repr(self._content[name]) if name in self._content else "missing"
        return ValueError(f"{self._where}.{name} is {there}: it is {expected}")

    def _found(self, name: str, default: Any) -> Any:
        found = self.get(name)
        return default if found is None else found
