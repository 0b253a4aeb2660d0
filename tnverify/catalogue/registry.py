"""Finding the laws: whatever the entry point group `tnverify.catalogue` announces."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from tnverify.catalogue.laws import Law
from tnverify.contract.claims import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GROUP = "tnverify.catalogue"


class CatalogueError(ValueError):
    """No catalogue, an empty one, two laws of one name, or a name that is no law's."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Laws in the order in which they were announced, each name once."""

    laws: tuple[Law, ...]

    def __post_init__(self) -> None:
        if not self.laws:
            raise CatalogueError("the catalogue of laws is empty: reinstall tnverify")
        names = [law.name for law in self.laws]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise CatalogueError(f"two laws are named {twice[0]!r}: a law's name must be unique")

    def __iter__(self) -> Iterator[Law]:
        return iter(self.laws)

    @property
    def families(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(law.family for law in self.laws))

    def named(self, name: str) -> Law:
        """The law of this name; raises CatalogueError with the nearest name."""
        for law in self.laws:
            if law.name == name:
                return law
        known = tuple(law.name for law in self.laws)
        raise CatalogueError(f"unknown law {name!r}: {nearest(name, known)}")

    def select(self, only: Iterable[str] = (), skip: Iterable[str] = ()) -> Catalogue:
        """The laws whose name or family is in `only` (all where empty) and not in `skip`.

        Raises CatalogueError for a word that is neither, and where nothing is left.
        """
        only, skip = tuple(only), tuple(skip)
        known = (*self.families, *(law.name for law in self.laws))
        for word in (*only, *skip):
            if word not in known:
                raise CatalogueError(f"unknown law or family {word!r}: {nearest(word, known)}")
        kept = tuple(
            law
            for law in self.laws
            if (not only or law.name in only or law.family in only)
            and law.name not in skip
            and law.family not in skip
        )
        if not kept:
            raise CatalogueError("--only and --skip leave no law to check")
        return Catalogue(kept)


def load_catalogue() -> Catalogue:
    """Every announced law. An entry point names a package with `LAWS`, a sequence of laws."""
    found: list[Law] = []
    for entry in sorted(entry_points(group=GROUP), key=lambda e: (e.name != "builtin", e.name)):
        package = entry.load()
        laws = getattr(package, "LAWS", None)
        if not laws or not all(isinstance(law, Law) for law in laws):
            raise CatalogueError(f"{entry.value} announces a catalogue but has no LAWS")
        found.extend(laws)
    return Catalogue(tuple(found))
