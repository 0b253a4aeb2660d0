"""What a run records: invariances of schemes, identical tasks, the same bits for the same seed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from configurations import COMPANIES, accuracies, cell, small, trained
from runs import expect_same_run
from samples import each as sampled

from tnverify.analyses.data import DataError
from tnverify.analyses.learners import BASELINE, SCHEMES
from tnverify.analyses.records.arrays import columns
from tnverify.analyses.training import testing

if TYPE_CHECKING:
    from pathlib import Path

    from tnverify.analyses.sweep import Trained
    from tnverify.analyses.tasks import ImageTask

EVERY = [("protonets", s) for s in SCHEMES] + [("maml", s) for s in SCHEMES]
EVERY += [("cnaps", s) for s in (*SCHEMES, BASELINE)] + [("pixels", "none")]


@pytest.mark.parametrize(("learner", "scheme"), sampled(EVERY, 2, rows=True))
def test_every_learner_runs_over_every_scheme(
    learner: str, scheme: str, drawn: str, tmp_path: Path
) -> None:
    run = trained(small(drawn, learner=learner, scheme=scheme), tmp_path)
    arrays = columns(run.arrays)  # refuses what cannot be recorded
    assert len(arrays["tasks/accuracy"]) == 5 * 3
    assert ((arrays["tasks/accuracy"] >= 0) & (arrays["tasks/accuracy"] <= 100)).all()
    every = accuracies(run)
    for batching in COMPANIES[1:]:
        if scheme != "transductive_bn":
            assert np.array_equal(accuracies(run, batching), every), batching
    if learner == "pixels":
        assert run.results["iterations"] == 0
        return
    assert run.results["iterations"] == len(arrays["training/loss"]) == 6
    assert np.isfinite(arrays["training/loss"]).all()
    assert arrays["validation/iteration"].tolist() == [3, 6]
    assert run.results["parameters"] > 0
    assert run.results["seconds"] > run.results["seconds_of_data"] > 0
    assert ("learned/alpha" in arrays) == scheme.startswith("tasknorm")


@pytest.mark.parametrize("learner", sampled(["protonets", "maml"], 2))
def test_the_transductive_scheme_alone_collapses(learner: str, drawn: str, tmp_path: Path) -> None:
    """Trained for a few seconds, it loses 30 points or more where items come one at a time."""

    def run(scheme: str) -> Trained:
        return trained(
            small(
                drawn, learner=learner, scheme=scheme,
                network={"width": 16, "reduce": "stride"},
                train={"iterations": 40, "meta_batch": 4, "rate": 5e-3, "style": "task"},
                validate={"every": 0}, test=[cell(tasks=30, style="task")],
            ),
            tmp_path,
        )  # fmt: skip

    transductive, taskwise = run("transductive_bn"), run("tasknorm_i")
    every, one = accuracies(transductive).mean(), accuracies(transductive, "item").mean()
    assert every - one >= 30.0
    assert accuracies(taskwise).mean() > 100 / 3 + 20
    for batching in COMPANIES[1:]:
        assert np.array_equal(accuracies(taskwise, batching), accuracies(taskwise))


@pytest.mark.parametrize("learner", ["protonets", "maml", "cnaps"])
def test_a_seed_decides_everything(learner: str, drawn: str, tmp_path: Path) -> None:
    configuration = small(drawn, learner=learner)
    torch.manual_seed(1)
    first = trained(configuration, tmp_path)
    torch.manual_seed(2)  # what the process drew before does not matter
    drawn_before = torch.get_rng_state()
    second = trained(configuration, tmp_path)
    assert torch.equal(torch.get_rng_state(), drawn_before)
    expect_same_run(first, second)
    other = trained(configuration | {"seed": 1}, tmp_path)
    assert not np.array_equal(other.arrays["training/loss"], first.arrays["training/loss"])


def test_schemes_and_seeds_meet_identical_tasks(
    drawn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    accuracies_of = testing.accuracies

    def watched(learner, tasks: list[ImageTask], batchings, device):
        if len(batchings) == 3:  # of the test, not of validation
            seen.extend((task.context, task.targets) for task in tasks)
        return accuracies_of(learner, tasks, batchings, device)

    monkeypatch.setattr(testing, "accuracies", watched)
    runs = [("protonets", "tasknorm_i", 0), ("protonets", "none", 1), ("maml", "layer_norm", 2)]
    for learner, scheme, seed in runs:
        trained(small(drawn, learner=learner, scheme=scheme, seed=seed), tmp_path)
    assert len(seen) == 15
    for first, *others in zip(seen[:5], seen[5:10], seen[10:], strict=True):
        for other in others:
            assert torch.equal(first[0], other[0])
            assert torch.equal(first[1], other[1])


def test_schemes_start_from_the_same_weights(drawn: str, tmp_path: Path) -> None:
    # Before the first step, those that train as batch norm does have one loss.
    losses = [
        trained(small(drawn, scheme=scheme), tmp_path).arrays["training/loss"][0]
        for scheme in ("transductive_bn", "conventional_bn", "reptile_norm", "none")
    ]
    assert math.isclose(losses[0], losses[1], rel_tol=1e-5)
    assert losses[0] == losses[2] != losses[3]


def test_cells_are_kept_apart(drawn: str, tmp_path: Path) -> None:
    cells = [
        cell("a", tasks=3, batchings=["all"]),
        cell("b", way=5, shot=1, tasks=2, batchings=["item"]),
        cell("c", data="digits", tasks=2, batchings=["all"]),
        cell("d", variable=True, way=None, shot=None, targets=None, tasks=2, batchings=["class"]),
        cell("e", tasks=2, imbalance=4.0, corruption={"share": 0.5, "kind": "noise"}),
    ]
    arrays = trained(small(drawn, test=cells), tmp_path).arrays
    names = np.asarray(arrays["tasks/configuration"]).tolist()
    assert names == [*"aaa", *"bb", *"cc", *"dd", *"eeeeee"]
    assert np.asarray(arrays["tasks/task"]).tolist() == [0, 1, 2, *[0, 1] * 3, 0, 0, 0, 1, 1, 1]
    assert np.asarray(arrays["tasks/way"])[:7].tolist() == [3, 3, 3, 5, 5, 3, 3]
    assert np.asarray(arrays["tasks/shot"])[:7].tolist() == [2, 2, 2, 1, 1, 2, 2]
    assert np.asarray(arrays["tasks/context"])[:7].tolist() == [6, 6, 6, 5, 5, 6, 6]


def test_the_best_weights_are_tested_where_that_is_asked(drawn: str, tmp_path: Path) -> None:
    # A rate that ruins what is learned, so that the last weights are not the best.
    changes = {"train": {"iterations": 12, "rate": 3.0}, "validate": {"every": 1, "tasks": 20}}
    last = trained(small(drawn, **changes), tmp_path)
    best = trained(
        small(drawn, **{**changes, "validate": {**changes["validate"], "select": "best"}}), tmp_path
    )
    validation = np.asarray(last.arrays["validation/accuracy"])
    assert np.array_equal(validation, best.arrays["validation/accuracy"])
    assert validation.argmax() < len(validation) - 1
    same_until = int(validation.argmax()) + 1
    stopped = trained(small(drawn, train={"iterations": same_until, "rate": 3.0}), tmp_path)
    assert np.array_equal(accuracies(best), accuracies(stopped))
    assert not np.array_equal(accuracies(best), accuracies(last))


def test_a_loss_that_is_not_finite_is_told(drawn: str, tmp_path: Path) -> None:
    wild = small(drawn, scheme="none", train={"rate": 1e30, "iterations": 4})
    run = trained(wild, tmp_path)
    assert run.results["iterations_not_finite"] > 0
    assert run.results["final_loss"] is None


def test_training_on_varying_tasks(drawn: str, tmp_path: Path) -> None:
    varying = {"way": None, "shot": None, "targets": None, "variable": True, "iterations": 2}
    run = trained(small(drawn, train=varying), tmp_path)
    assert len(run.arrays["training/loss"]) == 2
    alphas = np.asarray(run.arrays["learned/alpha"])
    assert len(np.unique(alphas)) > 4  # a function of the context size, by itself


def test_looping_and_one_launch_agree(drawn: str, tmp_path: Path) -> None:
    loop, launch = (
        trained(small(drawn, train={"launch": how}), tmp_path).arrays["training/loss"]
        for how in ("loop", "stack")
    )
    assert math.isclose(loop[0], launch[0], rel_tol=1e-5)


@pytest.mark.parametrize("scheme", sampled(["tasknorm_i", "transductive_bn", "conventional_bn"], 3))
@pytest.mark.parametrize("learner", ["protonets", "maml", "cnaps"])
def test_tasks_are_tested_together_or_in_turn_alike(
    learner: str, scheme: str, drawn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [cell("even", tasks=5), cell("uneven", tasks=5, imbalance=4.0)]
    configuration = small(drawn, learner=learner, scheme=scheme, test=cells)
    together = trained(configuration, tmp_path)
    monkeypatch.setattr(testing, "TOGETHER", 1)
    in_turn = trained(configuration, tmp_path)
    for name, column in in_turn.arrays.items():
        if name != "validation/seconds":
            assert np.array_equal(together.arrays[name], column), name


def test_a_folder_without_the_data_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        trained(small(f"folder:{tmp_path / 'nowhere'}"), tmp_path)


def test_threads_are_as_they_were(drawn: str, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    trained(small(drawn, learner="pixels", scheme="none"), tmp_path)
    assert torch.get_num_threads() == before
