"""What an evaluation leaves behind outside of the subject's parameters: modes, seeds, inputs."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from tnverify.auditing.asking import same_bits
from tnverify.auditing.driving.making import seed_all
from tnverify.auditing.laws.declare import ANY, AuditLaw, audit_law
from tnverify.contract.outcomes import SaysNothing, Violation

if TYPE_CHECKING:
    from tnverify.auditing.asking import Asker
    from tnverify.auditing.driving.driven import Session
    from tnverify.auditing.task import AuditTask

FAMILY = "surroundings"
_WHY = "What runs after the evaluation is no longer what it would have been without it."


@audit_law(
    family=FAMILY,
    kind="exact",
    claims=ANY,
    why="Whoever evaluates the same tensors again evaluates others.",
    remedy="Write results to new tensors: no operation in place on what was handed over.",
)
def what_is_handed_over_is_not_changed(asker: Asker, task: AuditTask) -> None:
    """Context, labels and targets hold the same values after a call as before it."""
    watched = replace(task, handed=[])
    asker.session().fit(watched).predict(watched)
    for name, given, before in watched.handed or ():
        if not same_bits(torch.as_tensor(given), before):
            raise Violation(f"it writes to the {name} that it is handed", symptom="state")


@audit_law(
    family=FAMILY,
    kind="exact",
    claims=ANY,
    why=_WHY,
    remedy="Use `with torch.no_grad():` and its like, which end where their block does.",
)
def calls_leave_the_modes_of_torch(asker: Asker, task: AuditTask) -> None:
    """No call changes what torch does elsewhere: gradient mode, dtype, threads, determinism."""
    session = asker.session()
    session.fit(task).predict(task)
    if session.left:
        raise Violation(f"a call changes {session.left[0]}", symptom="state")


@audit_law(family=FAMILY, kind="exact", claims=ANY, level="should", once=True, why=_WHY,
           remedy="Draw from a generator of your own, as torch.Generator is.")  # fmt: skip
def global_seeds_are_not_set(asker: Asker, task: AuditTask) -> None:
    """The random states of torch, NumPy and Python after a call depend on those before it.

    A learner that seeds them makes whatever is drawn after it the same in every evaluation:
    tasks, augmentation, the order of a loader.
    """
    ends: list[dict[str, float]] = []
    for seed in (1, 2):
        session = asker.session()
        seed_all(seed)
        session.fit(task, reseed=False).predict(task, reseed=False)
        ends.append(_next_draws())
    for name, drawn in ends[0].items():
        if drawn == ends[1][name]:
            raise Violation(f"a call sets the seed of {name}", symptom="random")


def _next_draws() -> dict[str, float]:
    return {
        "torch": float(torch.rand(1, dtype=torch.float64)),
        "NumPy": float(np.random.random()),  # noqa: NPY002 - the shared state is what is asked
        "Python": random.random(),
    }


@audit_law(family=FAMILY, kind="exact", claims=ANY, level="should", asks=("learner",),
           why="The next step of meta-training finds parameters frozen, or gradients that add up.",
           remedy="Adapt a copy, or take gradients by torch.autograd.grad.")  # fmt: skip
def showing_a_context_leaves_modes_and_gradients(asker: Asker, task: AuditTask) -> None:
    """Showing a context leaves .grad, requires_grad and train() or eval() of modules as they were.

    It is asked of the modules that the learner had before; what is made of the context is its own.
    """
    session = asker.session()
    before = _held(session)
    if not before:
        raise SaysNothing("it holds no module of torch")
    session.fit(task)
    if not session.driven.form.apart:
        session.predict(task)
    after = _held(session)
    for what, (identity, value) in before.items():
        same, now = after.get(what, (identity, value))
        if same == identity and now != value:
            raise Violation(f"showing a context changes {what}", symptom="state")


def _held(session: Session) -> dict[str, tuple[int, bool]]:
    """Modes and flags of what the subject holds, each with what it is of."""
    from tnverify.auditing.driving.holdings import every_module

    found: dict[str, tuple[int, bool]] = {}
    for path, module in every_module(session.subject).items():
        found[f"the mode of {path or 'the module'}"] = (id(module), module.training)
        for name, value in module.named_parameters(recurse=False):
            own = ".".join(filter(None, (path, name)))
            found[f"requires_grad of {own}"] = (id(value), value.requires_grad)
            found[f"the gradient of {own}"] = (id(value), value.grad is None)
    return found


LAWS: tuple[AuditLaw, ...] = (
    what_is_handed_over_is_not_changed,
    calls_leave_the_modes_of_torch,
    global_seeds_are_not_set,
    showing_a_context_leaves_modes_and_gradients,
)
