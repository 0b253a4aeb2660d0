"""Reading SPEC: what users may type, and what each mistake says."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
import torch

from tnverify.subjects.spec import Unusable, import_module, parse_spec

if TYPE_CHECKING:
    from pathlib import Path


def test_a_bare_name_is_called_with_the_number_of_channels() -> None:
    spec = parse_spec("torch.nn:BatchNorm2d")
    assert spec.load() is torch.nn.BatchNorm2d
    assert spec.arguments(5, (3, 3)) == ([5], {})
    assert not spec.wants_spatial


def test_words_in_a_call_stand_for_channels_and_spatial_shape() -> None:
    spec = parse_spec("torch.nn:LayerNorm([channels, *spatial], eps=1e-3)")
    assert spec.arguments(5, (3, 4)) == ([[5, 3, 4]], {"eps": 1e-3})
    assert spec.wants_spatial


def test_literals_of_every_kind_are_taken() -> None:
    spec = parse_spec("m:F(2, -1.5, 'x', (1, channels), {'a': None}, *spatial, flag=True)")
    assert spec.arguments(7, (2, 3)) == ([2, -1.5, "x", (1, 7), {"a": None}, 2, 3], {"flag": True})


@pytest.mark.parametrize("text", ["m:F(__import__('os'))", "m:F(channels + 1)", "m:F(x)"])
def test_nothing_beyond_literals_is_evaluated(text: str) -> None:
    with pytest.raises(Unusable, match="neither a literal nor one of the words"):
        parse_spec(text)


@pytest.mark.parametrize("text", ["torch.nn.BatchNorm2d", "", "torch.nn:", ":X", "m:F(", "m:F()()"])
def test_what_is_no_spec_is_refused_with_the_form_to_write(text: str) -> None:
    with pytest.raises(Unusable, match="is no spec"):
        parse_spec(text)


def test_a_missing_name_hints_at_the_nearest() -> None:
    with pytest.raises(
        Unusable, match=r"torch\.nn has no 'BatchNorm2D': did you mean 'BatchNorm2d'"
    ):
        parse_spec("torch.nn:BatchNorm2D").load()


def test_a_module_that_does_not_import_says_so_in_a_line() -> None:
    with pytest.raises(Unusable, match=r"^no_such_module does not import: ModuleNotFoundError"):
        parse_spec("no_such_module:Layer").load()


def test_a_module_that_exits_when_imported_is_unusable(tmp_path: Path) -> None:
    path = tmp_path / "exits.py"
    path.write_text("raise SystemExit(3)\n")
    with pytest.raises(Unusable, match=r"exits\.py does not import: SystemExit: 3"):
        parse_spec(f"{path}:Layer").load()


def test_a_file_is_imported_once_under_a_name_of_its_own(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "layers.py").write_text(f"class Layer:\n    where = {folder!r}\n")
    first = parse_spec(f"{tmp_path}/a/layers.py:Layer").load()
    second = parse_spec(f"{tmp_path}/b/layers.py:Layer").load()
    assert (first.where, second.where) == ("a", "b")  # type: ignore[attr-defined]  # set above
    assert parse_spec(f"{tmp_path}/a/layers.py:Layer").load() is first
    assert sys.modules[first.__module__].Layer is first


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match=r"there is no file .*nowhere\.py"):
        import_module(str(tmp_path / "nowhere.py"))


def test_the_current_directory_is_importable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "layers_of_the_cwd.py").write_text("def layer(channels):\n    return None\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert callable(parse_spec("layers_of_the_cwd:layer").load())


def test_what_is_not_callable_is_no_layer() -> None:
    with pytest.raises(Unusable, match="is a float, not a layer"):
        parse_spec("math:pi").load()
