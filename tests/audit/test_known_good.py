"""No law of audits blames a sound subject, however unusual it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from tnverify.auditing.laws import LAWS
from tnverify.power.audits import cleared
from tnverify.power.sound.learners import SoundSubject, all_sound

if TYPE_CHECKING:
    from collections.abc import Callable

SOUND = all_sound()


def unblamed(subject: SoundSubject) -> None:
    found = cleared(subject)
    assert found.blamed_by == ()
    assert found.undecided == ()
    assert found.held > 0


@pytest.mark.parametrize("subject", SOUND, ids=lambda subject: subject.name)
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
        return conv4(channels=1, width=4, side=16, reduce="stride")


def protonets(scheme: str) -> nn.Module:
    from tnverify.analyses.learners.protonets import ProtoNets
    from tnverify.analyses.learners.schemes import normalized

    return ProtoNets(normalized(body(), scheme)).eval()


def maml(scheme: str) -> nn.Module:
    from tnverify.analyses.learners.maml import MAML

    return MAML(body(), 5, scheme).eval()


def cnaps(scheme: str) -> nn.Module:
    from tnverify.analyses.learners.cnaps import CNAPs

    return CNAPs(body(), scheme, channels=1, side=16, code=4).eval()


@pytest.mark.parametrize("scheme", ["meta_bn", "tasknorm_i", "instance_norm", "conventional_bn"])
@pytest.mark.parametrize("learner", [protonets, maml, cnaps], ids=lambda made: made.__name__)
def test_the_learners_of_the_analyses_are_inductive(
    learner: Callable[[str], nn.Module], scheme: str
) -> None:
    pytest.importorskip("scipy", reason="the extra analyses is not installed here")
    shows = HEAD if learner is maml else {}
    options = {"input_shape": (1, 16, 16), "way": 5}
    unblamed(
        SoundSubject("learner", "learner", lambda: learner(scheme), "inductive", shows, options)
    )


@pytest.mark.parametrize("learner", [protonets, maml, cnaps], ids=lambda made: made.__name__)
def test_the_same_learners_are_transductive_over_transductive_batch_norm(
    learner: Callable[[str], nn.Module],
) -> None:
    pytest.importorskip("scipy", reason="the extra analyses is not installed here")
    options = {"input_shape": (1, 16, 16), "way": 5}
    subject = SoundSubject(
        "learner", "learner", lambda: learner("transductive_bn"), "inductive", {}, options
    )
    blamed = {law for law, _ in cleared(subject).blamed_by}
    assert "what_other_targets_hold_does_not_matter" in blamed
    assert "dropping_targets_does_not_matter" in blamed
