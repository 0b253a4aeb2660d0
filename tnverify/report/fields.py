"""Fields of a JSON object, read with the place of whatever is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class FieldError(ValueError):
    """A field that is missing, or holds something else; the message says which and what."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one object; `where` is its place in the whole, empty for the whole itself.

    Each method returns the field `name`, or raises FieldError. A field that is not there counts
    as null.
    """

    values: dict[str, Any]
    where: str = ""

    @classmethod
    def of(cls, value: object, where: str) -> Fields:
        if not isinstance(value, dict):
            raise FieldError(f"{where or 'the whole'} must be an object, not {_short(value)}")
        return cls(value, where)

    def _place(self, name: str) -> str:
        return f"{self.where}.{name}" if self.where else name

    def _typed(self, name: str, kinds: tuple[type, ...], what: str) -> Any:
        value = self.values.get(name)
        odd = isinstance(value, bool) and bool not in kinds
        if odd or not isinstance(value, kinds):
            if name not in self.values:
                raise FieldError(f"{self._place(name)} is missing")
            raise FieldError(f"{self._place(name)} must be {what}, not {_short(value)}")
        return value

    def text(self, name: str) -> str:
        return str(self._typed(name, (str,), "a text"))

    def maybe_text(self, name: str) -> str | None:
        return self.maybe(name, self.text)

    def whole(self, name: str) -> int:
        return int(self._typed(name, (int,), "a whole number"))

    def flag(self, name: str) -> bool:
        return bool(self._typed(name, (bool,), "true or false"))

    def number(self, name: str) -> float:
        """A number; NaN and the infinities are the texts that `as_json.plain` makes of them."""
        value = self.values.get(name)
        if value in ("NaN", "Infinity", "-Infinity"):
            return float(value)
        return float(self._typed(name, (int, float), "a number"))

    def list(self, name: str) -> list[Any]:
        found: list[Any] = self._typed(name, (list,), "a list")
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        found = self.list(name)
        for number, value in enumerate(found):
            if not isinstance(value, str):
                raise FieldError(f"{self._place(name)}[{number}] must be a text")
        return tuple(found)

    def wholes(self, name: str) -> tuple[int, ...]:
        found = self.list(name)
        for number, value in enumerate(found):
            if not isinstance(value, int):
                raise FieldError(f"{self._place(name)}[{number}] must be a whole number")
        return tuple(found)

    def one_of(self, name: str, known: tuple[str, ...]) -> Any:
        value = self.text(name)
        if value not in known:
            raise FieldError(f"{self._place(name)} is {_short(value)}: known: {', '.join(known)}")
        return value

    def inner(self, name: str) -> Fields:
        return Fields.of(self.values.get(name), self._place(name))

    def each(self, name: str, read: Callable[[Fields], T]) -> tuple[T, ...]:
        """What `read` makes of every object of a list."""
        return tuple(
            read(Fields.of(value, f"{self._place(name)}[{number}]"))
            for number, value in enumerate(self.list(name))
        )

    def maybe(self, name: str, read: Callable[[str], T]) -> T | None:
        """What `read` makes of the field; None where it is null or not there."""
        return None if self.values.get(name) is None else read(name)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
