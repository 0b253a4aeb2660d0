"""Results made by hand: what reports and doors show, without an engine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tnverify.catalogue import Law, law
from tnverify.contract.measured import Fingerprint
from tnverify.engine.results import (
    Boundary,
    Cause,
    Counterexample,
    LawVerdict,
    RunReport,
    SubjectReport,
)

if TYPE_CHECKING:
    from tnverify.contract import Prober, Task

TBN = "torch.nn:BatchNorm2d(channels, track_running_stats=False)"


@law(family="transductivity", kind="exact", source="section 3.2, eq. (5)")
def a_target_ignores_the_other_targets(norm: Prober, task: Task) -> None:
    """A target's output is the same whatever the other targets are."""


@law(family="transductivity", kind="exact", source="section 3.2, eq. (5)")
def no_gradient_flows_between_targets(norm: Prober, task: Task) -> None:
    """The output of one target has no gradient by another target."""


@law(family="batch_size", kind="rounded", source="section 3.2")
def any_partition_of_the_targets_gives_the_same(norm: Prober, task: Task) -> None:
    """Predicting targets one at a time, or in any groups, gives the same outputs."""


@law(family="moments", kind="rounded", source="section 4.2, eqs. (10), (11)")
def outputs_agree_with_the_formula(norm: Prober, task: Task) -> None:
    """Outputs are those of the scheme's formula, within rounding."""


@law(family="state", kind="exact", source="released code", level="should")
def a_conditioned_layer_can_be_copied(norm: Prober, task: Task) -> None:
    """A deep copy of a conditioned layer gives the same answers."""


@law(family="blending", kind="rounded", source="section 4.2", needs=("scale", "offset"))
def alpha_is_the_sigmoid_of_scale_and_offset(norm: Prober, task: Task) -> None:
    """Alpha is sigmoid(scale * context size + offset)."""


LAWS: tuple[Law, ...] = (
    a_target_ignores_the_other_targets,
    no_gradient_flows_between_targets,
    any_partition_of_the_targets_gives_the_same,
    alpha_is_the_sigmoid_of_scale_and_offset,
    outputs_agree_with_the_formula,
    a_conditioned_layer_can_be_copied,
)

NO_HANDLE = LawVerdict(
    alpha_is_the_sigmoid_of_scale_and_offset,
    "not_claimed",
    reason="the layer has no handle on scale and offset",
)

SIZES = (1, 2, 3, 4, 5, 6, 8, 12)

COUNTEREXAMPLE = Counterexample(
    plan={"lane": "float64", "salt": 0, "scale": "Infinity"},
    context=[[[[0.0]]]],
    targets=[[[[0.0]]], [[["NaN"]]]],
    boundary=(
        Boundary("context", SIZES),
        Boundary("targets", SIZES[1:], (1,)),
        Boundary("channels", SIZES),
    ),
    reproducer="print('it fails')\n",
    verified=True,
    path="tnverify-out/BatchNorm2d_a_target_ignores_the_other_targets.py",
    summary="context [0], target [0, 1]",
    calls=("layer 1: condition [0] -> [0]", "layer 1: normalize [0, 1] -> [-1, 1]"),
)


def transductive() -> SubjectReport:
    """A layer whose targets read each other: three laws fail of one cause."""
    return SubjectReport(
        spec=TBN,
        verdict="violates",
        adapter="no_context",
        scheme="inductive",
        fingerprint=Fingerprint(("itself", "other_targets"), ("itself", "context"),
                                "transductive_bn"),
        laws=(
            LawVerdict(
                a_target_ignores_the_other_targets, "violated", lane="float64", examples=1,
                to_detection=1, symptom="flow",
                reason="outputs after the other targets were replaced: 1 of 1 values differ, first"
                " at [0, 0, 0, 0]: 0.7071 where 0.0 was expected",
                expected="[0]", actual="[0.7071]", counterexample=COUNTEREXAMPLE,
            ),
            LawVerdict(
                no_gradient_flows_between_targets, "violated", lane="float64", examples=1,
                symptom="flow", reason="the gradient of target 0 by target 1 is -0.5, not 0",
            ),
            LawVerdict(
                any_partition_of_the_targets_gives_the_same, "violated", lane="float64",
                examples=2, symptom="flow", margin=float("inf"),
                reason="one at a time: off by 0.7071, rounding explains 1.1e-16",
            ),
            NO_HANDLE,
            LawVerdict(
                outputs_agree_with_the_formula, "not_claimed", reason="inductive has no formula"
            ),
            LawVerdict(a_conditioned_layer_can_be_copied, "held", held_as="exact", examples=20),
        ),
        causes=(
            Cause(("a_target_ignores_the_other_targets", "no_gradient_flows_between_targets",
                   "any_partition_of_the_targets_gives_the_same")),
        ),
        seconds=1.5,
    )  # fmt: skip


def conforming(spec: str = "tnverify.norms:MetaBN") -> SubjectReport:
    """A layer of which everything that it claims holds, but one should-level law."""
    return SubjectReport(
        spec=spec,
        verdict="conforms",
        adapter="explicit_state",
        scheme="meta_bn",
        modifiers=("unbiased",),
        fingerprint=Fingerprint(("itself", "context"), ("itself", "context"), "meta_bn"),
        laws=(
            LawVerdict(a_target_ignores_the_other_targets, "held", held_as="exact", examples=104),
            LawVerdict(
                any_partition_of_the_targets_gives_the_same, "held", held_as="rounded",
                examples=98, margin=0.0312,
            ),
            NO_HANDLE,
            LawVerdict(
                outputs_agree_with_the_formula, "held", held_as="rounded", examples=104,
                margin=0.4159,
            ),
            LawVerdict(
                a_conditioned_layer_can_be_copied, "broken", lane="native", examples=1,
                reason="raised RuntimeError in build: only leaf tensors can be copied",
                expected="an answer",
                actual="raised RuntimeError in build: only leaf tensors can be copied",
            ),
        ),
        causes=(Cause(("a_conditioned_layer_can_be_copied",)),),
        notes=("not checked in float64, where the layer raises RuntimeError: expected float",),
    )  # fmt: skip


def inconclusive() -> SubjectReport:
    """A layer of which one law could not be decided, and one is waived."""
    return SubjectReport(
        spec="tnverify.norms:LayerNorm",
        verdict="inconclusive",
        adapter="no_context",
        scheme="layer_norm",
        inferred=False,
        reason="1 must-level law saw no task that counts",
        fingerprint=Fingerprint(("itself",), ("itself",), "layer_norm"),
        laws=(
            LawVerdict(
                a_target_ignores_the_other_targets, "inconclusive",
                reason="no second target in any task",
            ),
            LawVerdict(
                outputs_agree_with_the_formula, "waived", reason="known, mended in 2.0",
                counterexample=COUNTEREXAMPLE,
            ),
        ),
    )  # fmt: skip


def unusable() -> SubjectReport:
    """A subject that could not be imported."""
    return SubjectReport(
        spec="nowhere:Layer", verdict="unusable",
        reason="nowhere does not import: ModuleNotFoundError: No module named 'nowhere'",
    )  # fmt: skip


def run_of(*subjects: SubjectReport, interrupted: bool = False) -> RunReport:
    """A run of these subjects, their laws as values, as the engine hands them over."""
    subjects = tuple(
        replace(s, laws=tuple(replace(v, law=v.law.facts) for v in s.laws)) for s in subjects
    )
    return RunReport(
        command="verify",
        environment={
            "python": "3.11.7", "torch": "2.13.0", "hypothesis": "6.170.15",
            "platform": "Linux x86_64", "device": "cpu",
        },
        profile="quick", seed=0, started_at="2026-01-01T00:00:00+00:00", seconds=2.25,
        subjects=subjects, interrupted=interrupted,
    )  # fmt: skip


EVIL = (
    "</script><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[2J\x00\x07\u202e"
    " `` ``` | ![x](http://evil.example/x) [a](javascript:alert(1)) @everyone ]]> \udc80"
    " Пример 例 {{ 7 * 7 }} {% raw %} &amp; $x$ https://evil.example"
)


def hostile() -> RunReport:
    """A run in which every word is hostile."""
    subject = transductive()
    first, second, *others = subject.laws
    law = replace(first.law.facts, source=EVIL, doc=f"{EVIL}\n\n{EVIL}", why=EVIL, remedy=EVIL)
    example = replace(
        COUNTEREXAMPLE, summary=EVIL, calls=(EVIL,), reproducer=f"'''{EVIL}'''\n# ````\n",
        path=EVIL, standalone=EVIL,
    )  # fmt: skip
    told = replace(first, law=law, reason=EVIL, expected=EVIL, actual=EVIL, counterexample=example)
    bad = replace(
        subject, spec=EVIL, adapter=EVIL, evidence=EVIL, notes=(EVIL,), cautions=(EVIL,),
        laws=(told, replace(second, reason=EVIL), *others), like_faults=(EVIL,),
    )  # fmt: skip
    titled = replace(
        bad,
        causes=(replace(subject.causes[0], title=EVIL),),
        laws=tuple(replace(v, cause=EVIL) if v.is_bad else v for v in bad.laws),
    )
    run = run_of(bad, titled, replace(unusable(), spec=EVIL, reason=EVIL))
    return replace(run, environment={**run.environment, "platform": EVIL}, only=(EVIL,))
