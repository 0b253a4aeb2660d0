"""What follows `--data`."""

from __future__ import annotations

from pathlib import Path

import pytest
from image_layouts import encoded, picture, write_omniglot, write_record_set

from tnverify.analyses.data import DataChoice, DataError, load_data, parse_data


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("glyphs", DataChoice("glyphs")),
        ("omniglot:/a/b", DataChoice("omniglot", Path("/a/b"))),
        ("miniimagenet:rel/ative", DataChoice("miniimagenet", Path("rel/ative"))),
        ("meta-dataset:/records", DataChoice("meta-dataset", Path("/records"))),
        ("folder:C:/with:colons", DataChoice("folder", Path("C:/with:colons"))),
    ],
)
def test_words_are_parsed(text: str, choice: DataChoice) -> None:
    assert parse_data(text) == choice
    assert str(parse_data(text)) == text


def test_a_home_folder_is_meant_by_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    assert parse_data("omniglot:~/data").path == Path("/home/anna/data")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"unknown data '': glyphs, omniglot:PATH"),
        ("cifar:/x", r"unknown data 'cifar:/x': glyphs, omniglot:PATH"),
        ("glyphs:/x", "glyphs are drawn here and have no path"),
        ("omniglot", "omniglot is read from a folder: omniglot:PATH"),
        ("folder:", "folder is read from a folder: folder:PATH"),
    ],
)
def test_other_words_are_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_data(text)


def test_each_kind_is_loaded_in_its_usual_shape(tmp_path: Path) -> None:
    write_omniglot(tmp_path / "omniglot", {"A": 1, "B": 1}, {"C": 1}, images=1)
    write_record_set(tmp_path / "records", {"TRAIN": 1, "VALID": 0, "TEST": 1}, [1, 1])
    place = tmp_path / "pets" / "test" / "cat"
    place.mkdir(parents=True)
    (place / "1.png").write_bytes(encoded(picture(1)))
    shapes = {
        f"omniglot:{tmp_path / 'omniglot'}": (1, 28, 28),
        f"meta-dataset:{tmp_path / 'records'}": (3, 84, 84),
        f"folder:{tmp_path / 'pets'}": (3, 84, 84),
    }
    for text, shape in shapes.items():
        (data,) = load_data(text)
        assert data.split("test").shape == shape
        (data,) = load_data(text, side=16, channels=1)
        assert data.split("test").shape == (1, 16, 16)


def test_glyphs_have_one_shape() -> None:
    with pytest.raises(DataError, match="28 pixels a side and 1 channel, not 84 and 3"):
        load_data("glyphs", side=84, channels=3)
