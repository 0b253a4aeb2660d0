"""Results of one's own as evidence, in made-up worlds whose truth is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tnverify.analyses.paper import Arm, MeasuredEvidence, Setting, find
from tnverify.analyses.paper.requirements import Above, SameForEveryBatching
from tnverify.analyses.paper.rules import Rules
from tnverify.analyses.paper.samples import Part, combined

FREE = Rules(seeds=0, tasks=0, settled=math.inf)
"""Rules that leave every comparison to its interval."""

MAML = Setting("maml", "fixed")
A, B = Arm("tasknorm_i"), Arm("meta_bn")


def results(
    truths: dict[Arm, float],
    *,
    seeds: int = 5,
    tasks: int = 80,
    sets: tuple[tuple[str, int, int], ...] = (("glyphs-5-1", 5, 1), ("glyphs-20-5", 20, 5)),
    training: float = 0.5,
    first_seed: int = 0,
) -> pd.DataFrame:
    """Rows of a test task each: configurations lie 20 points apart, tasks are shared."""
    rows: list[dict[str, Any]] = []
    for i, (name, way, shot) in enumerate(sets):
        hard = np.random.default_rng(i).normal(0, 10, tasks)
        for arm, truth in truths.items():
            for seed in range(first_seed, first_seed + seeds):
                trained = np.random.default_rng([seed, len(arm.scheme)]).normal(0, training)
                chance = np.random.default_rng([seed, len(arm.scheme), i]).normal(0, 2, tasks)
                values = truth - 20 * i + trained + hard + chance
                rows += [
                    {"learner": "maml", "tasks": "fixed", "configuration": name, "way": way,
                     "shot": shot, "scheme": arm.scheme, "alpha": arm.alpha,
                     "per_channel": arm.per_channel, "target_batching": arm.target_batching,
                     "seed": seed, "task": task, "accuracy": value}
                    for task, value in enumerate(values)
                ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("gap", "outcome"), [(4.0, "reproduced"), (0.0, "undecided"), (-4.0, "contradicted")]
)
def test_a_world_in_which_it_is_so_reproduces_the_claim(gap: float, outcome: str) -> None:
    evidence = MeasuredEvidence(results({A: 60.0 + gap, B: 60.0}), resamples=400)
    found = find(Above(MAML, A, B), evidence, FREE)
    assert found.outcome == outcome
    assert found.effect is not None
    assert found.effect.value == pytest.approx(gap, abs=1.5)


def test_differences_are_paired_by_task_and_configuration() -> None:
    evidence = MeasuredEvidence(results({A: 62.0, B: 60.0}), resamples=400)
    found = evidence.differences(MAML, [A], [B])
    cells = evidence.cells(MAML, [A, B])
    assert found is not None
    assert cells is not None
    assert cells.configurations == tuple(found.each) == ("glyphs-5-1", "glyphs-20-5")
    assert [d.value for d in found.each.values()] == pytest.approx(
        cells.means[:, 0] - cells.means[:, 1]
    )
    assert found.mean.value == pytest.approx(np.mean([d.value for d in found.each.values()]))
    # Neither how hard tasks are nor how configurations differ is noise of the difference.
    single = [d.half_width for d in found.each.values()]
    assert found.mean.half_width < max(single)
    assert max(single) < cells.half_widths.min()


def test_a_single_seed_gives_the_interval_over_tasks() -> None:
    frame = results({A: 62.0, B: 60.0}, seeds=1, training=0.0)
    one = MeasuredEvidence(frame).differences(MAML, [A], [B])
    assert one is not None
    several = MeasuredEvidence(results({A: 62.0, B: 60.0}, training=3.0)).differences(
        MAML, [A], [B]
    )
    assert several is not None
    assert one.mean.half_width < several.mean.half_width


def test_seeds_in_common_are_compared_and_others_left_out() -> None:
    frame = pd.concat(
        [
            results({A: 62.0}, seeds=4),
            results({B: 60.0}, seeds=2),
            results({B: 60.0}, seeds=1, first_seed=9),
        ]
    )
    both = frame[frame["seed"].isin([0, 1])]
    first = MeasuredEvidence(frame).differences(MAML, [A], [B])
    second = MeasuredEvidence(both).differences(MAML, [A], [B])
    assert first == second


def test_schemes_without_a_seed_in_common_are_compared_all_the_same() -> None:
    frame = pd.concat([results({A: 66.0}), results({B: 60.0}, first_seed=9)])
    found = MeasuredEvidence(frame).differences(MAML, [A], [B])
    assert found is not None
    assert found.mean.value == pytest.approx(6.0, abs=1.5)
    assert found.mean.low > 0


def test_the_arms_that_are_asked_for_are_the_ones_that_answer() -> None:
    channels = Arm("tasknorm_i", alpha="free", per_channel=True)
    shared = Arm("tasknorm_i", alpha="free", per_channel=False)
    single = Arm("tasknorm_i", "item")
    truths = {A: 60.0, channels: 50.0, shared: 40.0, single: 30.0}
    evidence = MeasuredEvidence(results(truths, seeds=2), resamples=50)
    cells = evidence.cells(MAML, list(truths))
    assert cells is not None
    assert cells.means[0] - cells.means[0, 0] == pytest.approx([0, -10, -20, -30], abs=2)
    assert evidence.cells(MAML, [B]) is None
    assert evidence.cells(Setting("cnaps", "varied"), [A]) is None
    few = evidence.cells(Setting("maml", "fixed", shot=5), [A])
    assert few is not None
    assert few.configurations == ("glyphs-20-5",)
    assert evidence.chances(MAML) == {"glyphs-5-1": 20.0, "glyphs-20-5": 5.0}


def test_one_task_that_depends_on_its_batch_is_enough() -> None:
    frame = pd.concat(
        results({A: 60.0}).assign(target_batching=b) for b in ("all", "class", "item")
    )
    require = SameForEveryBatching(MAML, ("tasknorm_i",))
    assert find(require, MeasuredEvidence(frame), FREE).outcome == "reproduced"
    changed = frame.reset_index(drop=True)
    changed.loc[changed.index[-1], "accuracy"] += 1e-9
    assert find(require, MeasuredEvidence(changed), FREE).outcome == "contradicted"
    whole = frame[frame["target_batching"] == "all"]
    assert find(require, MeasuredEvidence(whole), FREE).outcome == "not measured"


def test_areas_are_compared_over_seeds() -> None:
    speed = Setting("maml", "fixed", "training_area")
    runs = results({A: 62.0, B: 60.0}, tasks=1).rename(columns={"accuracy": "area"})
    evidence = MeasuredEvidence(results({A: 60.0}), areas=runs.drop(columns="task"))
    found = evidence.differences(speed, [A], [B])
    assert found is not None
    gaps = (
        runs[runs["scheme"] == A.scheme]["area"].to_numpy()
        - runs[runs["scheme"] == B.scheme]["area"].to_numpy()
    )
    assert found.mean.value == pytest.approx(gaps.mean())
    assert math.isfinite(found.mean.half_width)
    one = MeasuredEvidence(results({A: 60.0}), areas=runs[runs["seed"] == 0].drop(columns="task"))
    alone = find(Above(speed, A, B), one, FREE)
    assert alone.outcome == "undecided"
    assert alone.effect is not None
    assert alone.effect.half_width == math.inf
    assert MeasuredEvidence(results({A: 60.0})).differences(speed, [A], [B]) is None


def test_learned_alphas_are_those_of_the_setting() -> None:
    learned = pd.DataFrame(
        {"learner": ["maml", "cnaps"], "tasks": ["fixed", "varied"], "layer": 1,
         "context_size": 5, "alpha": [0.5, 0.7], "seed": 0}
    )  # fmt: skip
    evidence = MeasuredEvidence(results({A: 60.0}), learned=learned)
    rows = evidence.alphas(MAML)
    assert rows is not None
    assert list(rows["alpha"]) == [0.5]
    assert evidence.alphas(Setting("protonets", "fixed")) is None
    assert MeasuredEvidence(results({A: 60.0})).alphas(MAML) is None


def parts_of(*sizes: int, drawn: str = "") -> list[Part]:
    generator = np.random.default_rng(0)
    made = [generator.normal(80 - 20 * i, 2.0, (4, tasks)) for i, tasks in enumerate(sizes)]
    return [Part(drawn or str(i), 1 / len(sizes), pd.DataFrame(m)) for i, m in enumerate(made)]


def test_combined_parts_keep_their_means_and_their_noise() -> None:
    parts = parts_of(50, 200)
    whole = combined(parts)
    means = [part.matrix.to_numpy().mean(axis=1) for part in parts]
    assert whole.mean(axis=1) == pytest.approx(np.mean(means, axis=0))
    error = (
        math.hypot(*(p.matrix.loc[0].std(ddof=0) / math.sqrt(p.matrix.shape[1]) for p in parts)) / 2
    )
    assert whole[0].std() / math.sqrt(whole.shape[1]) == pytest.approx(error, rel=0.05)


def test_cells_that_share_tasks_are_added_task_by_task() -> None:
    one, other = parts_of(50, 50, drawn="glyphs-5")
    whole = combined([one, other])
    assert whole == pytest.approx((one.matrix + other.matrix).to_numpy() / 2)
    # Shared tasks that are hard in both do not average out; those of other draws do.
    hard = np.random.default_rng(1).normal(0, 10, 200)
    frame = results({A: 60.0, B: 60.0}, tasks=200, training=0.1)
    frame["accuracy"] += np.where(frame["scheme"] == A.scheme, hard[frame["task"]], 0.0)
    apart = MeasuredEvidence(frame).differences(MAML, [A], [B])
    shared = MeasuredEvidence(frame.assign(drawn="glyphs")).differences(MAML, [A], [B])
    assert apart is not None
    assert shared is not None
    assert shared.mean.value == pytest.approx(apart.mean.value)
    assert shared.mean.half_width > 1.2 * apart.mean.half_width


def test_two_settings_that_share_tasks_are_compared_on_them() -> None:
    frame = results({A: 62.0, B: 60.0}, tasks=100)
    hard = np.random.default_rng(1).normal(0, 10, 100)
    frame["accuracy"] += np.where(frame["scheme"] == A.scheme, hard[frame["task"]], 0.0)
    small, large = Setting("maml", "fixed", shot=1), Setting("maml", "fixed", shot=5)
    apart = MeasuredEvidence(frame).change(small, large, A, B)
    shared = MeasuredEvidence(frame.assign(drawn="glyphs")).change(small, large, A, B)
    assert apart is not None
    assert shared is not None
    # What makes tasks hard for one scheme at either shot is no noise of how the gap changes.
    assert shared.half_width < 0.5 * apart.half_width


def trainings(**changed: float) -> pd.DataFrame:
    row = {"learner": "maml", "tasks": "fixed", "way": 5, "shot": 1, "alpha": None,
           "per_channel": None, "seed": 0, "whole": 60.0, "half": 59.5, "pixels": 40.0}  # fmt: skip
    return pd.DataFrame([row | {"scheme": arm.scheme} | changed for arm in (A, B)])


@pytest.mark.parametrize(
    ("changed", "said"),
    [({}, ""), ({"half": 55.0}, "+5.0 points"), ({"half": math.nan}, "half the budget"),
     ({"pixels": 70.0}, "raw pixels"), ({"pixels": math.nan}, "raw pixels were not")],
)  # fmt: skip
def test_a_training_that_has_not_settled_judges_nothing(
    changed: dict[str, float], said: str
) -> None:
    evidence = MeasuredEvidence(
        results({A: 70.0, B: 60.0}, tasks=200), trainings=trainings(**changed), resamples=200
    )
    found = find(Above(MAML, A, B), evidence)
    assert found.outcome == ("not judged" if said else "reproduced")
    assert said in found.text


@pytest.mark.parametrize("problem", ["column", "twice", "tasks of a seed", "tasks of a scheme"])
def test_what_cannot_be_compared_is_refused(problem: str) -> None:
    frame = results({A: 60.0, B: 60.0}, tasks=5)
    if problem == "column":
        with pytest.raises(ValueError, match=r"lack the column\(s\) configuration"):
            MeasuredEvidence(frame.drop(columns="configuration"))
        return
    said, broken = {
        "twice": ("measured twice", pd.concat([frame, frame[:1]])),
        "tasks of a seed": ("seeds were not tested on identical tasks", frame[1:]),
        "tasks of a scheme": (
            "schemes were not tested on identical tasks",
            frame[(frame["scheme"] == A.scheme) | (frame["task"] > 0)],
        ),
    }[problem]
    with pytest.raises(ValueError, match=said):
        MeasuredEvidence(broken).differences(MAML, [A], [B])
