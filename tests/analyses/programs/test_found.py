"""What analyses say of records follows from the records: planted findings are told."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import made_up_runs
import numpy as np
import pytest
from pictures import expect_a_clear_edge

from tnverify.analyses.paper import CLAIMS, Arm, Setting, judge
from tnverify.analyses.paper.rules import Rules
from tnverify.analyses.programs import estimates, frames, load, settling, setups
from tnverify.analyses.programs.claims import named
from tnverify.analyses.programs.costing import measure
from tnverify.analyses.programs.evidence import RecordedEvidence
from tnverify.analyses.programs.program import Found
from tnverify.analyses.records import RecordStore
from tnverify.analyses.sweep import Workplace

FREE = Rules(seeds=0, seeds_of_orders=0, tasks=0, domains=0, settled=math.inf)
"""Rules that leave every comparison to its interval."""

if TYPE_CHECKING:
    from pathlib import Path

    from tnverify.analyses.programs.request import Request
    from tnverify.analyses.records import Record
    from tnverify.analyses.sweep import Trained

Spoil = "Callable[[dict[str, object], Trained], None]"


def recorded(name: str, request: Request, folder: Path, spoil: Spoil | None = None) -> list[Record]:
    """Records of an analysis, each spoilt before it is written."""
    store = RecordStore(folder, "made-up")
    made = []
    for configuration in load(name).plan(request):
        trained = made_up_runs.made_up(configuration)
        if spoil is not None:
            spoil(configuration, trained)
        made.append(store.write(configuration, trained.results, trained.arrays))
    return made


def outcome(number: int, evidence: RecordedEvidence) -> str:
    (claim,) = (claim for claim in CLAIMS if claim.number == number)
    return judge(claim, evidence, FREE).outcome


def test_collapse_and_invariance_are_reproduced(small: Request, tmp_path: Path) -> None:
    evidence = RecordedEvidence(recorded("claims", small, tmp_path), resamples=100)
    assert [outcome(n, evidence) for n in (1, 2, 3)] == ["reproduced"] * 3


def test_the_claim_about_alpha_is_judged_on_the_backbone_alone(
    small: Request, tmp_path: Path
) -> None:
    def spoil(_: dict[str, object], trained: Trained) -> None:
        arrays = dict(trained.arrays)
        if "learned/layer" not in arrays:
            return
        # A set encoder whose alpha falls with the context's size.
        arrays["learned/layer"] = np.append(arrays["learned/layer"], ["encoder.1"] * 2)
        arrays["learned/context_size"] = np.append(arrays["learned/context_size"], [5, 100])
        arrays["learned/alpha"] = np.append(arrays["learned/alpha"], [0.9, 0.1])
        object.__setattr__(trained, "arrays", arrays)

    records = recorded("alpha_curves", small, tmp_path, spoil)
    assert outcome(14, RecordedEvidence(records, resamples=100)) == "reproduced"
    content = load("alpha_curves").content(Found(small, tuple(records)))
    assert set(content.frames["learned_alpha"]["part"]) == {"backbone", "set encoder"}


def test_one_task_that_differs_in_parts_contradicts_invariance(
    small: Request, tmp_path: Path
) -> None:
    def spoil(configuration: dict[str, object], trained: Trained) -> None:
        if (configuration["learner"], configuration["scheme"]) == ("maml", "meta_bn"):
            arrays = dict(trained.arrays)
            one = np.flatnonzero(np.asarray(arrays["tasks/target_batching"]) == "item")[0]
            np.asarray(arrays["tasks/accuracy"])[one] += 1.0

    evidence = RecordedEvidence(recorded("claims", small, tmp_path, spoil), resamples=100)
    assert outcome(3, evidence) == "contradicted"
    assert outcome(1, evidence) == "reproduced"


def test_a_smoke_page_judges_nothing(small: Request, tmp_path: Path) -> None:
    records = recorded("claims", small, tmp_path)
    content = load("claims").content(Found(small, tuple(records)))
    assert set(content.frames["claims"]["outcome"]) == {"not judged"}
    assert {s.figure for s in content.statements} == {"18 of 18"}
    here = content.frames["claims"]["here"]
    assert here.str.startswith("not judged: 1 training seed, and ").any()


def test_conditions_are_judged_apart(small: Request, tmp_path: Path) -> None:
    asked = replace(small, learners=("maml",), schemes=("tasknorm_i", "meta_bn"))
    styled = recorded("claims", asked, tmp_path / "task")
    plain = recorded("claims", replace(asked, style="none"), tmp_path / "none")
    content = load("claims").content(Found(asked, (*styled, *plain)))
    titles = [section.title for section in content.sections]
    assert titles[:2] == ["Claims, style shared by a task's context and targets",
                          "Claims, style none"]  # fmt: skip
    assert set(content.frames["claims"]["condition"]) == {t[8:] for t in titles[:2]}


def test_tables_of_one_data_set_are_judged_in_domain(small: Request, tmp_path: Path) -> None:
    evidence = RecordedEvidence(recorded("claims", small, tmp_path), resamples=20)
    arms = [Arm("tasknorm_i"), Arm("meta_bn")]
    fixed = evidence.cells(Setting("maml", "fixed"), arms)
    varied = evidence.cells(Setting("cnaps", "varied"), arms)
    assert fixed is not None
    assert varied is not None
    assert fixed.configurations == ("folder-5-1", "folder-5-5")
    assert varied.configurations == ("folder", "digits", "textures")


def half_and_whole(small: Request, folder: Path, **train: object) -> list[Record]:
    asked = replace(small, learners=("maml",), schemes=("tasknorm_i",), seeds=1)
    setup = setups.fixed("maml", 5, 5)
    (whole,) = setups.runs(asked, setup, ("tasknorm_i",), (0,))
    store, made = RecordStore(folder, "made-up"), []
    for iterations, gained in ((20, 0.0), (10, -4.0)):
        one = whole | {"train": whole["train"] | {"iterations": iterations} | train}
        trained = made_up_runs.made_up(one)
        trained.arrays["tasks/accuracy"] = np.asarray(trained.arrays["tasks/accuracy"]) + gained  # type: ignore[index]  # a dict
        made.append(store.write(one, trained.results, trained.arrays))
    pixels = setups.pixels(asked, setup)
    found = made_up_runs.made_up(pixels)
    return [*made, store.write(pixels, found.results, found.arrays)]


def test_half_the_budget_tells_whether_training_had_settled(small: Request, tmp_path: Path) -> None:
    records = half_and_whole(small, tmp_path, decay="cosine")
    (row,) = settling.trainings(records).to_dict("records")
    assert row["whole"] - row["half"] == pytest.approx(4.0)
    assert row["whole"] > row["pixels"] + 10
    assert [r.name for r in settling.longest(records)] == [records[0].name]
    # Without it, a rate that decays to the end tells nothing of half-way.
    (alone,) = settling.trainings(records[:1]).to_dict("records")
    assert math.isnan(alone["half"])
    assert math.isnan(alone["pixels"])


def test_a_constant_rate_is_judged_by_its_own_curve(small: Request, tmp_path: Path) -> None:
    (whole, *_) = half_and_whole(small, tmp_path, decay="none", iterations=1000)
    (row,) = settling.trainings([whole]).to_dict("records")
    curve = whole.columns()["validation/accuracy"]
    assert (row["half"], row["whole"]) == (pytest.approx(curve[5]), pytest.approx(curve[-1]))


def test_transduction_counts_the_tasks_that_differ(small: Request, tmp_path: Path) -> None:
    records = recorded("transduction", small, tmp_path)
    content = load("transduction").content(Found(small, tuple(records)))
    told = {s.figure for s in content.statements}
    assert "10 of 10" in told  # every scheme of MAML but the transductive one
    assert any(s.tone == "bad" and s.figure.startswith("−") for s in content.statements)


@pytest.mark.slow
def test_cells_in_parts_count_nowhere_else(small: Request, tmp_path: Path) -> None:
    records = recorded("accuracy", small, tmp_path)
    content = load("accuracy").content(Found(small, tuple(records)))
    shown = content.frames["accuracy_cells"]
    assert not shown["configuration"].str.contains("in parts").any()
    assert set(shown["test_tasks"]) == {small.size.tasks[0]}


def test_a_cell_is_the_mean_over_seeds_and_tasks(small: Request, tmp_path: Path) -> None:
    tests = frames.tests(recorded("accuracy", small, tmp_path))
    cells = estimates.cells(tests, 50)
    row = cells[(cells["scheme"] == "meta_bn") & (cells["learner"] == "maml")].iloc[0]
    mine = tests[
        (tests["scheme"] == "meta_bn")
        & (tests["learner"] == "maml")
        & (tests["configuration"] == row["configuration"])
        & (tests["target_batching"] == row["target_batching"])
    ]
    assert row["mean"] == pytest.approx(mine["accuracy"].mean())
    assert row["low"] < row["tasks_low"] < row["mean"] < row["tasks_high"] < row["high"]


def test_areas_compare_over_one_span_alone(small: Request, tmp_path: Path) -> None:
    def spoil(configuration: dict[str, object], trained: Trained) -> None:
        if configuration["scheme"] == "layer_norm":  # stopped half-way
            for name in list(trained.arrays):
                if name.startswith("validation/"):
                    trained.arrays[name] = trained.arrays[name][:5]  # type: ignore[index]  # a dict

    areas = frames.areas(recorded("training_efficiency", small, tmp_path, spoil))
    assert "layer_norm" not in set(areas["scheme"])
    assert {"tasknorm_i", "meta_bn"} <= set(areas["scheme"])


def test_claims_speak_of_schemes_by_their_printed_names() -> None:
    text = "transductive_bn is above tasknorm_i (cnaps, varied tasks), none else: -1.0 [-2.0, 1.0]"
    told = "TBN is above TaskNorm-I (CNAPs, varied tasks), none else: −1.0 [−2.0, 1.0]"
    assert named("-0.6 on glyphs-5-5") == "−0.6 on glyphs-5-5"
    assert named(text) == told


def test_cost_is_measured_and_shown(small: Request, tmp_path: Path) -> None:
    """Once for real, two rounds of the smallest network."""
    (configuration,) = load("cost").plan(replace(small, schemes=("tasknorm_i", "none")))
    shrunk = configuration | {"rounds": 2, "context": 4, "targets": 4}
    trained = measure(shrunk, Workplace(tmp_path / "work"))
    record = RecordStore(tmp_path, "code").write(shrunk, trained.results, trained.arrays)
    content = load("cost").content(Found(small, (record,)))
    for picture in content.pictures():
        expect_a_clear_edge(picture.png, picture.name)
    shown = content.frames["cost"].set_index("scheme")
    assert set(shown.index) == {"tasknorm_i", "none", "transductive_bn"}
    ratios = shown.loc["transductive_bn", ["step", "test", "kept", "peak"]]
    assert (ratios == 1.0).all()
    assert shown.loc["none", "operations"] < shown.loc["tasknorm_i", "operations"]
    assert (shown[["step_ms", "test_ms", "kept_mib", "peak_mib"]] > 0).all(axis=None)
