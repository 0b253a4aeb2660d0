"""What is measured while a law is evaluated: the margin, and whether it held bit for bit."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Measure:
    """The worst error as a share of its bound (None: nothing measured), and exactness."""

    margin: float | None = None
    exact: bool = True

    def note(self, share: float, *, exact: bool) -> None:
        self.margin = share if self.margin is None else max(self.margin, share)
        self.exact = self.exact and exact


_current: ContextVar[Measure | None] = ContextVar("tnverify_measure", default=None)


@contextmanager
def measuring() -> Iterator[Measure]:
    """Collect into a new Measure whatever the comparisons inside note."""
    measure = Measure()
    token = _current.set(measure)
    try:
        yield measure
    finally:
        _current.reset(token)


def note(share: float, *, exact: bool) -> None:
    """Note an error as a share of its bound; nothing happens outside `measuring`."""
    measure = _current.get()
    if measure is not None:
        measure.note(share, exact=exact)
