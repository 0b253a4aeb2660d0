"""Glyphs: which characters, how they are drawn, and that no split has another's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tnverify.analyses.data import DataError
from tnverify.analyses.data.faces import shipped_faces
from tnverify.analyses.data.glyphs import glyphs
from tnverify.analyses.data.rendering import RENDERINGS, SIDE, drawings
from tnverify.analyses.data.scripts import SCRIPTS, Script, characters
from tnverify.analyses.data.twins import TWIN, first_of_each

if TYPE_CHECKING:
    from pathlib import Path

    from tnverify.analyses.data import Dataset


def paths_for(character: str) -> list[Path]:
    return [f.path for f in shipped_faces() if ord(character) in f.code_points]


def script(name: str) -> Script:
    return next(s for s in SCRIPTS if s.name == name)


def test_there_are_25_scripts_in_three_splits() -> None:
    assert len(SCRIPTS) == len({s.name for s in SCRIPTS}) == 25
    assert {s.split for s in SCRIPTS} == {"train", "validation", "test"}


def test_no_character_is_in_two_scripts() -> None:
    every = [c for s in SCRIPTS for c in characters(s)]
    assert len(every) == len(set(every))


def test_only_characters_that_stand_for_themselves_are_taken() -> None:
    latin, arabic = characters(script("Latin")), characters(script("Arabic"))
    assert {"A", "z", "ø", "ß", "ŋ"} <= set(latin)
    assert not {"É", "ǆ", "ª", "ʰ"} & set(latin)  # composed, a ligature, small raised copies
    assert "ع" in arabic
    assert not {"٣", "َ"} & set(arabic)  # a digit, a mark above


def test_digits_are_never_drawn() -> None:
    every = {c for s in SCRIPTS for c in characters(s)}
    assert not every & set("0123456789")


def test_the_same_drawings_every_time_and_for_each_character_alone() -> None:
    first, second = drawings("Ж", paths_for("Ж")), drawings("Ж", paths_for("Ж"))
    assert first is not None
    assert second is not None
    assert first.shape == (1 + RENDERINGS, SIDE, SIDE)
    assert np.array_equal(first, second)
    data = glyphs([script("Coptic"), script("Hebrew")])
    alone = glyphs([script("Hebrew")])
    assert np.array_equal(_pixels(data, "test"), _pixels(alone, "test"))


def _pixels(data: Dataset, split: str) -> np.ndarray:
    chosen = data.split(split)
    return chosen.images.take(np.arange(chosen.starts[0], chosen.starts[-1]))


def test_drawings_of_a_character_differ_and_are_in_the_middle() -> None:
    drawn = drawings("K", paths_for("K"))
    assert drawn is not None
    flat = drawn[1:].reshape(RENDERINGS, -1)
    assert len(np.unique(flat, axis=0)) == RENDERINGS
    # Ink bright on black: its centre is near the picture's, whatever the disturbance.
    ink = drawn.astype(float)
    weights = ink.sum(axis=(1, 2))
    assert (weights > 0).all()
    places = np.arange(SIDE)
    down = (ink.sum(axis=2) @ places) / weights
    across = (ink.sum(axis=1) @ places) / weights
    assert np.abs(down - (SIDE - 1) / 2).max() < 5
    assert np.abs(across - (SIDE - 1) / 2).max() < 5


def test_a_plain_drawing_fills_twenty_of_28_pixels() -> None:
    drawn = drawings("H", [paths_for("H")[0]] * 2)
    assert drawn is not None
    inked = np.flatnonzero((drawn[0] > 127).any(axis=1))
    assert 19 <= inked[-1] - inked[0] + 1 <= 21


def test_one_face_alone_draws_nothing() -> None:
    assert drawings("K", paths_for("K")[:1]) is None
    assert drawings(" ", paths_for(" ")) is None


def test_the_later_of_twins_is_dropped() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 256, (2, 8, 8))
    nearly = np.clip(one + rng.integers(-5, 6, (8, 8)), 0, 255)
    brighter = one // 2 + 100  # correlation ignores contrast
    blank = np.full((8, 8), 9)
    means = np.array([one, other, nearly, brighter, blank]).astype(np.uint8)
    assert first_of_each(means).tolist() == [True, True, False, False, False]
    assert first_of_each(means[::-1]).tolist() == [False, True, False, True, False]


def test_no_two_kept_characters_are_twins_and_test_keeps_its_own() -> None:
    # Latin I and Hebrew's vav are both a bar.
    few = Script("Latin", "train", ((0x41, 0x5A), (0x61, 0x7A)))
    data = glyphs([few, script("Hebrew")])
    train, test = data.split("train"), data.split("test")
    assert "U+05D5 ו" in test.classes
    assert "U+0049 I" not in train.classes
    assert "U+0053 S" in train.classes
    assert "U+0073 s" not in train.classes  # small letters that are capitals, within a split
    plain = []
    for name in (*train.classes, *test.classes):
        drawn = drawings(name[-1], paths_for(name[-1]))
        assert drawn is not None
        plain.append(drawn[0].ravel())
    alike = np.corrcoef(np.array(plain, dtype=float))
    np.fill_diagonal(alike, 0.0)
    assert alike.max() <= TWIN + 1e-5  # they are compared in float32
    assert data.notes["twins removed"] == 26 * 2 + 27 - len(train.classes) - len(test.classes)


def test_what_a_glyph_data_set_holds() -> None:
    data = glyphs([script("Coptic"), script("Lao"), script("Hebrew")])
    assert list(data.splits) == ["train", "validation", "test"]
    for split, name in zip(data.splits.values(), ("Coptic", "Lao", "Hebrew"), strict=True):
        assert split.shape == (1, SIDE, SIDE)
        assert set(split.sizes.tolist()) == {RENDERINGS}
        assert split.groups is not None
        assert split.groups.names == (name,)
        images = split.images.take(split.rows(0))
        assert images.dtype == np.float32
        assert images.min() == 0.0
        assert 0.9 < images.max() <= 1.0
        drawn = drawings(split.classes[0][-1], paths_for(split.classes[0][-1]))
        assert drawn is not None
        assert np.array_equal(np.rint(images[:, 0] * 255), drawn[1:])  # not the plain one
        # Rows are renderings of one character: they look more like it than like the next.
        means = [split.images.take(split.rows(c)).mean(axis=0).ravel() for c in range(3)]
        own = np.corrcoef(images.mean(axis=0).ravel(), means[0])[0, 1]
        assert own > np.corrcoef(means[0], means[1])[0, 1]
    rows = {int(r) for s in data.splits.values() for c in range(len(s.classes)) for r in s.rows(c)}
    assert rows == set(range(RENDERINGS * sum(len(s.classes) for s in data.splits.values())))


def test_the_fingerprint_is_the_content() -> None:
    coptic = glyphs([script("Coptic")])
    assert coptic.fingerprint == glyphs([script("Coptic")]).fingerprint
    assert coptic.fingerprint != glyphs([script("Hebrew")]).fingerprint


def test_progress_counts_to_the_end_and_only_while_drawing() -> None:
    seen: list[tuple[int, int]] = []
    glyphs([script("Coptic")], progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i + 1, 14) for i in range(14)]
    seen.clear()
    glyphs([script("Coptic")], progress=lambda done, total: seen.append((done, total)))
    assert seen == []


def test_scripts_that_no_font_has_are_refused() -> None:
    with pytest.raises(DataError, match="no character of the scripts"):
        glyphs([Script("Hiragana", "test", ((0x3042, 0x3050),))])


def test_an_absent_split_is_named_with_those_that_are_there() -> None:
    with pytest.raises(DataError, match=r"glyphs has no 'test' split; it has: train"):
        glyphs([script("Coptic")]).split("test")
