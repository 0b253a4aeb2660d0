"""Laws of the family `state`: sound layers keep them, planted faults break their own."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
import trials
from published_layer import PublishedTaskNorm
from replaying import replay
from torch import Tensor

from tnverify.engine.evaluate import evaluate
from tnverify.faults import all_faults
from tnverify.faults.flagged import FlaggedNorm
from tnverify.faults.plain import PlainNorm, State
from tnverify.plans import Plan
from tnverify.properties import LAWS, state, state_copies
from tnverify.subjects import Factory, SubjectProber, from_factory, from_fault

if TYPE_CHECKING:
    from tnverify.faults import Fault


@pytest.mark.parametrize("layer", trials.SOUND)
def test_sound_layers_keep_the_laws(layer: str) -> None:
    for record in replay(trials.sound(layer), state.LAWS, tasks=8):
        assert record.failure is None, record.law.name
        assert record.counted or record.not_claimed, f"{record.law.name} said nothing on any task"


@pytest.mark.parametrize("fault", trials.faults_of("state"), ids=lambda fault: fault.name)
def test_a_planted_fault_breaks_its_laws(fault: Fault) -> None:
    laws = [law for law in LAWS if law.name in fault.kills]
    assert len(laws) == len(fault.kills), "it names a law that is not there"
    records = replay(from_fault(fault), laws, tasks=72)
    assert [record.law.name for record in records if record.failure is None] == []


def test_every_law_has_a_planted_fault() -> None:
    killed = {name for fault in all_faults() for name in fault.kills}
    assert {law.name for law in state.LAWS} <= killed


def test_one_planted_fault_wakes_the_suite() -> None:
    assert sum(fault.canary for fault in trials.faults_of("state")) == 1


def test_a_sound_layer_whose_state_is_the_live_instance_keeps_the_laws() -> None:
    subject = from_factory("FlaggedNorm", Factory(FlaggedNorm), "meta_bn,detached", "mode_flag")
    for law in state.LAWS:
        tried = trials.try_law(law, subject, tasks=8)
        assert tried.failures == [], law.name
        assert tried.counted, law.name


def published(channels: int) -> PublishedTaskNorm:
    layer = PublishedTaskNorm(channels)
    layer.register_extra_weights()
    return layer


def test_the_published_layer_is_found_out_about_its_copies_and_nothing_else() -> None:
    subject = trials.subject_of(published, "tasknorm_i,unbiased")
    told = {law.name: trials.try_law(law, subject, tasks=12).failures for law in state.LAWS}
    assert {name for name, failures in told.items() if failures} == {
        "a_conditioned_layer_survives_deep_copying",
        "a_conditioned_layer_survives_saving_and_loading",
    }
    copies = told["a_conditioned_layer_survives_deep_copying"]
    assert all("a context with a graph" in told_of for told_of in copies)


def test_global_generators_are_as_they_were() -> None:
    def generators() -> tuple[object, ...]:
        numpy = np.random.get_state(legacy=False)["state"]  # noqa: NPY002 - the global one
        torchs = torch.get_rng_state().tolist()
        return random.getstate(), torchs, numpy["key"].tolist(), numpy["pos"]

    subject = trials.sound("PlainNorm")
    before = generators()
    for law in state.LAWS:
        task = Plan(context=2, targets=2, channels=2, spatial=(2, 2)).build()
        assert evaluate(law, SubjectProber(subject), task).ending == "held", law.name
    assert generators() == before


class NeedsDetachedInput(PlainNorm):
    def summarize(self, context: Tensor) -> State:
        if context.requires_grad:
            raise RuntimeError("give the context detached")
        return super().summarize(context)


def test_a_layer_that_refuses_a_graph_is_copied_without_one() -> None:
    subject = trials.subject_of(NeedsDetachedInput, "meta_bn,detached")
    law = state_copies.a_conditioned_layer_survives_deep_copying
    plans = [Plan(context=2, targets=2, channels=2, spatial=(2, 2), seed=s) for s in range(12)]
    found = {evaluate(law, SubjectProber(subject), plan.build()).ending for plan in plans}
    assert found == {"held", "says_nothing"}


class NoModule:
    """A layer that is no torch module, so it has neither parameters nor a state_dict."""

    def __init__(self, channels: int) -> None:
        self.inner = PlainNorm(channels).double()

    def condition(self, context: Tensor) -> tuple[Tensor, State]:
        outputs, task = self.inner.condition(context.double())
        return outputs.to(context.dtype), task

    def normalize(self, targets: Tensor, task: State) -> Tensor:
        return self.inner.normalize(targets.double(), task).to(targets.dtype)


def test_what_only_modules_have_is_not_asked_of_others() -> None:
    subject = trials.subject_of(NoModule, "meta_bn,detached")
    unasked = []
    for law in state.LAWS:
        tried = trials.try_law(law, subject, tasks=4)
        assert tried.failures == [], law.name
        if tried.not_claimed:
            unasked.append(law.name)
    assert unasked == [
        "parameters_do_not_change_in_forward",
        "a_conditioned_layer_survives_saving_and_loading",
    ]
