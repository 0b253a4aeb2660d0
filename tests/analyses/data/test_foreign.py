"""Digits and textures: shipped with libraries, never downloaded."""

from __future__ import annotations

import socket

import numpy as np
import pytest

from tnverify.analyses.data import DataError, foreign_domains
from tnverify.analyses.data.digits import digits
from tnverify.analyses.data.textures import PATCHES, PHOTOGRAPHS, _patches, textures


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_digits_are_ten_classes_of_bright_ink() -> None:
    split = digits().split("test")
    assert split.classes == tuple("0123456789")
    assert split.sizes.sum() == 1797
    assert split.shape == (1, 28, 28)
    images = split.images.take(np.arange(1797))
    assert images[:, :, :4].max() == 0.0  # the margin
    assert images.max() == 1.0
    # A one has less ink than a zero; a zero is hollow.
    zero, one = (split.images.take(split.rows(c)).mean(axis=0)[0] for c in (0, 1))
    assert one.sum() < zero.sum()
    assert zero[13:15, 13:15].mean() < 0.3 < one[13:15, 13:15].mean()


def test_digits_match_the_shape_of_a_network() -> None:
    split = digits(side=84, channels=3).split("test")
    assert split.shape == (3, 84, 84)
    image = split.images.take(split.rows(3)[:1])[0]
    assert np.array_equal(image[0], image[1])


def test_textures_are_patches_of_every_photograph() -> None:
    split = textures().split("test")
    assert len(split.classes) == len(PHOTOGRAPHS)
    assert split.sizes.min() >= 30
    assert split.sizes.max() == PATCHES
    images = split.images.take(np.arange(len(split.images)))
    assert images.shape[1:] == (1, 28, 28)
    flat = images.reshape(len(images), -1)
    assert len(np.unique(flat, axis=0)) == len(flat)  # no patch is there twice
    # A plain nearest-mean rule tells grass from bricks: classes are of one kind each.
    grass, brick = split.classes.index("grass"), split.classes.index("brick")
    assert split.images.take(split.rows(grass)).std() > split.images.take(split.rows(brick)).std()


def test_patches_are_squares_of_the_photograph_that_do_not_overlap() -> None:
    rows, columns = np.mgrid[0:60, 0:90]
    photograph = np.stack([rows, columns, (rows * 7 + columns * 13) % 256]).astype(np.uint8)
    patches = _patches(photograph)
    assert patches.shape == (6, 3, 28, 28)
    corners = [(int(p[0, 0, 0]), int(p[1, 0, 0])) for p in patches]
    assert corners == [(0, 0), (0, 28), (0, 56), (28, 0), (28, 28), (28, 56)]
    assert np.array_equal(patches[4], photograph[:, 28:56, 28:56])


def test_colour_textures_keep_their_colours() -> None:
    split = textures(side=32, channels=3).split("test")
    assert split.shape == (3, 32, 32)
    assert len(split.classes) == len(PHOTOGRAPHS)
    astronaut = split.images.take(split.rows(0))
    assert np.abs(astronaut[:, 0] - astronaut[:, 2]).max() > 0.2


def test_a_photograph_that_is_not_shipped_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from tnverify.analyses.data import textures as module

    monkeypatch.setattr(module, "PHOTOGRAPHS", ("brain.tiff",))
    with pytest.raises(DataError, match=r"scikit-image has no brain\.tiff"):
        textures()


def test_foreign_domains_have_one_shape() -> None:
    found = foreign_domains()
    assert [d.name for d in found] == ["digits", "textures"]
    assert {d.split("test").shape for d in found} == {(1, 28, 28)}
    assert [list(d.splits) for d in found] == [["test"], ["test"]]
