"""The registry: names are unique, selections say what they do not know, empty is an error."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from makeshift import law_of

from tnverify.catalogue import Catalogue, CatalogueError, law, load_catalogue, registry

if TYPE_CHECKING:
    from tnverify.catalogue.laws import Law


def named(name: str, family: str = "context") -> Law:
    def check(norm: object, task: object) -> None:
        return

    check.__name__ = name
    return law_of(check, family=family)  # type: ignore[arg-type]  # never called here


def test_the_catalogue_that_ships_has_its_families() -> None:
    families = load_catalogue().families
    assert families == (
        "transductivity",
        "batch_size",
        "blending",
        "context",
        "task_isolation",
        "moments",
        "numerics",
        "gradients",
        "state",
        "training",
        "layouts",
        "sizes",
    )


def test_every_law_states_itself_and_its_source() -> None:
    for each in load_catalogue():
        assert each.statement.endswith("."), each.name
        assert each.source, each.name
        assert len(each.doc.splitlines()) > 2, f"{each.name} says what but not what to do"


def test_two_laws_of_one_name_are_refused() -> None:
    with pytest.raises(CatalogueError, match="two laws are named 'twice'"):
        Catalogue((named("twice"), named("twice")))


def test_an_empty_catalogue_is_an_error() -> None:
    with pytest.raises(CatalogueError, match="empty"):
        Catalogue(())


def test_a_selection_takes_laws_and_families() -> None:
    whole = Catalogue((named("a", "one"), named("b", "one"), named("c", "two")))
    assert [each.name for each in whole.select(only=["one"])] == ["a", "b"]
    assert [each.name for each in whole.select(only=["one", "c"], skip=["a"])] == ["b", "c"]
    assert [each.name for each in whole.select(skip=["two"])] == ["a", "b"]
    with pytest.raises(CatalogueError, match="leave no law"):
        whole.select(only=["a"], skip=["one"])
    with pytest.raises(CatalogueError, match="unknown law or family 'tow': did you mean 'two'"):
        whole.select(skip=["tow"])


def test_a_law_without_a_docstring_is_refused() -> None:
    def silent(norm: object, task: object) -> None:
        return

    with pytest.raises(TypeError, match="no docstring"):
        law(family="context", kind="exact", source="s")(silent)  # type: ignore[arg-type]  # a law by shape


def test_an_announced_package_without_laws_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = SimpleNamespace(name="theirs", value="their.laws", load=SimpleNamespace)
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry])
    with pytest.raises(CatalogueError, match=r"their\.laws announces a catalogue but has no LAWS"):
        load_catalogue()
