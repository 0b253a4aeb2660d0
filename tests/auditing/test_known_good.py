"""No law of audits blames a sound subject, however unusual it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from samples import each as sampled
from torch import nn

from tnverify.auditing.laws import LAWS
from tnverify.contract import SCHEMES
from tnverify.norms import BY_SCHEME
from tnverify.power.audits import cleared
from tnverify.power.sound.learners import SoundSubject, all_sound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tnverify.auditing.laws.declare import AuditLaw

SOUND = all_sound()


def unblamed(subject: SoundSubject, laws: Sequence[AuditLaw] = LAWS) -> None:
    found = cleared(subject, laws=laws)
    assert found.blamed_by == ()
    assert found.undecided == ()
    assert found.held > 0


@pytest.mark.parametrize("subject", sampled(SOUND, 3), ids=lambda subject: subject.name)
def test_is_not_blamed(subject: SoundSubject) -> None:
    unblamed(subject)


def test_there_are_many() -> None:
    assert len(SOUND) >= 30


def test_what_they_are_known_to_show_does_not_decide() -> None:
    level = {law.name: law.level for law in LAWS}
    assert {level[name] for subject in SOUND for name in subject.shows} <= {"should"}


HEAD = {"renaming_classes_moves_the_columns": "MAML's head was learnt for each column"}


def body() -> Any:
    """A small convolutional network as the analyses have them."""
    from tnverify.analyses.learners.networks import conv4

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return conv4(channels=1, width=4, side=32, reduce="stride")


def protonets(scheme: str) -> nn.Module:
    from tnverify.analyses.learners.protonets import ProtoNets
    from tnverify.analyses.learners.schemes import normalized

    return ProtoNets(normalized(body(), scheme)).eval()


def maml(scheme: str) -> nn.Module:
    from tnverify.analyses.learners.maml import MAML

    return MAML(body(), 5, scheme).eval()


def cnaps(scheme: str) -> nn.Module:
    from tnverify.analyses.learners.cnaps import CNAPs

    return CNAPs(body(), scheme, channels=1, side=32, code=4).eval()


LEARNERS = (protonets, maml, cnaps)
ALWAYS = ((protonets, "tasknorm_i"), (maml, "meta_bn"), (cnaps, "layer_norm"))
"""One scheme a learner; the others take half a minute each."""
READS = ("what_other_targets_hold_does_not_matter", "dropping_targets_does_not_matter")
QUICK = (
    *READS,
    "a_target_alone_is_predicted_alike",
    "any_batching_predicts_alike",
    "another_task_in_between_does_not_matter",
    "predicting_leaves_parameters_and_buffers",
)
"""Laws that are asked of them where there is no half minute."""


def of_the_analyses(learner: Callable[[str], nn.Module], scheme: str) -> SoundSubject:
    pytest.importorskip("scipy", reason="the extra analyses is not installed here")
    shows = HEAD if learner is maml else {}
    # Of 32 pixels two by two are left at last: instance norm makes nothing of a single one.
    options = {"input_shape": (1, 32, 32), "way": 5}
    return SoundSubject(
        learner.__name__, "learner", lambda: learner(scheme), "inductive", shows, options
    )


@pytest.mark.parametrize(("learner", "scheme"), ALWAYS)
def test_learners_of_the_analyses_are_inductive(
    learner: Callable[[str], nn.Module], scheme: str
) -> None:
    unblamed(of_the_analyses(learner, scheme), [law for law in LAWS if law.name in QUICK])


@pytest.mark.slow
@pytest.mark.parametrize(
    "scheme",
    [name for name in BY_SCHEME if "other_targets" not in SCHEMES[name].target_reads],
)
@pytest.mark.parametrize("learner", LEARNERS, ids=lambda made: made.__name__)
def test_no_law_blames_a_learner_of_the_analyses(
    learner: Callable[[str], nn.Module], scheme: str
) -> None:
    unblamed(of_the_analyses(learner, scheme), LAWS)


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda made: made.__name__)
def test_the_same_learners_are_transductive_over_transductive_batch_norm(
    learner: Callable[[str], nn.Module],
) -> None:
    laws = [law for law in LAWS if law.name in READS]
    subject = of_the_analyses(learner, "transductive_bn")
    blamed = {law for law, _ in cleared(subject, laws=laws).blamed_by}
    assert blamed == set(READS)
