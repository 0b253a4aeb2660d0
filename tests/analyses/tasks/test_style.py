"""Styles: what is shifted, by how much, and who has a style in common."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from marked_images import marked_split, rows_of, styles_of

from tnverify.analyses.tasks import FixedShots, ImageTask, Style, TaskSource
from tnverify.analyses.tasks.keys import Stream, generator
from tnverify.analyses.tasks.style import _normal, _quantiles, styled

SPLIT = marked_split([30] * 12)


def source(style: Style | None, *, seed: int = 0) -> TaskSource:
    return TaskSource(SPLIT, FixedShots(4, 3, 5), seed=seed, style=style)


def styles(task: ImageTask) -> np.ndarray:
    return np.concatenate([styles_of(task.context), styles_of(task.targets)])


@pytest.mark.parametrize(("shared", "different"), [("task", 1), ("set", 2), ("image", 32)])
def test_who_has_a_style_in_common(shared: str, different: int) -> None:
    style = Style(noise=0.0, shared=shared)  # type: ignore[arg-type]  # parametrised
    found = styles(source(style)[7])
    assert len(np.unique(found, axis=0)) == different
    if shared == "set":
        assert len(np.unique(found[:12], axis=0)) == len(np.unique(found[12:], axis=0)) == 1


def test_styles_leave_the_images_that_are_drawn() -> None:
    plain = source(None)[3]
    for style in (Style(), Style(shared="image"), Style(shared="set")):
        shifted = source(style)[3]
        assert shifted.classes == plain.classes
        assert torch.equal(shifted.target_labels, plain.target_labels)


def test_a_style_is_a_line_through_black_and_white() -> None:
    style = Style(noise=0.0, shared="image")
    for number in range(10):
        plain, shifted = source(None)[number], source(style)[number]
        black, white = styles(shifted)[:, 0], styles(shifted)[:, 1]
        before = torch.cat([plain.context, plain.targets]).flatten(1).numpy()
        after = torch.cat([shifted.context, shifted.targets]).flatten(1).numpy()
        want = black[:, None] + (white - black)[:, None] * before
        assert after == pytest.approx(want, rel=1e-5, abs=1e-5)  # float32, a few roundings


def test_gain_offset_and_inversion_stay_in_their_ranges() -> None:
    style = Style(gain=3.0, offset=0.5, inversion=0.3, noise=0.0)
    found = np.array([styles(source(style)[number])[0] for number in range(300)])
    slopes = found[:, 1] - found[:, 0]
    gains = np.abs(slopes)
    assert 0.33 < gains.min() < 0.4
    assert 2.6 < gains.max() < 3.01
    assert abs(np.log(gains).mean()) < 0.15  # log-uniform: as often below one as above
    assert abs((slopes < 0).mean() - 0.3) < 0.09
    # The darker end is the offset, inverted or not.
    offsets = found.min(axis=1)
    assert -0.51 < offsets.min() < -0.45
    assert 0.45 < offsets.max() < 0.51


def test_noise_has_its_deviation_and_is_anew_for_each_pixel() -> None:
    images = np.zeros((40, 1, 28, 28), dtype=np.float32)
    styled(images, 10, Style(gain=1.0, offset=0.0, inversion=0.0, noise=0.5), 5, 0)
    deviation = 0.5 * generator(5, Stream.STYLE, 0).random((4, 1))[3, 0]
    assert images.std() == pytest.approx(deviation, rel=0.02)
    assert abs(images.mean()) < 0.02
    assert np.abs(np.corrcoef(images.reshape(40, -1)) - np.eye(40)).max() < 0.2


def test_noise_is_normal_to_a_256th() -> None:
    levels = _quantiles().astype(np.float64)
    assert len(np.unique(levels)) == 256
    assert (levels.mean(), levels.std()) == pytest.approx((0.0, 1.0), abs=1e-6)
    drawn = np.sort(_normal((100_000,), np.random.default_rng(0)))
    assert drawn.mean() == pytest.approx(0.0, abs=0.02)
    assert drawn.std() == pytest.approx(1.0, abs=0.01)
    within = [np.mean(np.abs(drawn) < k) for k in (1, 2)]
    assert within == pytest.approx([0.6827, 0.9545], abs=0.012)


def test_noise_is_shared_in_its_level_only() -> None:
    style = Style(gain=1.0, offset=0.0, inversion=0.0, noise=0.5, shared="image")
    images = np.zeros((60, 1, 28, 28), dtype=np.float32)
    styled(images, 30, style, 1, 0)
    deviations = images.std(axis=(1, 2, 3))
    assert deviations.min() < 0.1
    assert deviations.max() > 0.4


def test_strength_goes_from_nothing_to_all() -> None:
    style = Style(gain=4.0, offset=0.8, inversion=0.4, noise=0.2, shared="set")
    assert style.scaled(1.0) == style
    half = style.scaled(0.5)
    assert (half.gain, half.offset, half.inversion, half.noise) == (2.0, 0.4, 0.2, 0.1)
    assert half.shared == "set"
    plain, none = source(None)[0], source(style.scaled(0.0))[0]
    assert torch.equal(plain.context, none.context)
    assert torch.equal(plain.targets, none.targets)


def test_styles_differ_by_number_and_seed() -> None:
    style = Style(noise=0.0)
    found = {
        tuple(styles(source(style, seed=s)[n])[0].tolist()) for s, n in ((0, 0), (0, 1), (1, 0))
    }
    assert len(found) == 3


def test_a_style_without_shift_leaves_the_marks() -> None:
    style = Style(gain=1.0, offset=0.0, inversion=0.0, noise=0.0)
    assert rows_of(source(style)[0].context).tolist() == rows_of(source(None)[0].context).tolist()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"gain": 0.5}, "gain is at least 1"),
        ({"offset": -1.0}, "offset and noise at least 0"),
        ({"noise": -1.0}, "offset and noise at least 0"),
        ({"inversion": 1.5}, "inversion is a probability, not 1.5"),
        ({"shared": "class"}, "shared by one of task, set, image: 'class'"),
    ],
)
def test_impossible_styles_are_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Style(**wrong)  # type: ignore[arg-type]  # wrong on purpose
