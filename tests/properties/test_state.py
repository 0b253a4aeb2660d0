"""Laws of the family `state`, beyond what test_families asks of all."""

from __future__ import annotations

import random

import numpy as np
import torch
import trials
from published_layer import PublishedTaskNorm
from torch import Tensor

from tnverify.engine.evaluate import evaluate
from tnverify.faults.flagged import FlaggedNorm
from tnverify.faults.plain import PlainNorm, State
from tnverify.plans import Plan
from tnverify.properties import state, state_copies
from tnverify.subjects import Factory, SubjectProber, from_factory


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
        dtype = torch.float64 if "float64" in law.lanes else torch.float32
        task = Plan(context=2, targets=2, channels=2, spatial=(2, 2)).build(dtype)
        assert evaluate(law, SubjectProber(subject), task).ending in ("held", "says_nothing")
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
        "parameters_that_change_are_read_anew",
        "a_loaded_state_is_the_one_that_is_used",
        "casting_a_used_layer_and_back_changes_nothing",
    ]
