"""Objects that are given in Python: their names, and their source where no name leads to them."""

from __future__ import annotations

import functools
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tnverify.subjects import SubjectRecipe
from tnverify.subjects.given import called, importable, recipe_of
from tnverify.subjects.shown import FUTURE, shown

EPS = 1e-3
KIND = torch.float64
TABLE = torch.ones(2)
x = torch.ones(3)
"""As in a notebook, where much is called so: a layer's own variables are not taken for it."""


class Base(nn.Module):
    def scaled(self, x: Tensor) -> Tensor:
        return x * EPS


class Own(Base):
    """A layer that uses what stands around it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.scaled(x)).to(KIND)


def built(code: str) -> Any:
    """What the code defines as the layer, in a module of its own."""
    module = types.ModuleType("elsewhere")
    exec(compile(code, "elsewhere", "exec"), vars(module))  # noqa: S102 - it is this file's
    return module.the_layer


def nameless(made: Any) -> Any:
    """The class, as one that was defined in a cell."""
    made.__module__ = "__main__"
    return made


@pytest.fixture
def in_a_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    for made in (Base, Own):
        monkeypatch.setattr(made, "__module__", "__main__")


@pytest.mark.usefixtures("in_a_cell")
def test_a_class_without_a_name_is_shown_with_what_it_uses() -> None:
    code, lacks = shown(Own)
    assert lacks == ()
    assert code.startswith(FUTURE)  # Tensor is not imported where it only annotates
    for line in ("import torch.nn.functional as functional", "EPS = 0.001", "KIND = torch.float64"):
        assert line in code.splitlines()
    layer = built(code)(3)
    assert torch.equal(layer(torch.ones(1, 3)), torch.full((1, 3), 1e-3).double())


@pytest.mark.usefixtures("in_a_cell")
def test_a_lambda_is_shown_with_what_it_closes_over() -> None:
    wide, other = 5, lambda n: n + 1
    first, second = lambda channels: Own(channels + wide), lambda n: other(2 * n)
    assert built(shown(first)[0])(2).channels == 7
    assert built(shown(second)[0])(2) == 5
    assert called(first) == "lambda channels: Own(channels + wide)"


@pytest.mark.usefixtures("in_a_cell")
def test_a_partial_is_shown_with_its_arguments() -> None:
    part = functools.partial(Own, channels=4)
    assert built(shown(part)[0])().channels == 4
    assert called(part) == "Own(channels=4)"
    code, lacks = shown(functools.partial(Own, TABLE))
    assert (code, lacks) == ("", ("arguments that are no literals",))


def test_what_cannot_be_shown_is_said() -> None:
    assert shown(nn.Identity()) == ("", ("a Identity that was there, with all that it holds",))
    space: dict[str, Any] = {}
    exec("class Made:\n    def f(self): pass\n", space)  # noqa: S102 - as a cell without source
    assert shown(space["Made"]) == ("", ("the source of Made: Python has no text of it",))

    def uses_a_table(channels: int) -> Tensor:
        return TABLE * channels

    code, lacks = shown(uses_a_table)
    assert lacks == ("TABLE, a Tensor",)
    assert "def uses_a_table" in code


def test_what_can_be_imported_is_named() -> None:
    assert importable(nn.BatchNorm2d) == "torch.nn.modules.batchnorm:BatchNorm2d"
    assert importable(lambda channels: channels) is None
    assert importable(nn.Identity()) is None
    recipe = recipe_of(nn.BatchNorm2d, "conventional_bn")
    assert (recipe.is_named, recipe.claims) == (True, "conventional_bn")
    assert recipe_of("a.py:B") == SubjectRecipe("a.py:B")


def test_a_test_file_is_named_by_its_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """pytest puts its folder on the path of this process alone."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file_of_tests.py").write_text("class Own:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path / "sub")
    monkeypatch.chdir(tmp_path)
    made = __import__("file_of_tests").Own
    assert importable(made) == f"{Path('sub', 'file_of_tests.py')}:Own"
    monkeypatch.chdir(tmp_path / "sub")
    assert importable(made) == "file_of_tests:Own"
    monkeypatch.delitem(sys.modules, "file_of_tests")
    assert importable(made) is None
