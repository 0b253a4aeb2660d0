"""Meta-Dataset's sampler: its arithmetic by hand, and the tasks that come of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from marked_images import marked_split

from tnverify.analyses.data import DataError, Groups
from tnverify.analyses.tasks import ContextLimits, TaskSource, VariableShots
from tnverify.analyses.tasks.counts import context_size, shots, targets_per_class

LIMITS = ContextLimits()


def array(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


@pytest.mark.parametrize(
    ("sizes", "targets"),
    [((20, 20), 10), ((100, 19), 9), ((2, 50), 1), ((3, 3), 1), ((600, 600), 10)],
)
def test_targets_are_ten_or_half_of_the_smallest_class(
    sizes: tuple[int, ...], targets: int
) -> None:
    assert targets_per_class(array(*sizes), LIMITS) == targets


@pytest.mark.parametrize(
    ("sizes", "targets", "beta", "size"),
    [
        # Halves of 10, 20 and 3, rounded up.
        ((20, 30, 13), 10, 0.5, 5 + 10 + 2),
        # A quarter of each, the first counted as 100.
        ((1000, 110), 10, 0.25, 50),
        # All of what is left, and at most 500 in all.
        ((20,) * 5, 10, 1.0, 50),
        ((600,) * 6, 10, 1.0, 500),
        # However small beta is, an item of each class.
        ((20,) * 7, 10, 1e-12, 7),
    ],
)
def test_context_sizes_by_hand(
    sizes: tuple[int, ...], targets: int, beta: float, size: int
) -> None:
    assert context_size(array(*sizes), targets, LIMITS, beta) == size


def test_shots_by_hand() -> None:
    # 16 items beside one of each class, in proportion 10 * 2 : 30 * 1 : 20 * 0.5 = 2 : 3 : 1.
    logs = np.log([2.0, 1.0, 0.5])
    found = shots(array(10, 30, 20), 5, 19, logs)
    assert found.tolist() == [min(1 + 5, 5), 1 + 8, 1 + 2]
    # An item of each class where there are no more.
    assert shots(array(10, 30, 20), 5, 3, logs).tolist() == [1, 1, 1]


def test_the_arithmetic_is_that_of_the_published_formulas() -> None:
    """Triantafillou et al. 2020, section 3.2, written out class by class."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        sizes = rng.integers(2, 1500, rng.integers(5, 51))
        q = min(10, *(n // 2 for n in sizes.tolist()))
        assert targets_per_class(sizes, LIMITS) == q
        uniform = float(rng.random())  # on [0, 1): then floor(u * x + 1), as the code has it
        beta = 1.0 - uniform
        total = sum(math.ceil(beta * min(100, n - q)) for n in sizes.tolist())
        size = context_size(sizes, q, LIMITS, beta)
        assert size == min(500, total)
        logs = rng.uniform(math.log(0.5), math.log(2), len(sizes))
        weights = [math.exp(a) * n for a, n in zip(logs.tolist(), sizes.tolist(), strict=True)]
        wanted = [
            min(math.floor(w / math.fsum(weights) * (size - len(sizes)) + 1), n - q)
            for w, n in zip(weights, sizes.tolist(), strict=True)
        ]
        assert shots(sizes, q, size, logs).tolist() == wanted


def test_tasks_keep_every_limit() -> None:
    rng = np.random.default_rng(1)
    sizes = [int(n) for n in rng.integers(2, 300, 70)]
    split = marked_split(sizes)
    ways, contexts, shares = [], [], []
    for task in TaskSource(split, VariableShots(), seed=0).tasks(range(150)):
        chosen = np.array([sizes[c] for c in task.classes])
        shot = np.bincount(task.context_labels.numpy(), minlength=task.way)
        target = np.bincount(task.target_labels.numpy(), minlength=task.way)
        assert (target == min(10, int((chosen // 2).min()))).all()
        assert shot.min() >= 1
        assert (shot + target <= chosen).all()
        assert task.way <= len(task.context) <= 500
        ways.append(task.way)
        contexts.append(len(task.context))
        shares.append(np.corrcoef(shot, chosen)[0, 1] if shot.std() > 0 else 1.0)
    assert min(ways) == 5
    assert max(ways) == 50
    assert abs(np.mean(ways) - 27.5) < 4  # the deviation of the mean of 150 is 1.1
    assert min(contexts) < 60
    assert max(contexts) > 400
    assert np.mean(shares) > 0.5  # larger classes have more shots


def test_the_way_ends_with_the_classes() -> None:
    tasks = TaskSource(marked_split([9] * 7), VariableShots(), seed=0).tasks(range(60))
    assert {task.way for task in tasks} == {5, 6, 7}


def test_weights_vary_within_their_limits() -> None:
    # Classes of one size: shots differ by the log-weights alone, at most as 2 to 1/2.
    split = marked_split([400] * 10)
    ratios = []
    for task in TaskSource(split, VariableShots(5, 5), seed=0).tasks(range(60)):
        shot = np.bincount(task.context_labels.numpy())
        if shot.min() > 20:
            ratios.append(shot.max() / shot.min())
    assert max(ratios) > 2.0
    assert max(ratios) < 4.0 * 21 / 20  # rounding down moves a shot of 20 by less than one


def test_other_limits_are_kept() -> None:
    rule = VariableShots(5, 8, ContextLimits(targets=3, context=40, context_per_class=6))
    for task in TaskSource(marked_split([50] * 20), rule, seed=0).tasks(range(40)):
        assert 5 <= task.way <= 8
        assert len(task.targets) == 3 * task.way
        assert len(task.context) <= 40


def test_related_classes_come_from_one_group() -> None:
    members = (np.arange(0, 3), np.arange(3, 10), np.arange(10, 22))
    split = marked_split([20] * 22, groups=Groups(("a", "b", "c"), members))
    tasks = TaskSource(split, VariableShots(related=True), seed=0).tasks(range(60))
    inside = [next(g for g in (1, 2) if set(t.classes) <= set(members[g].tolist())) for t in tasks]
    assert set(inside) == {1, 2}  # the first has fewer than five
    assert {t.way for t, g in zip(tasks, inside, strict=True) if g == 1} == {5, 6, 7}
    unrelated = TaskSource(split, VariableShots(), seed=0).tasks(range(20))
    assert any(min(t.classes) < 3 for t in unrelated)


def test_whole_groups_are_taken_up_to_the_most() -> None:
    members = (np.arange(0, 6), np.arange(0, 60))
    split = marked_split([4] * 60, groups=Groups(("node", "root"), members, whole=True))
    tasks = TaskSource(split, VariableShots(related=True), seed=0).tasks(range(30))
    assert {task.way for task in tasks} == {6, 50}
    assert len({task.classes for task in tasks if task.way == 50}) > 1


def test_related_classes_need_groups() -> None:
    for groups in (None, Groups(("few",), (np.arange(4),))):
        with pytest.raises(DataError, match="no group of 5 classes or more"):
            TaskSource(marked_split([9] * 9, groups=groups), VariableShots(related=True), seed=0)


@pytest.mark.parametrize(("fewest", "most"), [(0, 5), (6, 5), (5, 501)])
def test_impossible_ways_are_refused(fewest: int, most: int) -> None:
    with pytest.raises(ValueError, match=f"ways from {fewest} to {most}"):
        VariableShots(fewest, most)
