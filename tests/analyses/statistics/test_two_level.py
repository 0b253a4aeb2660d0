"""Both levels of noise, against simulated runs whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from tnverify.analyses.statistics import (
    mean_interval,
    two_level,
    two_level_difference,
    two_level_own_tasks,
)

TRUTH = 60.0


def runs(
    generator: np.random.Generator, *, seeds: int = 5, tasks: int = 60, training: float, task: float
) -> np.ndarray:
    """(seeds, tasks) of percent; training noise, the tasks' own difficulty, and chance."""
    return (
        TRUTH
        + generator.normal(0, training, (seeds, 1))
        + generator.normal(0, task, (1, tasks))
        + generator.normal(0, 4.0, (seeds, tasks))
    )


@pytest.mark.parametrize(("training", "task"), [(2.0, 8.0), (0.0, 8.0), (2.0, 0.0)])
def test_the_interval_over_both_covers_the_truth(training: float, task: float) -> None:
    generator = np.random.default_rng(1)
    found = [
        two_level(runs(generator, training=training, task=task), generator, resamples=400)
        for _ in range(200)
    ]
    covered = np.mean(
        [each.method is not None and not each.method.excludes(TRUTH) for each in found]
    )
    assert covered > 0.95 - 5 * np.sqrt(0.95 * 0.05 / 200)
    # Over tasks alone training noise is hidden, and the truth missed as soon as there is some.
    alone = np.mean([not each.trained.excludes(TRUTH) for each in found])
    assert alone < 0.9 if training and not task else covered >= alone


def test_the_components_are_found_apart() -> None:
    generator = np.random.default_rng(2)
    found = two_level(runs(generator, seeds=200, tasks=200, training=2.0, task=8.0), generator)
    assert found.seed_deviation == pytest.approx(2.0, rel=0.15)
    assert found.task_deviation == pytest.approx(np.hypot(8.0, 4.0), rel=0.15)
    assert len(found.seed_means) == found.seeds == 200
    assert found.tasks == 200


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_where_all_noise_is_of_training_the_interval_is_students(seeds: int) -> None:
    generator = np.random.default_rng(10 + seeds)
    matrix = np.repeat(generator.normal(TRUTH, 2.0, (seeds, 1)), 50, axis=1)
    students = mean_interval(matrix[:, 0]).half_width
    for found in (two_level(matrix, generator), two_level_own_tasks(list(matrix), generator)):
        assert found.method is not None
        assert found.method.half_width == pytest.approx(students, rel=0.15)
        assert found.trained.half_width == pytest.approx(0.0, abs=1e-9)


def test_chance_among_the_tasks_is_not_taken_for_training_noise() -> None:
    generator = np.random.default_rng(9)
    matrix = runs(generator, seeds=200, tasks=200, training=0.0, task=8.0)
    unshared = [row + generator.normal(0, 8.0, 200) for row in matrix]
    own = two_level_own_tasks(unshared, generator, resamples=20)
    for found in (two_level(matrix, generator), own):
        assert found.seed_deviation is not None
        # The means of 200 tasks deviate by 4 / sqrt(200) = 0.28 or more by chance alone.
        assert found.seed_deviation < 0.2


def test_a_task_that_is_hard_for_every_seed_is_not_counted_once_a_seed() -> None:
    generator = np.random.default_rng(3)
    matrix = runs(generator, training=0.0, task=20.0)
    same, own = two_level(matrix, generator), two_level_own_tasks(list(matrix), generator)
    assert same.mean == pytest.approx(own.mean)
    # Five seeds on tasks of their own saw five times as many.
    assert same.trained.half_width == pytest.approx(np.sqrt(5) * own.trained.half_width, rel=0.15)
    assert own.tasks == 5 * same.tasks


def test_tasks_of_their_own_cover_the_truth_too() -> None:
    generator = np.random.default_rng(4)
    covered = []
    for _ in range(100):
        means = generator.normal(TRUTH, 2.0, 5)
        values = [generator.normal(mean, 8.0, 30 + 10 * i) for i, mean in enumerate(means)]
        found = two_level_own_tasks(values, generator, resamples=300)
        assert found.method is not None
        covered.append(not found.method.excludes(TRUTH))
    assert np.mean(covered) > 0.95 - 5 * np.sqrt(0.95 * 0.05 / 100)


def test_one_seed_leaves_training_noise_unknown() -> None:
    generator = np.random.default_rng(5)
    matrix = runs(generator, seeds=1, training=2.0, task=8.0)
    for found in (
        two_level(matrix, generator),
        two_level_own_tasks(list(matrix), generator),
        two_level_difference(matrix, matrix, generator),
    ):
        assert (found.method, found.seed_deviation) == (None, None)
        assert found.widest is found.trained


def test_two_published_runs_of_one_method_differ_by_less_than_the_noise_of_training() -> None:
    """The mistake that the second level is for: no difference, but intervals over tasks see one."""
    generator = np.random.default_rng(6)
    apart = {"trained": 0, "method": 0}
    for _ in range(100):
        tasks = generator.normal(0, 8.0, (1, 200))
        first, second = (
            runs(generator, tasks=200, training=1.0, task=0.0, seeds=4) + tasks for _ in "ab"
        )
        one = two_level_difference(first[:1], second[:1], generator, resamples=200)
        several = two_level_difference(first, second, generator, resamples=200)
        assert several.method is not None
        apart["trained"] += one.trained.excludes(0.0)
        apart["method"] += several.method.excludes(0.0)
    assert apart["trained"] > 30
    assert apart["method"] <= 5 + 5 * np.sqrt(100 * 0.05 * 0.95)


def test_a_difference_drops_what_tasks_do_to_both() -> None:
    generator = np.random.default_rng(7)
    tasks = generator.normal(0, 20.0, (1, 300))
    first = runs(generator, seeds=5, tasks=300, training=0.3, task=0.0) + tasks + 3.0
    second = runs(generator, seeds=3, tasks=300, training=0.3, task=0.0) + tasks
    found = two_level_difference(first, second, generator)
    assert found.mean == pytest.approx(first.mean() - second.mean())
    assert found.method is not None
    assert found.method.low > 1.5
    assert found.method.half_width < two_level(first, generator).widest.half_width
    apart = [two_level(matrix, generator).seed_deviation for matrix in (first, second)]
    assert found.seed_deviation == pytest.approx(np.linalg.norm(np.array(apart, dtype=float)))


def test_the_same_generator_gives_the_same_intervals() -> None:
    matrix = runs(np.random.default_rng(8), training=1.0, task=8.0)
    first, second = (two_level(matrix, np.random.default_rng(0)) for _ in range(2))
    assert first == second


def test_other_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match="first has 3 tasks and second 2"):
        two_level_difference(np.ones((2, 3)), np.ones((2, 2)), np.random.default_rng(0))
    with pytest.raises(ValueError, match="one array for each seed"):
        two_level_own_tasks([], np.random.default_rng(0))
