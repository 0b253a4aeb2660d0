"""Around a failing task: where each dimension starts and stops to fail, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from tnverify.contract import Parameters, Task
from tnverify.engine.sweep import boundary
from tnverify.plans import Plan
from tnverify.report.boundaries import sentence

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def told(task: Task, fails: Callable[[Task], bool | None], step: int = 1) -> dict[str, str]:
    """The sentence for each dimension."""
    return {found.dimension: sentence(found) for found in boundary(task, fails, step)}


SIZES = (1, 2, 3, 4, 5, 6, 8, 12)
SPATIAL = {
    0: {},
    1: {"length": ("pixel", "pixels")},
    2: {"height": ("row", "rows"), "width": ("column", "columns")},
    3: {
        "depth": ("slice", "slices"),
        "height": ("row", "rows"),
        "width": ("column", "columns"),
    },
}


@pytest.mark.parametrize(
    ("failing", "said"),
    [
        (SIZES, "fails for 1 to 12 context items"),
        ((), "passes for 1 to 12 context items"),
        ((1,), "fails for 1 context item, passes for 2 or more"),
        ((1, 2), "fails for 1 to 2 context items, passes for 3 or more"),
        (SIZES[1:], "fails for 2 or more context items, passes for 1 context item"),
        (SIZES[2:], "fails for 3 or more context items, passes for 1 to 2"),
        ((12,), "fails for 12 or more context items, passes for 1 to 8"),
        ((3,), "fails for 3 context items, passes for 1, 2, 4, 5, 6, 8, 12"),
        ((2, 3), "fails for 2 to 3 context items, passes for 1, 4, 5, 6, 8, 12"),
        ((6, 8), "fails for 6 to 8 context items, passes for 1, 2, 3, 4, 5, 12"),
        ((2, 4), "fails for 2, 4 context items, passes for 1, 3, 5, 6, 8, 12"),
        ((1, 12), "fails for 1, 12 context items, passes for 2 to 8"),
        ((1, 2, 4, 5, 6, 8, 12), "fails for 1, 2, 4, 5, 6, 8, 12 context items, passes for 3"),
    ],
)
def test_where_it_fails_and_passes_is_a_sentence(failing: tuple[int, ...], said: str) -> None:
    task = Plan(context=3, targets=1).build()
    assert told(task, lambda t: len(t.context) in failing)["context"] == said


@pytest.mark.parametrize(
    ("failing", "passing", "said"),
    [
        (SIZES[1:], (), "fails for 2 or more context items, cannot be decided for 1 context item"),
        (
            SIZES[2:],
            (2,),
            "fails for 3 or more context items, passes for 2, cannot be decided for 1 context item",
        ),
        (
            (2, 4, 6),
            (8, 12),
            (
                "fails for 2, 4, 6 context items, passes for 8 or more, cannot be decided for"
                " 1, 3, 5"
            ),
        ),
    ],
)
def test_what_says_nothing_has_not_passed(
    failing: tuple[int, ...], passing: tuple[int, ...], said: str
) -> None:
    def fails(task: Task) -> bool | None:
        size = len(task.context)
        return size in failing if size in (*failing, *passing) else None

    assert told(Plan(context=3, targets=1).build(), fails)["context"] == said


@pytest.mark.parametrize(
    ("fails", "said"),
    [
        (lambda n: n % 4, "fails unless the number of channels is a multiple of 4"),
        (lambda n: n % 2 == 0, "fails where the number of channels is a multiple of 2"),
        (lambda n: n >= 33, "fails for 33 or more channels, passes for 1 to 32"),
        (lambda n: n > 12, "fails for 16 or more channels, passes for 1 to 12"),
    ],
)
def test_thresholds_and_divisors_of_large_tasks_are_told(fails: Any, said: str) -> None:
    task = Plan(context=2, targets=1, channels=33).build()
    assert told(task, lambda t: bool(fails(t.channels)))["channels"] == said


def test_a_task_is_not_doubled_beyond_measure() -> None:
    task = Plan(context=2, targets=1, channels=1, spatial=(400, 300)).build()
    sizes: list[int] = []
    boundary(task, lambda t: sizes.append(t.context.numel() + t.targets.numel()) is not None, 1)
    assert max(sizes) < 5_000_000


@pytest.mark.parametrize("rank", range(4))
def test_every_dimension_is_swept_in_its_own_words(rank: int) -> None:
    words = {
        "context": ("context item", "context items"),
        "targets": ("target", "targets"),
        "channels": ("channel", "channels"),
    } | SPATIAL[rank]
    plan = Plan(context=2, targets=2, channels=2, spatial=(2,) * rank)

    def size_of(task: Task, name: str) -> int:
        if name in ("context", "targets"):
            return len(getattr(task, name))
        return task.context.shape[1 + list(words)[2:].index(name)]

    for name, (one, many) in words.items():
        found = told(plan.build(), lambda t, name=name: size_of(t, name) == 1)
        assert list(found) == list(words)
        assert found.pop(name) == f"fails for 1 {one}, passes for 2 or more"
        assert found == {n: f"passes for 1 to 12 {words[n][1]}" for n in found}
        found = told(plan.build(), lambda t, name=name: size_of(t, name) > 3)
        assert found[name] == f"fails for 4 or more {many}, passes for 1 to 3"


def test_channels_are_swept_in_steps_of_the_layer() -> None:
    task = Plan(context=2, targets=1, channels=4).build()
    seen: list[Task] = []
    found = told(task, lambda t: seen.append(t) is not None or t.channels >= 8, 4)
    assert found["channels"] == "fails for 8 or more channels, passes for 4"
    assert found["context"] == "passes for 1 to 12 context items"
    assert sorted({t.channels for t in seen}) == [4 * size for size in SIZES]
    assert sorted({len(t.targets) for t in seen}) == list(SIZES)


def swept(task: Task) -> list[Task]:
    seen: list[Task] = []
    boundary(task, lambda t: seen.append(t) is None, 1)
    return seen


def parts_of(task: Task) -> list[Tensor]:
    return [task.context, task.targets, *(x for pair in task.past for x in pair)]


PLAN = Plan(
    context=2, targets=3, channels=2, spatial=(3, 2), past=2, weight=(2.0, 3.0), bias=(0.5, -1.0)
)


def test_what_was_there_stays_and_one_dimension_alone_differs() -> None:
    task = PLAN.build(torch.float32)
    seen = swept(task)
    assert len(seen) == 5 * len(SIZES)
    for other in seen:
        changed = set()
        for which, (now, was) in enumerate(zip(parts_of(other), parts_of(task), strict=True)):
            assert (now.dtype, now.is_contiguous()) == (torch.float32, True)
            both = tuple(slice(min(a, b)) for a, b in zip(now.shape, was.shape, strict=True))
            assert torch.equal(now[both], was[both])
            for dim, (a, b) in enumerate(zip(now.shape, was.shape, strict=True)):
                if a != b:
                    changed.add(dim or f"items of set {which}")
        assert len(changed) <= 1
        assert other.salt == task.salt
        # Channels and pixels change in the earlier tasks too, or they would be of other shapes.
        assert len({x.shape[1:] for x in parts_of(other)}) == 1


def test_parameters_go_round_the_channels() -> None:
    for task in swept(PLAN.build()):
        weight, bias = ((2.0, 3.0) * 6)[: task.channels], ((0.5, -1.0) * 6)[: task.channels]
        assert task.parameters == Parameters(weight, bias)


def test_parameters_that_are_left_alone_stay_so() -> None:
    task = Task(torch.zeros(2, 2), torch.zeros(1, 2))
    assert {t.parameters for t in swept(task)} == {Parameters()}


def test_what_is_added_comes_from_the_tasks_own_salt() -> None:
    one, again, other = (swept(Plan(seed=seed).build()) for seed in (3, 3, 4))
    for first, second in zip(one, again, strict=True):
        assert torch.equal(first.context, second.context)
        assert torch.equal(first.targets, second.targets)
    largest = [max(tasks, key=lambda t: len(t.context)).context for tasks in (one, other)]
    assert len(largest[0].unique()) > 6
    assert not torch.equal(largest[0][1:], largest[1][1:])
