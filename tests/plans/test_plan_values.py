"""Values of plans: what each profile puts where, and that it stays so for ever."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from tnverify.plans import PROFILES, Plan
from tnverify.plans import plan as planning

SMALL = Plan(context=4, targets=3, channels=2, spatial=(1, 2), seed=11)
WIDE = Plan(context=10, targets=8, channels=20, spatial=(2, 5), seed=3)

# A stored counterexample is a plan: it must rebuild the task that it was found on.
REBUILT = {
    "grid": (
        "2 2 -1 3 -3 1 1 -3 -1 1 2 3 1 1 2 -1",
        "1 1 0 -1 1 -3 -1 2 -3 -2 3 -1",
    ),
    "two_values": (
        "1 1 0 1 0 1 1 0 0 1 1 1 1 1 1 0",
        "1 1 0 0 1 0 0 1 0 0 1 0",
    ),
    "normal": (
        (
            "0.577854 0.696167 -0.317092 1.51955 -1.35384 0.191564 0.368882 -1.73882"
            " -0.47058 0.388674 0.971015 1.25215 0.463575 0.427188 0.718675 -0.246058"
        ),
        (
            "0.316062 0.194383 -0.172303 -0.382859 0.322858 -1.5022 -0.542859 0.770557"
            " -1.0866 -0.810469 1.44041 -0.263869"
        ),
    ),
    "constant_channel": (
        "1 1 -0.317092 1.51955 1 1 0.368882 -1.73882 1 1 0.971015 1.25215 1 1 0.718675 -0.246058",
        "1 1 -0.172303 -0.382859 1 1 -0.542859 0.770557 1 1 1.44041 -0.263869",
    ),
    "duplicates": (
        " ".join(["0.577854 0.696167 -0.317092 1.51955"] * 4),
        " ".join(["0.316062 0.194383 -0.172303 -0.382859"] * 3),
    ),
    "outliers": (
        (
            "0.577854 0.696167 -0.317092 1.51955 -1.35384 0.191564 0.368882 -173.882"
            " -0.47058 0.388674 97.1015 125.215 0.463575 0.427188 0.718675 -0.246058"
        ),
        (
            "0.316062 0.194383 -17.2303 -0.382859 32.2858 -1.5022 -0.542859 0.770557"
            " -1.0866 -0.810469 1.44041 -0.263869"
        ),
    ),
    "zeros": (
        "0 0 0 3 0 0 0 0 0 0 2 3 0 0 0 0",
        "0 0 0 0 0 0 0 0 0 0 3 0",
    ),
}


def written(values: torch.Tensor) -> str:
    return " ".join(f"{value:.6g}" for value in values.flatten().tolist())


def context_of(plan: Plan, profile: str = "grid", **changes: object) -> torch.Tensor:
    return replace(plan, profile=profile, **changes).build().context  # type: ignore[arg-type]  # fields of Plan


@pytest.mark.parametrize("profile", PROFILES)
def test_a_plan_rebuilds_its_task_for_ever(profile: str) -> None:
    task = replace(SMALL, profile=profile).build()
    assert (written(task.context), written(task.targets)) == REBUILT[profile]


@pytest.mark.parametrize("profile", PROFILES)
def test_fewer_items_and_channels_leave_the_others_as_they_were(profile: str) -> None:
    plan = replace(WIDE, profile=profile)
    large, small = plan.build(), replace(plan, context=4, targets=3, channels=7).build()
    assert torch.equal(small.context, large.context[:4, :7])
    assert torch.equal(small.targets, large.targets[:3, :7])


@pytest.mark.parametrize("profile", PROFILES)
def test_another_seed_gives_other_values_and_so_has_the_other_set(profile: str) -> None:
    plan = replace(WIDE, profile=profile, targets=WIDE.context)
    task, other = plan.build(), replace(plan, seed=4).build()
    assert not torch.equal(task.context, task.targets)
    assert not torch.equal(task.context, other.context)
    assert not torch.equal(task.targets, other.targets)


def test_a_grid_holds_seven_small_integers_and_two_values_hold_two() -> None:
    assert set(context_of(WIDE, "grid").flatten().tolist()) == {-3, -2, -1, 0, 1, 2, 3}
    assert set(context_of(WIDE, "two_values").flatten().tolist()) == {0, 1}


def test_normal_values_have_mean_zero_and_variance_one() -> None:
    values = context_of(WIDE, "normal")
    assert abs(values.mean()) < 0.1
    assert abs(values.var() - 1) < 0.1


def test_the_constant_channel_is_the_first_and_the_others_are_normal() -> None:
    values, normal = context_of(WIDE, "constant_channel"), context_of(WIDE, "normal")
    assert (values[:, 0] == 1).all()
    assert torch.equal(values[:, 1:], normal[:, 1:])


def test_duplicates_are_copies_of_each_sets_first_item() -> None:
    plan = replace(WIDE, profile="duplicates")
    task, normal = plan.build(), replace(plan, profile="normal").build()
    assert torch.equal(task.context, normal.context[:1].expand_as(task.context))
    assert torch.equal(task.targets, normal.targets[:1].expand_as(task.targets))


def test_one_value_in_eight_is_an_outlier_a_hundred_times_as_large() -> None:
    values, normal = context_of(WIDE, "outliers"), context_of(WIDE, "normal")
    outliers = values != normal
    assert torch.equal(values, torch.where(outliers, normal * 100, normal))
    assert abs(outliers.double().mean() - 0.125) < 0.025


def test_which_values_are_outliers_depends_on_the_seed_and_on_the_set_not_on_the_value() -> None:
    plan = replace(WIDE, profile="outliers", targets=WIDE.context)
    normal = replace(plan, profile="normal")
    task, plain = plan.build(), normal.build()
    in_context, in_targets = task.context != plain.context, task.targets != plain.targets
    again = replace(plan, seed=4).build().context != replace(normal, seed=4).build().context
    for other in (in_targets, again):
        # Were they drawn from one source, all would coincide: chance gives one in eight.
        assert (in_context & other).sum() < 0.3 * in_context.sum()
    assert plain.context[in_context].min() < -1 < 1 < plain.context[in_context].max()


def test_four_values_in_five_are_zero_and_the_others_are_not() -> None:
    values = context_of(WIDE, "zeros")
    assert set(values.flatten().tolist()) == {0, 2, 3}
    assert abs((values == 0).double().mean() - 0.8) < 0.025


def test_values_are_shifted_by_the_offset_and_then_multiplied_by_the_power_of_two() -> None:
    for profile in PROFILES:
        plain = context_of(SMALL, profile)
        assert torch.equal(context_of(SMALL, profile, exponent=4, offset=3.0), (plain + 3) * 16), (
            profile
        )
        assert torch.equal(context_of(SMALL, profile, exponent=-20), plain / 2**20), profile


def test_overrides_put_single_values_in_place_after_all_else() -> None:
    # Sets and positions are taken modulo what there is: a shrunk plan keeps its overrides.
    overrides = ((0, 3, 8.0), (1, 12 + 5, -2.0), (2, 16, 0.5), (3, 0, 100.0))
    plan = replace(SMALL, exponent=4, offset=3.0)
    plain, changed = plan.build(), replace(plan, overrides=overrides).build()
    context, targets = plain.context.flatten().clone(), plain.targets.flatten().clone()
    context[3], context[0] = 8.0, 0.5
    targets[5], targets[0] = -2.0, 100.0
    assert torch.equal(changed.context.flatten(), context)
    assert torch.equal(changed.targets.flatten(), targets)


def test_a_later_override_of_the_same_place_holds() -> None:
    task = replace(SMALL, overrides=((0, 1, 8.0), (0, 1, -1.0))).build()
    assert task.context.flatten()[1] == -1


def test_an_override_of_an_empty_set_changes_nothing() -> None:
    task = Plan(targets=0, overrides=((1, 0, 8.0),)).build()
    assert task.targets.numel() == 0
    assert torch.equal(task.context, Plan(targets=0).build().context)


def test_earlier_tasks_have_four_context_and_two_target_items_of_their_own_values() -> None:
    plan = replace(SMALL, profile="normal", past=2)
    task = plan.build()
    assert [(c.shape, t.shape) for c, t in task.past] == [((4, 2, 1, 2), (2, 2, 1, 2))] * 2
    sets = [task.context, task.targets, *(each for pair in task.past for each in pair)]
    assert len({written(each[:1]) for each in sets}) == 6
    one = replace(plan, past=1).build()
    assert torch.equal(one.past[0][0], task.past[0][0])
    assert torch.equal(one.past[0][1], task.past[0][1])


def test_earlier_tasks_are_rebuilt_for_ever() -> None:
    past = replace(SMALL, channels=1, past=2).build().past
    assert [(written(context), written(targets)) for context, targets in past] == [
        ("3 3 -1 -2 2 2 0 -1", "2 2 3 0"),
        ("-2 3 2 -1 2 -1 0 -1", "3 3 1 2"),
    ]


def test_parameters_are_cycled_over_the_channels() -> None:
    parameters = Plan(
        channels=5, weight=(2.0, -1.0), bias=(0.5, 4.0, 1.0), scale=0.25, alpha_offset=-2.0
    ).build()
    assert parameters.parameters.weight == (2.0, -1.0, 2.0, -1.0, 2.0)
    assert parameters.parameters.bias == (0.5, 4.0, 1.0, 0.5, 4.0)
    assert (parameters.parameters.scale, parameters.parameters.offset) == (0.25, -2.0)


def test_the_salt_of_a_task_is_its_plans_seed() -> None:
    assert SMALL.build().salt == 11


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_values_are_drawn_in_float64_and_rounded_once(dtype: torch.dtype) -> None:
    plan = replace(SMALL, profile="normal", past=1)
    wide, task = plan.build(), plan.build(dtype)
    for exact, rounded in (
        (wide.context, task.context),
        (wide.targets, task.targets),
        *zip(wide.past[0], task.past[0], strict=True),
    ):
        assert rounded.dtype == dtype
        assert exact.dtype == torch.float64
        assert torch.equal(rounded, exact.to(dtype))


def test_a_task_lies_wholly_on_the_device_asked_for() -> None:
    for device in ("meta", torch.device("meta")):
        task = replace(SMALL, past=1).build(torch.float32, device)
        sets = [task.context, task.targets, *task.past[0]]
        assert {(each.device.type, each.dtype) for each in sets} == {("meta", torch.float32)}
    assert replace(SMALL, past=1).build().past[0][0].device.type == "cpu"


def test_the_first_target_of_twins_is_the_first_context_item() -> None:
    task = replace(SMALL, twins=True).build()
    assert torch.equal(task.targets[0], task.context[0])
    assert torch.equal(task.targets[1:], SMALL.build().targets[1:])
    assert replace(SMALL, twins=True, targets=0).build().targets.shape[0] == 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_subnormal_values_are_the_smallest_of_the_dtype_and_of_either_sign(
    dtype: torch.dtype,
) -> None:
    plan = replace(WIDE, profile="normal")
    usual, task = plan.build(dtype), replace(plan, subnormal=True).build(dtype)
    changed = task.context != usual.context
    assert 0.05 < float(changed.double().mean()) < 0.25
    found = task.context[changed]
    assert set(
        (found.abs() / torch.finfo(dtype).smallest_normal / torch.finfo(dtype).eps).tolist()
    ) == {1.0}
    assert torch.equal(found.sign(), usual.context[changed].sign())
    assert {-1.0, 1.0} == set(found.sign().tolist())


EVERYTHING = Plan(
    context=3,
    targets=0,
    channels=4,
    spatial=(2, 5),
    profile="zeros",
    seed=9,
    exponent=-6,
    offset=100.0,
    weight=(1.0, -2.5),
    bias=(0.5,),
    scale=0.25,
    alpha_offset=6.0,
    past=2,
    overrides=((0, 3, 8.0), (1, 0, -1000.0)),
    distinct=True,
    past_items=(4, 2),
    twins=True,
    subnormal=True,
)


def test_a_plan_survives_json() -> None:
    as_text = json.dumps(EVERYTHING.as_json())
    assert Plan.from_json(json.loads(as_text)) == EVERYTHING
    assert hash(Plan.from_json(json.loads(as_text))) == hash(EVERYTHING)


def test_json_of_a_plan_is_plain_lists_and_numbers() -> None:
    told = Plan(overrides=((0, 3, 8.0),)).as_json()
    assert told == {
        "context": 1,
        "targets": 1,
        "channels": 1,
        "spatial": [1, 1],
        "profile": "grid",
        "seed": 0,
        "exponent": 0,
        "offset": 0.0,
        "weight": [1.0],
        "bias": [0.0],
        "scale": 0.0,
        "alpha_offset": 0.0,
        "past": 0,
        "spread": 0.0,
        "overrides": [(0, 3, 8.0)],
        "distinct": False,
        "past_items": [4, 2],
        "twins": False,
        "subnormal": False,
    }


def test_what_a_written_plan_leaves_out_is_that_of_the_plainest_plan() -> None:
    assert Plan.from_json({}) == Plan()
    assert Plan.from_json({"seed": 4, "spatial": [2]}) == Plan(seed=4, spatial=(2,))
    assert Plan.from_json({"overrides": []}) == Plan()


def test_a_field_that_no_plan_has_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        Plan.from_json({"colour": 1})


def test_a_number_on_the_edge_is_not_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert planning._zeros(np.array([0.8])) == [2.0]
    monkeypatch.setattr(planning, "uniforms", lambda shape, *keys: np.full(shape, 0.125))
    ordinary = planning._outliers(np.array([0.7]), (1,), 0, 0)
    assert 0 < float(ordinary[0]) < 10
