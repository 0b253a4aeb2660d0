"""Spoilt context items: how many, which, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from marked_images import classes_of, marked_split, rows_of, styles_of

from tnverify.analyses.data import DataError
from tnverify.analyses.tasks import Corruption, FixedShots, Style, TaskSource

SPLIT = marked_split([20] * 12)
RULE = FixedShots(5, 4, 3)
KINDS = ("noise", "blank", "bright", "stray")


def source(corruption: Corruption | None, style: Style | None = None) -> TaskSource:
    return TaskSource(SPLIT, RULE, seed=0, style=style, corruption=corruption)


def changed(number: int, corruption: Corruption, style: Style | None = None) -> list[int]:
    """The places of context items that the corruption changed; all else must be as it was."""
    sound, spoilt = source(None, style)[number], source(corruption, style)[number]
    assert torch.equal(sound.targets, spoilt.targets)
    assert torch.equal(sound.context_labels, spoilt.context_labels)
    assert sound.classes == spoilt.classes
    same = (sound.context == spoilt.context).flatten(1).all(dim=1)
    return torch.nonzero(~same)[:, 0].tolist()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("share", "items"), [(0.0, 0), (0.1, 2), (0.27, 5), (1.0, 20)])
@pytest.mark.parametrize("style", [None, Style()])
def test_that_share_of_the_context_is_changed(
    kind: str, share: float, items: int, style: Style | None
) -> None:
    corruption = Corruption(share, kind)  # type: ignore[arg-type]  # parametrised
    for number in range(1, 4):
        assert len(changed(number, corruption, style)) == items


def test_which_items_is_random_and_the_same_for_every_kind() -> None:
    by_number = [changed(n, Corruption(0.2)) for n in range(40)]
    hit = np.bincount([i for places in by_number for i in places], minlength=20)
    assert hit.min() > 0
    for kind in KINDS[1:]:
        assert changed(5, Corruption(0.2, kind)) == by_number[5]  # type: ignore[arg-type]  # a kind


def test_what_each_kind_does() -> None:
    sound = source(None)[0].context
    (first, *_) = changed(0, Corruption(0.2))
    noise = source(Corruption(0.2, "noise"))[0].context[first]
    assert 0.0 <= float(noise.min()) < 0.3 < 0.7 < float(noise.max()) < 1.0
    assert not source(Corruption(0.2, "blank"))[0].context[first].any()
    assert torch.equal(source(Corruption(0.2, "bright"))[0].context[first], sound[first] * 10)


def test_stray_items_are_of_classes_that_the_task_has_not() -> None:
    strays = set()
    for number in range(40):
        places = changed(number, Corruption(0.2, "stray"))
        task = source(Corruption(0.2, "stray"))[number]
        found = classes_of(SPLIT, rows_of(task.context)[places])
        assert not set(found.tolist()) & set(task.classes)
        strays |= set(rows_of(task.context)[places].tolist())
    assert len(strays) > 80  # 160 draws of 240 images


def test_spoilt_items_get_the_style_of_the_task() -> None:
    style = Style(gain=2.0, offset=0.7, inversion=0.0, noise=0.0)
    places = changed(0, Corruption(0.2, "blank"), style)
    task = source(Corruption(0.2, "blank"), style)[0]
    blank = task.context[places]
    assert blank.min() == blank.max()
    assert blank.max().item() == styles_of(task.targets)[0, 0] != 0.0  # as black as theirs


def test_a_task_with_all_classes_has_no_strays() -> None:
    split = marked_split([20] * 5)
    made = TaskSource(split, RULE, seed=0, corruption=Corruption(0.2, "stray"))
    with pytest.raises(DataError, match="a task with all 5 classes leaves none for stray items"):
        made[0]


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_impossible_shares_are_refused(share: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Corruption(share)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="one of noise, blank, bright, stray: 'rain'"):
        Corruption(0.5, "rain")  # type: ignore[arg-type]  # wrong on purpose
