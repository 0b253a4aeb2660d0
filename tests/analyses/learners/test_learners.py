"""Prototypical networks by their formula, and what holds for all learners alike."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
from few_shot import drawn_sets, small_body, unsettled
from samples import each as sampled
from torch.func import vmap

from tnverify.analyses.learners import (
    BASELINE,
    MAML,
    SCHEMES,
    CNAPs,
    Learner,
    NearestPixels,
    ProtoNets,
    accuracy,
    keeps_running_moments,
    normalized,
    predicted,
    reads_context,
    task_loss,
)
from tnverify.norms.alpha import BlendingLayer
from tnverify.tolerances import expect_close, unit

WAY = 3
LEARNERS = ("protonets", "maml", "cnaps")
schemes = pytest.mark.parametrize("scheme", SCHEMES)
learners = pytest.mark.parametrize("name", LEARNERS)


def made(name: str, scheme: str, **alpha: object) -> Learner:
    body = small_body()
    learner: ProtoNets | MAML | CNAPs
    if name == "protonets":
        learner = ProtoNets(normalized(body, scheme, **alpha))
    elif name == "maml":
        learner = MAML(body, WAY, scheme, **alpha)
    else:
        learner = CNAPs(body, scheme, channels=1, side=28, code=4, **alpha)
        with torch.no_grad():  # not as at first, where nothing is modulated
            learner.films.weight.normal_(std=0.1, generator=torch.Generator().manual_seed(4))
    learner = learner.double()
    unsettled(learner)
    return learner


def bound(expected: torch.Tensor) -> torch.Tensor:
    """Twice what float64 may lose over the sums of a small network, none longer than 1000."""
    return torch.full_like(expected, 2 * unit(torch.float64) * 1000 * (1 + expected.abs().max()))


@schemes
def test_proto_logits_are_minus_squared_distances_to_class_means(scheme: str) -> None:
    learner, task = made("protonets", scheme).eval(), drawn_sets(0)
    features, state = learner.network.condition(task.context)
    of_targets = learner.network.normalize(task.targets, state)
    expected = torch.empty(len(of_targets), WAY, dtype=torch.float64)
    for c in range(WAY):
        items = [f for f, label in zip(features, task.context_labels, strict=True) if label == c]
        mean = sum(items) / len(items)
        for t, target in enumerate(of_targets):
            expected[t, c] = -sum((a - b) ** 2 for a, b in zip(target, mean, strict=True))
    with torch.no_grad():
        found = learner.adapted(task.context, task.context_labels, WAY)(task.targets)
    expect_close(found, expected.detach(), bound(expected.detach()), "logits")


def test_the_baseline_of_pixels_is_the_nearest_class_mean() -> None:
    task = drawn_sets(1)
    logits = NearestPixels().adapted(task.context, task.context_labels, WAY)(task.targets)
    means = [task.context[task.context_labels == c].mean(0) for c in range(WAY)]
    nearest = [min(range(WAY), key=lambda c: (t - means[c]).norm()) for t in task.targets]
    assert logits.argmax(-1).tolist() == nearest


@learners
@schemes
def test_only_the_transductive_scheme_minds_the_company(scheme: str, name: str) -> None:
    learner, task = made(name, scheme).eval(), drawn_sets(2)
    with torch.no_grad():
        predict = learner.adapted(task.context, task.context_labels, WAY)
        every = predicted(predict, task.targets, task.target_labels, "all")
        for company in ("class", "item"):
            logits = predicted(predict, task.targets, task.target_labels, company)
            if scheme == "transductive_bn":
                assert (logits - every).abs().max() > 1e-3
            else:
                expect_close(logits, every, bound(every), company)


@learners
@pytest.mark.parametrize("company", ["class", "item"])
def test_company_in_one_launch_is_batch_after_batch(company: str, name: str) -> None:
    learner, task = made(name, "transductive_bn").eval(), drawn_sets(3)
    with torch.no_grad():
        predict = learner.adapted(task.context, task.context_labels, WAY)
        found = predicted(predict, task.targets, task.target_labels, company)
        size = {"class": 4, "item": 1}[company]
        expected = torch.cat([predict(part) for part in task.targets.split(size)])
    expect_close(found, expected, bound(expected), company)


def test_classes_of_different_sizes_and_any_order_keep_their_places() -> None:
    targets = torch.arange(6.0)[:, None]
    labels = torch.tensor([2, 0, 2, 1, 0, 2])

    def sums(batch: torch.Tensor) -> torch.Tensor:
        return torch.cat([batch, batch.sum().expand(len(batch), 1)], dim=1)

    found = predicted(sums, targets, labels, "class")
    assert found.tolist() == [[0, 7], [1, 5], [2, 7], [3, 3], [4, 5], [5, 7]]


@learners
@pytest.mark.parametrize("scheme", [s for s in SCHEMES if not keeps_running_moments(s)])
def test_tasks_in_one_launch_have_the_gradients_of_a_loop(scheme: str, name: str) -> None:
    learner = made(name, scheme).train()
    tasks = [drawn_sets(seed) for seed in range(3)]
    trained = list(learner.trained())
    looped = sum(task_loss(learner, WAY, *task) for task in tasks) / len(tasks)
    expected = torch.autograd.grad(looped, trained, allow_unused=True)
    stack = [torch.stack(parts) for parts in zip(*tasks, strict=True)]
    launched = vmap(partial(task_loss, learner, WAY))(*stack).mean()
    found = torch.autograd.grad(launched, trained, allow_unused=True)
    expect_close(launched.detach(), looped.detach(), bound(looped.detach()), "loss")
    for a, e in zip(found, expected, strict=True):
        assert (a is None) == (e is None)
        if a is not None and e is not None:
            expect_close(a, e, bound(e), "gradient")


@learners
@schemes
@pytest.mark.parametrize("per_channel", sampled([False, True], 2))
@pytest.mark.parametrize("alpha", ["functional", "free"])
def test_every_form_of_alpha_is_learned(
    alpha: str, per_channel: bool, scheme: str, name: str
) -> None:
    learner = made(name, scheme, alpha=alpha, per_channel=per_channel).train()
    task_loss(learner, WAY, *drawn_sets(4)).backward()
    layers = [module for module in learner.modules() if isinstance(module, BlendingLayer)]
    assert bool(layers) == (scheme in {"tasknorm_i", "tasknorm_l", "tasknorm_r"})
    learned = {id(parameter) for parameter in learner.trained()}
    for layer in layers:
        forms = [layer.scale, layer.offset] if alpha == "functional" else [layer.alpha]
        for parameter in forms:
            assert parameter is not None
            assert parameter.shape == ((layer.channels,) if per_channel else ())
            assert id(parameter) in learned
            assert parameter.grad is not None
            assert parameter.grad.abs().max() > 0


@learners
@schemes
def test_copies_of_one_network_start_equal(scheme: str, name: str) -> None:
    body = small_body()
    before = copy.deepcopy(body.state_dict())
    normalized(body, scheme)
    assert all(torch.equal(body.state_dict()[key], before[key]) for key in before)


def test_who_reads_the_context() -> None:
    read = {s for s in SCHEMES if reads_context(s, training=False)}
    in_training = {s for s in SCHEMES if reads_context(s, training=True)}
    assert read == {"reptile_norm", "meta_bn", "tasknorm_i", "tasknorm_l", "tasknorm_r"}
    assert in_training == read - {"reptile_norm"}
    assert not reads_context(BASELINE, training=False)


def test_accuracy_is_in_percent() -> None:
    logits = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    assert accuracy(logits, torch.tensor([0, 1, 0, 0])) == 75.0
