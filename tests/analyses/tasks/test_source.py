"""Tasks by number: the right images under the right labels, the same for everybody."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import marked_images
import numpy as np
import pytest
import torch
from marked_images import classes_of, marked_split, rows_of

from tnverify.analyses.data import ArrayImages, DataError, Split
from tnverify.analyses.tasks import (
    Corruption,
    FixedShots,
    ImageTask,
    Style,
    TaskSource,
    VariableShots,
    stacked,
)


def expect_same(one: ImageTask, other: ImageTask) -> None:
    for name in ("context", "context_labels", "targets", "target_labels"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name
    assert (one.classes, one.dataset, one.split) == (other.classes, other.dataset, other.split)


def expect_sound(task: ImageTask, split: Split) -> None:
    """Images of a class under its label, no image twice, sorted by label."""
    context, targets = rows_of(task.context), rows_of(task.targets)
    both = np.concatenate([context, targets])
    assert len(set(both.tolist())) == len(both)
    assert len(set(task.classes)) == task.way
    for rows, labels in ((context, task.context_labels), (targets, task.target_labels)):
        assert labels.dtype == torch.int64
        assert labels.tolist() == sorted(labels.tolist())
        assert [task.classes[label] for label in labels.tolist()] == classes_of(
            split, rows
        ).tolist()
    assert task.context.dtype == task.targets.dtype == torch.float32
    assert set(task.context_labels.tolist()) == set(range(task.way))


@pytest.mark.parametrize("first", [0, 300])
@pytest.mark.parametrize("shots", [FixedShots(3, 2, 4), FixedShots(1, 1, 1), VariableShots(2, 6)])
def test_images_of_a_class_have_its_label(shots: FixedShots | VariableShots, first: int) -> None:
    split = marked_split([6, 9, 7, 30, 6, 400], first=first)
    source = TaskSource(split, shots, seed=3)
    for number in range(30):
        expect_sound(source[number], split)


def test_fixed_shots_have_their_numbers() -> None:
    task = TaskSource(marked_split([20] * 8), FixedShots(way=5, shot=3, targets=7), seed=0)[0]
    assert task.context.shape == (15, 1, 4, 4)
    assert task.targets.shape == (35, 1, 4, 4)
    assert torch.bincount(task.context_labels).tolist() == [3] * 5
    assert torch.bincount(task.target_labels).tolist() == [7] * 5


@pytest.mark.parametrize("shots", [FixedShots(3, 2, 4), VariableShots(2, 6)])
def test_a_task_does_not_depend_on_the_order_of_asking(shots: FixedShots | VariableShots) -> None:
    def made() -> TaskSource:
        split = marked_split([12] * 9)
        return TaskSource(split, shots, seed=1, style=Style(), corruption=Corruption(0.5))

    forward, backward = made(), made()
    first = forward.tasks(range(6))
    second = backward.tasks(range(5, -1, -1))[::-1]
    for one, other in zip(first, second, strict=True):
        expect_same(one, other)
    expect_same(forward[2], first[2])


def test_another_process_meets_the_same_tasks() -> None:
    program = (
        "from marked_images import marked_split\n"
        "from tnverify.analyses.tasks import *\n"
        "source = TaskSource(marked_split([12] * 9), FixedShots(3, 2, 4), seed=1, style=Style())\n"
        "print(repr(source[5].context.double().sum().item()), source[5].classes)\n"
    )
    path = str(Path(marked_images.__file__).parent)
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({path!r})\n{program}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    source = TaskSource(marked_split([12] * 9), FixedShots(3, 2, 4), seed=1, style=Style())
    task = source[5]
    assert ran.stdout.strip() == f"{task.context.double().sum().item()!r} {task.classes}"


def test_tasks_differ_by_number_seed_split_and_way() -> None:
    split = marked_split([20] * 60)
    rule = FixedShots(5, 1, 1)
    tasks = [
        TaskSource(split, rule, seed=0)[0],
        TaskSource(split, rule, seed=0)[1],
        TaskSource(split, rule, seed=1)[0],
        TaskSource(marked_split([20] * 60, name="train"), rule, seed=0)[0],
        TaskSource(marked_split([20] * 60, dataset="other"), rule, seed=0)[0],
    ]
    assert len({task.classes for task in tasks}) == len(tasks)
    six = TaskSource(split, FixedShots(6, 1, 1), seed=0)[0]
    assert six.classes[:5] != tasks[0].classes


def test_smaller_contexts_and_target_sets_lie_within_larger_ones() -> None:
    split = marked_split([20] * 9)
    small = TaskSource(split, FixedShots(3, 1, 4), seed=0)
    large = TaskSource(split, FixedShots(3, 5, 15), seed=0)
    for number in range(5):
        one, other = small[number], large[number]
        assert one.classes == other.classes
        assert set(rows_of(one.context).tolist()) < set(rows_of(other.context).tolist())
        assert set(rows_of(one.targets).tolist()) < set(rows_of(other.targets).tolist())


def test_every_image_and_pair_of_places_is_drawn() -> None:
    # Shuffling within a class: a task must not take neighbours from a class's file.
    split = marked_split([40, 40])
    source = TaskSource(split, FixedShots(2, 3, 3), seed=0)
    seen = np.zeros(80, dtype=int)
    gaps = []
    for task in source.tasks(range(200)):
        rows = rows_of(task.context)
        seen[rows] += 1
        gaps.extend(np.abs(np.diff(rows[:3])).tolist())
    assert seen.min() > 0
    # The mean distance of two of 40 places without repetition is 41 / 3; of neighbours it is 1.
    assert 12 < np.mean(gaps) < 15.5


def test_every_class_is_drawn_alike_and_labels_have_no_order() -> None:
    split = marked_split([4] * 10)
    tasks = TaskSource(split, FixedShots(4, 1, 1), seed=0).tasks(range(500))
    counts = np.bincount([c for task in tasks for c in task.classes], minlength=10)
    # 200 expected of each, with a deviation of 11 (500 draws with probability 0.4).
    assert counts.min() > 150
    assert counts.max() < 250
    rising = np.mean([task.classes == tuple(sorted(task.classes)) for task in tasks])
    assert rising < 0.1  # 1 in 24


def test_several_splits_are_drawn_in_equal_shares() -> None:
    one = marked_split([10] * 30, dataset="one", name="train")
    two = marked_split([10] * 5, dataset="two", name="train")
    source = TaskSource([one, two], FixedShots(3, 1, 1), seed=0)
    tasks = source.tasks(range(300))
    share = np.mean([task.dataset == "one" for task in tasks])
    assert 0.4 < share < 0.6
    for task in tasks[:20]:
        expect_sound(task, one if task.dataset == "one" else two)


def test_small_classes_are_left_out_of_fixed_tasks() -> None:
    split = marked_split([5, 20, 20, 4, 20])
    source = TaskSource(split, FixedShots(3, 2, 4), seed=0)
    assert {c for task in source.tasks(range(20)) for c in task.classes} == {1, 2, 4}
    with pytest.raises(DataError, match=r"made, test: 3 of 5 classes have 6 images; 4-way 2-shot"):
        TaskSource(split, FixedShots(4, 2, 4), seed=0)


def test_too_few_classes_for_variable_tasks() -> None:
    with pytest.raises(DataError, match="4 classes have two images or more; tasks need 5"):
        TaskSource(marked_split([9, 9, 9, 9, 1]), VariableShots(), seed=0)


def test_images_of_two_shapes_or_none_are_refused() -> None:
    one, other = marked_split([9] * 5), marked_split([9] * 5)
    object.__setattr__(other, "images", ArrayImages(np.zeros((45, 1, 5, 5), np.uint8)))
    with pytest.raises(ValueError, match="different shapes"):
        TaskSource([one, other], FixedShots(2, 1, 1), seed=0)
    with pytest.raises(ValueError, match="at least one split"):
        TaskSource([], FixedShots(2, 1, 1), seed=0)


def test_numbers_below_zero_are_refused() -> None:
    with pytest.raises(IndexError, match="numbered from 0, not -1"):
        TaskSource(marked_split([9] * 5), FixedShots(2, 1, 1), seed=0)[-1]


@pytest.mark.parametrize("wrong", [{"way": 0}, {"shot": 0}, {"targets": -1}, {"imbalance": 0.5}])
def test_impossible_rules_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FixedShots(**{"way": 5, "shot": 1, **wrong})  # type: ignore[arg-type]  # wrong on purpose


def test_a_task_moves_between_devices() -> None:
    task = TaskSource(marked_split([9] * 5), FixedShots(2, 1, 1), seed=0)[0]
    moved = task.to("meta")
    assert moved.context.device.type == moved.target_labels.device.type == "meta"
    assert moved.classes == task.classes


def test_tasks_of_one_shape_are_stacked() -> None:
    source = TaskSource(marked_split([9] * 5), FixedShots(2, 3, 4), seed=0)
    stack = stacked(source.tasks(range(3)))
    assert stack.context.shape == (3, 6, 1, 4, 4)
    assert stack.target_labels.shape == (3, 8)
    assert torch.equal(stack.targets[1], source[1].targets)
    variable = TaskSource(marked_split([30] * 30), VariableShots(), seed=0)
    with pytest.raises(ValueError, match="different shapes cannot be stacked"):
        stacked(variable.tasks(range(4)))
