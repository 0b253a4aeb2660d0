"""What a subject was asked before does not matter, and asking leaves it as it was."""

from __future__ import annotations

import pickle
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tnverify.auditing.asking import differences, same_bits
from tnverify.auditing.laws.declare import ANY, EVERY, AuditLaw, audit_law
from tnverify.contract.outcomes import SaysNothing, SubjectRaised, Violation

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.auditing.asking import Asker
    from tnverify.auditing.driving.driven import Session
    from tnverify.auditing.task import AuditTask

FAMILY = "state"
_CLAIMS = tuple(claim for claim in ANY if claim != "online")
_WHY = "A result depends on what was evaluated before it, and cannot be had again."
_REMEDY = (
    "Keep what a context is turned into apart from the learner, and change neither parameters nor"
    " running statistics while predicting (eval(), torch.no_grad())."
)
_SOURCE = "section 2: meta-test tasks are independent"


@audit_law(asks=EVERY, family=FAMILY, kind="exact", claims=ANY, once=True, source=_SOURCE)
def equal_worlds_answer_alike(asker: Asker, task: AuditTask) -> None:
    """Two fresh subjects, seeded alike and asked alike, answer to the bit alike.

    Where they do not, no other law can tell what moved an answer: seed whatever is random, or
    switch it off.
    """
    first, second = asker.session().answer(task), asker.session().answer(task)
    _expect_same(first, second, "a second fresh subject, seeded alike, answers differently",
                 symptom="random")  # fmt: skip


@audit_law(family=FAMILY, kind="exact", claims=_CLAIMS, why=_WHY, remedy=_REMEDY, source=_SOURCE)
def predicting_twice_gives_the_same(asker: Asker, task: AuditTask) -> None:
    """The same targets are predicted alike when they are predicted again.

    What answers before it updates shows here, and so do counters, running moments and dropout
    that is still on.
    """
    session = asker.session().fit(task)
    first = session.predict(task)
    _expect_same(first, session.predict(task, reseed=False), "predicted again, outputs moved")


@audit_law(family=FAMILY, kind="exact", claims=_CLAIMS, why=_WHY, remedy=_REMEDY, source=_SOURCE)
def other_predictions_in_between_do_not_matter(asker: Asker, task: AuditTask) -> None:
    """Targets are predicted alike before and after other targets were predicted, and so are these
    others, as by a learner that predicted nothing before."""
    session = asker.session().fit(task)
    first = session.predict(task)
    others = task.with_rows(torch.ones(task.count, dtype=torch.bool), 3 + 2 * task.targets)
    answered = session.predict(others)
    what = "after other targets were predicted, outputs moved"
    _expect_same(first, session.predict(task), what)
    _expect_same(asker.session().fit(task).predict(others), answered, what)


@audit_law(family=FAMILY, kind="exact", claims=_CLAIMS, why=_WHY, remedy=_REMEDY, source=_SOURCE,
           asks=("learner",))  # fmt: skip
def another_task_in_between_does_not_matter(asker: Asker, task: AuditTask) -> None:
    """Task A, then task B, then A again: A is predicted as at first, B as by a fresh learner.

    B has the shapes and the labels of A, so that nothing but its values can tell them apart.
    """
    session = asker.session()
    first = session.answer(task)
    other = _another(task)
    answered = session.answer(other)
    _expect_same(first, session.answer(task), "after another task, outputs moved")
    _expect_same(asker.answer(other), answered, "after another task, outputs moved")


@audit_law(family=FAMILY, kind="exact", claims=_CLAIMS, why=_WHY, remedy=_REMEDY, source=_SOURCE,
           asks=("learner",), once=True)  # fmt: skip
def a_used_learner_answers_like_a_fresh_one(asker: Asker, task: AuditTask) -> None:
    """The tenth task is answered as by a learner that met no other task."""
    session = asker.session()
    for number in range(9):
        session.answer(asker.tasks[number % len(asker.tasks)] if number % 2
                       else _another(task))  # fmt: skip
    _expect_same(
        asker.answer(task), session.answer(task), "after nine other tasks, outputs differ from a"
        " fresh learner's",
    )  # fmt: skip


@audit_law(
    asks=EVERY,
    family=FAMILY,
    kind="exact",
    claims=_CLAIMS,
    why=_WHY,
    remedy=_REMEDY,
    source=_SOURCE,
)
def predicting_leaves_parameters_and_buffers(asker: Asker, task: AuditTask) -> None:
    """Predicting changes no parameter, no buffer and no gradient flag of the subject's modules.

    It is asked of the second prediction of the same targets, so that what is made when it is first
    needed counts for nothing. Buffers that nothing reads today are read tomorrow.
    """
    session = _asked_once(asker, task)
    before = _tensors(session)
    flags = {path: value.requires_grad for path, value in _live(session).items()}
    session.predict(task)
    after = _tensors(session)
    for path, value in before.items():
        if path in after and not same_bits(value, after[path]):
            raise Violation(f"predicting changed {path}", symptom="state")
    for path, value in _live(session).items():
        if flags.get(path, value.requires_grad) != value.requires_grad:
            raise Violation(f"predicting changed requires_grad of {path}", symptom="state")


@audit_law(asks=EVERY, family=FAMILY, kind="exact", claims=_CLAIMS, level="should", source=_SOURCE)
def predicting_leaves_modes_and_gradients(asker: Asker, task: AuditTask) -> None:
    """Predicting leaves train() or eval() of every module, and every .grad, as they were."""
    session = asker.session().fit(task)
    modes = {path: module.training for path, module in session.modules.items()}
    grads = {path: value.grad is None for path, value in _live(session).items()}
    session.predict(task)
    for path, module in session.modules.items():
        if modes.get(path, module.training) != module.training:
            mode = "train()" if module.training else "eval()"
            raise Violation(f"predicting put {path or 'the module'} into {mode}", symptom="state")
    for path, value in _live(session).items():
        if grads.get(path) and value.grad is not None:
            raise Violation(f"predicting left a gradient in {path}", symptom="state")


@audit_law(asks=EVERY, family=FAMILY, kind="exact", claims=ANY, level="should", source=_SOURCE)
def predicting_draws_no_random_numbers(asker: Asker, task: AuditTask) -> None:
    """Predicting leaves the random states of torch, NumPy and Python as they were."""
    session = asker.session().fit(task)
    session.predict(task)
    before = _random_states()
    session.predict(task, reseed=False)
    for name, state in _random_states().items():
        if state != before[name]:
            raise Violation(f"predicting draws random numbers of {name}", symptom="random")


@audit_law(family=FAMILY, kind="exact", claims=ANY, once=True, source=_SOURCE)
def saved_and_loaded_it_answers_alike(asker: Asker, task: AuditTask) -> None:
    """What is saved and loaded answers alike: by `state_dict` into a fresh subject, and pickled.

    What cannot be saved is not asked.
    """
    from tnverify.auditing.laws.saving import reloaded

    usual = asker.answer(task)
    asked = 0
    for how, session in reloaded(asker, task):
        asked += 1
        try:
            answer = session.predict(task) if how == "pickled" else session.answer(task)
        except SubjectRaised:
            continue
        _expect_same(usual, answer, f"{how} and loaded, it answers differently")
    if not asked:
        raise SaysNothing("it can be saved neither as a state_dict nor by pickle")


def _another(task: AuditTask) -> AuditTask:
    """A task of the same shapes and labels, of other values."""
    noise = torch.Generator().manual_seed(task.number + 17)

    def other(values: Tensor) -> Tensor:
        if not values.is_floating_point():
            return values.flip(0)
        drawn = torch.randn(values.shape, generator=noise).to(values)
        return values.flip(0) * 1.5 + task.spread * drawn

    moved = task.with_context(other(task.context), task.labels)
    return moved.with_rows(torch.ones(task.count, dtype=torch.bool), other(task.targets))


def _asked_once(asker: Asker, task: AuditTask) -> Session:
    session = asker.session().fit(task)
    session.predict(task)
    return session


def _live(session: Session) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for path, module in session.modules.items():
        own = (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))
        for name, value in own:
            found[".".join(filter(None, (path, name)))] = value
    return found


def _tensors(session: Session) -> dict[str, Tensor]:
    return {path: value.detach().clone() for path, value in _live(session).items()}


def _random_states() -> dict[str, Any]:
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002 - the shared state is what is asked
    return {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "NumPy": pickle.dumps((kind, np.asarray(keys).tobytes(), rest)),
        "Python": repr(random.getstate()),
    }


def _expect_same(first: Tensor, second: Tensor, what: str, *, symptom: Any = "state") -> None:
    if first.shape != second.shape:
        shapes = f"{tuple(first.shape)} and {tuple(second.shape)}"
        raise Violation(f"{what}: shapes {shapes}", symptom="form")
    if same_bits(first, second):
        return
    moved = float(differences(first, second).max())
    raise Violation(
        f"{what} by {moved:.3g}", symptom=symptom, expected="no change",
        actual=f"a change of {moved:.3g}", effect=moved,
    )  # fmt: skip


LAWS: tuple[AuditLaw, ...] = (
    equal_worlds_answer_alike,
    predicting_twice_gives_the_same,
    other_predictions_in_between_do_not_matter,
    another_task_in_between_does_not_matter,
    a_used_learner_answers_like_a_fresh_one,
    predicting_leaves_parameters_and_buffers,
    predicting_leaves_modes_and_gradients,
    predicting_draws_no_random_numbers,
    saved_and_loaded_it_answers_alike,
)
