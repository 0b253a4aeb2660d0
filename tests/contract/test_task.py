"""Values of tasks: functions of their keys and of their own place, nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tnverify.contract import Parameters, Task
from tnverify.contract.task import uniform, uniforms


def test_growing_a_dimension_leaves_what_was_there() -> None:
    small, large = uniforms((2, 3, 2), 7, 1), uniforms((5, 4, 6), 7, 1)
    assert np.array_equal(small, large[:2, :3, :2])


@pytest.mark.parametrize("keys", [(), (0,), (7, 1), (2**64 - 1, 5, 2**40)])
def test_one_number_is_the_first_of_many(keys: tuple[int, ...]) -> None:
    assert uniform(*keys) == uniforms((3,), *keys)[0]


def test_values_are_those_of_splitmix64() -> None:
    """The first outputs of the published generator seeded with 0: one of the key, one of the
    place."""
    assert uniforms((), 0).item() == ((0xE220A8397B1DCDAF >> 11) + 0.5) / 2**53
    assert uniforms((1,)).item() == ((0x6E789E6AA1B965F4 >> 11) + 0.5) / 2**53


@pytest.mark.parametrize(
    ("keys", "values"),
    [
        ((0,), "0x1.400c48111ecbap-1 0x1.d258fe9e66253p-2 0x1.a15f134203ee1p-2"),
        ((3,), "0x1.b620b7a498d20p-1 0x1.8c15b82e42dbep-3 0x1.2950c9315307ap-3"),
        ((7, 1), "0x1.6c237b16dc938p-1 0x1.397b24f77a7a0p-7 0x1.e1a8e59aaaf4ap-3"),
        ((2**64 - 1, 5), "0x1.9a43549c266fap-1 0x1.36f07f6b4ea2ap-1 0x1.dd5f7eb4682ffp-2"),
    ],
)
def test_values_stay_the_same_for_ever(keys: tuple[int, ...], values: str) -> None:
    """Whatever is stored as a plan is rebuilt from these."""
    assert [
        value.hex() for value in uniforms((2, 2), *keys).flatten()[:3].tolist()
    ] == values.split()


def test_any_shape_has_values_even_an_empty_one() -> None:
    assert uniforms((2, 0, 3), 1).shape == (2, 0, 3)
    assert uniforms((1, 1, 1), 1, 2, 3).dtype == np.float64


def test_values_lie_strictly_between_zero_and_one_and_fill_it() -> None:
    values = uniforms((100, 100), 3)
    assert 0 < values.min() < 0.001
    assert 0.999 < values.max() < 1
    assert abs(values.mean() - 0.5) < 0.01
    assert abs(values.var() - 1 / 12) < 0.003
    assert len(np.unique(values)) == values.size


def test_every_key_changes_every_value() -> None:
    assert not (uniforms((50,), 1, 2) == uniforms((50,), 2, 1)).any()
    assert not (uniforms((50,), 1) == uniforms((50,), 1, 0)).any()


def test_neighbours_do_not_go_together() -> None:
    values = uniforms((400, 400), 5) - 0.5
    for a, b in ((values[1:], values[:-1]), (values[:, 1:], values[:, :-1])):
        assert abs((a * b).mean() * 12) < 0.02
    assert (
        abs((values * values.T).mean() * 12 - np.square(np.diag(values)).sum() * 12 / 160000) < 0.02
    )


def task() -> Task:
    return Task(
        torch.zeros(2, 3, 1, 1), torch.zeros(1, 3, 1, 1), Parameters(weight=(1.0, 2.0, 3.0))
    )


def test_noise_is_exact_in_every_dtype() -> None:
    wide = task().noise(torch.empty(200, dtype=torch.float64), 1)
    assert torch.equal(wide.half().double(), wide)
    assert torch.equal(wide.bfloat16().double(), wide)
    assert wide.abs().max() <= 4
    assert torch.equal(task().noise(torch.empty(200), 1).double(), wide)


def test_noise_fills_its_range_in_steps_of_an_eighth() -> None:
    noise = task().noise(torch.empty(4000, dtype=torch.float64), 3)
    assert sorted(set((noise * 8).tolist())) == list(range(-32, 33))


def test_noise_stays_the_same_for_ever() -> None:
    salted = Task(torch.zeros(1, 1), torch.zeros(1, 1), salt=11)
    assert salted.noise(torch.empty(2, 6), 3).tolist() == [
        [-0.125, -2.5, 1.375, 3.375, 1.5, -3.125],
        [-0.625, 1.875, -2.875, -1.0, 3.5, -2.625],
    ]


def test_noise_depends_on_the_salt_and_on_the_key() -> None:
    like = torch.empty(50)
    other = Task(torch.zeros(1, 1), torch.zeros(1, 1), salt=1)
    assert not torch.equal(task().noise(like, 1), other.noise(like, 1))
    assert not torch.equal(task().noise(like, 1), task().noise(like, 2))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_noise_has_the_dtype_and_the_device_of_what_it_replaces(dtype: torch.dtype) -> None:
    assert task().noise(torch.empty(2, dtype=dtype), 1).dtype == dtype
    assert task().noise(torch.empty(2, dtype=dtype, device="meta"), 1).device.type == "meta"
    with torch.device("meta"):
        assert task().noise(torch.zeros(2, device="cpu"), 1).device.type == "cpu"


def test_a_task_knows_its_sizes_dtype_and_device() -> None:
    sets = torch.zeros(2, 3, 5, 7, dtype=torch.float16, device="meta")
    made = Task(sets, sets)
    assert (made.channels, made.spatial) == (3, (5, 7))
    assert (made.dtype, made.device.type) == (torch.float16, "meta")


@pytest.mark.parametrize("replaced", [("context",), ("targets",), ("context", "targets"), ()])
def test_sets_are_replaced_one_by_one_and_the_rest_stays(replaced: tuple[str, ...]) -> None:
    first = replace(task(), salt=5, past=((torch.ones(1, 3), torch.ones(1, 3)),))
    new = {name: torch.full((4, 3, 1, 1), 9.0) for name in replaced}
    derived = first.with_sets(**new)
    assert derived.context is new.get("context", first.context)
    assert derived.targets is new.get("targets", first.targets)
    assert (derived.salt, derived.past, derived.parameters) == (5, first.past, first.parameters)


def test_a_derived_task_keeps_the_rest() -> None:
    first = task()
    moved = first.with_sets(targets=torch.ones(4, 3, 1, 1)).with_parameters(scale=2.0)
    assert moved.context is first.context
    assert moved.parameters == Parameters(weight=(1.0, 2.0, 3.0), scale=2.0)
    assert first.parameters.scale == 0.0
    assert first != task(), "tasks are compared by identity"


def test_numbers_of_no_dimension_are_an_array_too() -> None:
    """A count that a layer keeps as a tensor has none."""
    assert isinstance(uniforms((), 3), np.ndarray)
