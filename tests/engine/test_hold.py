"""One subject held to the laws: what is asked, what is written, what waivers change."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from makeshift import law_of, subject

from tnverify.catalogue import Catalogue, load_catalogue
from tnverify.contract import Violation
from tnverify.engine import hold as holding
from tnverify.engine.failures import Smallest, smallest_failure
from tnverify.engine.hold import hold
from tnverify.engine.options import RunOptions, RunPlan
from tnverify.engine.profiles import Profile
from tnverify.engine.waivers import Waiver, read_waivers
from tnverify.faults.plain import PlainNorm
from tnverify.plans.strategies import corpus
from tnverify.subjects import SubjectRecipe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tnverify.catalogue import Law
    from tnverify.contract import Prober, Task
    from tnverify.engine.results import LawVerdict
    from tnverify.subjects import Subject

REQUEST = SubjectRecipe("plain:Norm")
FEW = Profile("few", tasks=3, corpus=8, native_every=2)
WITNESS: dict[str, Any] = {
    "plan": {
        "lane": "float64",
        "weight": [1.0],
        "bias": [0.0],
        "scale": 0.0,
        "offset": 0.0,
        "salt": 0,
        "past": [],
    },
    "context": [[[[0.0]]]],
    "target": [[[[0.0]]], [[[1.0]]]],
}


def holds(norm: Prober, task: Task) -> None:
    norm.run(task)


def fails_for_two_targets(norm: Prober, task: Task) -> None:
    norm.run(task)
    if len(task.targets) >= 2:
        raise Violation(f"fails for {len(task.targets)} targets", symptom="flow")


def fails_for_two_items(norm: Prober, task: Task) -> None:
    if len(task.targets) + len(task.context) >= 2:
        raise Violation("fails for so many items", symptom="flow")


HOLDS = law_of(holds)
TWO_TARGETS = law_of(fails_for_two_targets, family="transductivity")
TWO_ITEMS = law_of(fails_for_two_items)


class Watching:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.plans: list[tuple[int, int]] = []
        self.shrunk: list[tuple[str, int, int]] = []

    def on_subject(self, spec: str, number: int, total: int) -> None:
        raise AssertionError("a run tells of its subjects")

    def on_plan(self, done: int, total: int) -> None:
        self.plans.append((done, total))

    def on_shrink(self, law: str, number: int, total: int) -> None:
        self.shrunk.append((law, number, total))


def held_to(
    laws: Sequence[Law],
    *waivers: Waiver,
    out: Path | None = None,
    shrink: bool = True,
    watching: Watching | None = None,
) -> dict[str, LawVerdict]:
    """Verdicts on a sound layer, subject 7 of its run."""
    made = RunPlan(RunOptions(out=out, shrink=shrink), FEW, Catalogue(tuple(laws)), waivers, ())
    verdicts = hold(subject(PlainNorm), REQUEST, made, watching or Watching())
    assert [v.law for v in verdicts] == list(laws)
    return {v.law.name: v for v in verdicts}


def waiver(law: Law, **more: Any) -> Waiver:
    return Waiver(**({"law": law.name, "reason": "known", "witness": WITNESS} | more))


def test_the_program_and_the_witness_are_written_side_by_side(tmp_path: Path) -> None:
    found = held_to([HOLDS, TWO_TARGETS], out=tmp_path / "out")
    example = found["fails_for_two_targets"].counterexample
    assert example is not None
    path = tmp_path / "out" / f"{REQUEST.slug}_fails_for_two_targets.py"
    assert example.path == str(path)
    assert path.read_text(encoding="utf-8") == example.reproducer
    assert example.reproducer.startswith('"""fails_for_two_targets fails for plain:Norm\n')
    written = json.loads(path.with_suffix(".json").read_text())
    recipe = SubjectRecipe.from_json(written.pop("subject"))
    assert (recipe.spec, recipe.found is not None) == ("plain:Norm", True)
    witness = {"plan": example.plan, "context": example.context, "target": example.targets}
    assert written == json.loads(json.dumps(witness))
    assert sorted(p.name for p in path.parent.iterdir()) == [
        f"{REQUEST.slug}_fails_for_two_targets.json",
        f"{REQUEST.slug}_fails_for_two_targets.py",
    ]


def test_the_witness_that_is_written_serves_a_waiver(tmp_path: Path) -> None:
    law = load_catalogue().named("a_target_ignores_the_other_targets")
    renamed = replace(TWO_TARGETS, name=law.name)
    held_to([renamed], out=tmp_path)
    (tmp_path / "waivers.toml").write_text(
        f'[[waivers]]\nlaw = "{law.name}"\nreason = "known"\n'
        f'witness = "{REQUEST.slug}_{law.name}.json"\n'
    )
    waivers = read_waivers(tmp_path / "waivers.toml", load_catalogue())
    verdict = held_to([renamed], *waivers)[law.name]
    assert (verdict.outcome, verdict.reason) == ("waived", "known")


def test_without_a_directory_the_program_is_told_but_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    example = held_to([TWO_TARGETS])["fails_for_two_targets"].counterexample
    assert example is not None
    assert example.path is None
    assert "check(" in example.reproducer
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_to_be_made_small_is_left_as_it_was_found() -> None:
    watching = Watching()
    verdict = held_to([TWO_TARGETS], shrink=False, watching=watching)["fails_for_two_targets"]
    assert (verdict.outcome, verdict.counterexample) == ("violated", None)
    assert watching.shrunk == []


def test_laws_of_one_cause_are_told_on_one_task_the_most_telling_first() -> None:
    watching = Watching()
    found = held_to([HOLDS, TWO_ITEMS, TWO_TARGETS], watching=watching)
    first = found["fails_for_two_targets"].counterexample
    second = found["fails_for_two_items"].counterexample
    assert first is not None
    assert second is not None
    assert len(first.targets) == 2
    assert (second.context, second.targets) == (first.context, first.targets)
    assert watching.shrunk == [("fails_for_two_targets", 1, 2), ("fails_for_two_items", 2, 2)]
    assert (found["holds"].outcome, found["holds"].examples) == ("held", 3)


def test_progress_is_told_of_every_plan_of_the_corpus() -> None:
    watching = Watching()
    held_to([HOLDS], watching=watching)
    assert watching.plans == [(n, 8) for n in range(9)]


def test_a_waived_law_is_asked_on_its_witness_alone() -> None:
    watching = Watching()
    found = held_to([HOLDS, TWO_TARGETS], waiver(TWO_TARGETS), watching=watching)
    verdict = found["fails_for_two_targets"]
    assert (verdict.outcome, verdict.reason, verdict.examples) == ("waived", "known", 1)
    assert verdict.symptom == "stale_waiver"
    assert verdict.seconds > 0
    assert verdict.counterexample is None
    assert watching.shrunk == []
    assert found["holds"].outcome == "held"


def test_a_waiver_whose_law_holds_on_the_witness_says_what_to_do() -> None:
    watching = Watching()
    verdict = held_to([TWO_ITEMS, HOLDS], waiver(HOLDS), watching=watching)["holds"]
    assert (verdict.outcome, verdict.examples) == ("stale_waiver", 1)
    assert verdict.reason == ("declared (known), but the law holds on its witness: drop the waiver")
    assert [name for name, _, _ in watching.shrunk] == ["fails_for_two_items"]


def test_a_waiver_whose_witness_is_no_task_is_stale() -> None:
    witness = WITNESS | {"plan": {"salt": 0}}
    verdict = held_to([TWO_TARGETS], waiver(TWO_TARGETS, witness=witness))["fails_for_two_targets"]
    assert verdict.outcome == "stale_waiver"
    assert verdict.reason == "its witness: a task that cannot be rebuilt: 'weight'"


def test_a_witness_that_is_no_task_leaves_the_other_waivers_alone() -> None:
    lost = waiver(HOLDS, witness=WITNESS | {"plan": {"salt": 0}})
    found = held_to([HOLDS, TWO_ITEMS, TWO_TARGETS], lost, waiver(TWO_TARGETS), shrink=False)
    assert {name: v.outcome for name, v in found.items()} == {
        "holds": "stale_waiver",
        "fails_for_two_items": "violated",
        "fails_for_two_targets": "waived",
    }


class Noon(dt.datetime):
    """The last of February in Greenwich, the day before it elsewhere."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Noon:
        return cls(2026, 2, 28 if tz is dt.UTC else 27, 12, tzinfo=tz)


@pytest.mark.parametrize(("day", "outcome"), [(27, "violated"), (28, "waived")])
def test_a_waiver_lasts_to_the_end_of_the_day_on_which_it_expires(
    day: int, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "dt", SimpleNamespace(datetime=Noon, UTC=dt.UTC))
    limited = waiver(TWO_TARGETS, expires=dt.date(2026, 2, day))
    assert held_to([TWO_TARGETS], limited, shrink=False)["fails_for_two_targets"].outcome == outcome


@pytest.mark.parametrize(
    ("spec", "outcome"), [("plain:Norm", "waived"), (None, "waived"), ("plain:Other", "violated")]
)
def test_a_waiver_is_for_one_subject_or_for_all(spec: str | None, outcome: str) -> None:
    found = held_to([TWO_TARGETS], waiver(TWO_TARGETS, subject=spec), shrink=False)
    assert found["fails_for_two_targets"].outcome == outcome


def test_each_law_has_its_own_waiver() -> None:
    other = waiver(HOLDS, expires=dt.date(2020, 1, 31))
    found = held_to([HOLDS, TWO_ITEMS, TWO_TARGETS], other, waiver(TWO_TARGETS), shrink=False)
    assert {name: v.outcome for name, v in found.items()} == {
        "holds": "held",
        "fails_for_two_items": "violated",
        "fails_for_two_targets": "waived",
    }


def test_tasks_are_drawn_from_the_seed_with_the_rank_and_channels_of_the_subject() -> None:
    asked: list[Task] = []
    law = law_of(lambda norm, task: asked.append(task), lanes=("float64",))
    layer = replace(subject(PlainNorm), rank=1, channel_step=4)
    made = RunPlan(RunOptions(seed=6, out=None), replace(FEW, tasks=8), Catalogue((law,)), (), ())
    hold(layer, REQUEST, made, Watching())
    drawn = [plan.build() for plan in corpus(6, 8, rank=1, step=4, allow_past=True)]
    assert [t.context.tolist() for t in asked] == [t.context.tolist() for t in drawn]
    assert [len(t.past) for t in asked] == [len(t.past) for t in drawn]
    assert {t.context.dim() for t in asked} == {3}
    assert any(t.past for t in asked)
    assert all(t.channels % 4 == 0 for t in asked)


class Impatient(Watching):
    """Presses Ctrl-C after some plans."""

    def on_plan(self, done: int, total: int) -> None:
        super().on_plan(done, total)
        if done == 2:
            raise KeyboardInterrupt


def test_ctrl_c_leaves_what_was_seen_and_makes_nothing_small() -> None:
    watching = Impatient()
    made = RunPlan(RunOptions(out=None), FEW, Catalogue((HOLDS, TWO_TARGETS)), (), ())
    verdicts = hold(subject(PlainNorm), REQUEST, made, watching)
    assert [(v.law.name, v.outcome, v.counterexample) for v in verdicts] == [
        ("holds", "inconclusive", None),
        ("fails_for_two_targets", "violated", None),
    ]
    assert made.interruptions == [None]
    assert watching.shrunk == []


def test_a_stale_waiver_does_not_keep_others_of_its_cause_from_being_made_small() -> None:
    flow = law_of(holds, family="transductivity")
    batch = replace(TWO_TARGETS, family="batch_size")
    found = held_to([flow, batch], waiver(flow))
    assert found["holds"].outcome == "stale_waiver"
    assert found["fails_for_two_targets"].counterexample is not None


def test_failures_are_made_small_from_the_seed_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = []

    def noted(law: Law, layer: Subject, failure: Any, seed: int, *more: Any) -> Smallest:
        seeds.append(seed)
        return smallest_failure(law, layer, failure, seed, *more)

    monkeypatch.setattr(holding, "smallest_failure", noted)
    made = RunPlan(RunOptions(seed=31, out=None), FEW, Catalogue((TWO_ITEMS,)), (), ())
    (verdict,) = hold(subject(PlainNorm), REQUEST, made, Watching())
    assert seeds == [31]
    assert verdict.counterexample is not None
    assert "(seed 31)" in verdict.counterexample.reproducer
