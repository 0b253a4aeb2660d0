"""MAML against steps written by hand, in float64."""

from __future__ import annotations

import pytest
import torch
from few_shot import Sets, drawn_sets, small_body, unsettled
from torch import Tensor, nn
from torch.nn.functional import conv2d, cross_entropy

from tnverify.analyses.learners import MAML, SCHEMES, Body, task_loss
from tnverify.norms import Layer
from tnverify.tolerances import expect_close, unit

WAY, RATE, EPS = 3, 0.7, 1e-5


def within(values: int, expected: Tensor) -> Tensor:
    """What sums of so many values of the size of the largest may be off by, twice."""
    return torch.full_like(expected, 2 * unit(expected.dtype) * values * (1 + expected.abs().max()))


class _One(nn.Module):
    """A convolution, a normalisation, a ReLU and the spatial mean."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.relu = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.norm(self.conv(x))).mean((-2, -1))


def one_layer(scheme: str, order: int, steps: int) -> MAML:
    torch.manual_seed(3)
    learner = MAML(Body(_One(), 4), WAY, scheme, alpha="free", steps=steps, inner_rate=RATE,
                   order=order).double()  # fmt: skip
    unsettled(learner)
    return learner.train()


class ByHand:
    """The same network and its steps, written out: which weights move, which moments are used."""

    def __init__(self, learner: MAML) -> None:
        self.own = {name.removeprefix("network.network."): parameter
                    for name, parameter in learner.named_parameters()}  # fmt: skip
        self.scheme = learner.scheme

    def logits(self, weights: dict[str, Tensor], x: Tensor, context: Tensor) -> Tensor:
        """Of `x`, whose normalisation reads `context` as the scheme says."""
        convolved = conv2d(x, weights["0.layers.conv.weight"], weights["0.layers.conv.bias"])
        of_context = conv2d(context, weights["0.layers.conv.weight"], weights["0.layers.conv.bias"])
        source = convolved if self.scheme == "transductive_bn" else of_context
        mean = source.mean((0, 2, 3), keepdim=True)
        var = ((source - mean) ** 2).mean((0, 2, 3), keepdim=True)
        if self.scheme == "tasknorm_i":
            alpha = weights["0.layers.norm.alpha"]
            own = convolved.mean((2, 3), keepdim=True)
            own_var = ((convolved - own) ** 2).mean((2, 3), keepdim=True)
            pooled = alpha * mean + (1 - alpha) * own
            var = alpha * (var + (mean - pooled) ** 2) + (1 - alpha) * (
                own_var + (own - pooled) ** 2
            )
            mean = pooled
        normal = (convolved - mean) / (var + EPS).sqrt()
        scale, shift = weights["0.layers.norm.weight"], weights["0.layers.norm.bias"]
        normal = normal * scale[:, None, None] + shift[:, None, None]
        features = torch.clamp(normal, min=0).mean((2, 3))
        return features @ weights["1.weight"].T + weights["1.bias"]

    def loss(self, task: Sets, order: int, steps: int) -> Tensor:
        weights = dict(self.own)
        moved = [name for name in weights if ".norm." not in name]
        for _ in range(steps):
            logits = self.logits(weights, task.context, task.context)
            value = -torch.log_softmax(logits, -1)[range(len(logits)), task.context_labels].mean()
            gradients = torch.autograd.grad(
                value, [weights[name] for name in moved], create_graph=order == 2
            )
            for name, gradient in zip(moved, gradients, strict=True):
                weights[name] = weights[name] - RATE * gradient
        logits = self.logits(weights, task.targets, task.context)
        return -torch.log_softmax(logits, -1)[range(len(logits)), task.target_labels].mean()


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("scheme", ["transductive_bn", "meta_bn", "tasknorm_i"])
def test_steps_are_those_written_by_hand(scheme: str, order: int, steps: int) -> None:
    learner, task = one_layer(scheme, order, steps), drawn_sets(4, side=8)
    by_hand = ByHand(learner)
    expected = by_hand.loss(task, order, steps)
    found = task_loss(learner, WAY, *task)
    values = task.targets.numel() * (steps + 1)
    expect_close(found.detach(), expected.detach(), within(values, expected.detach()), "the loss")
    names = list(by_hand.own)
    by_hand_gradients = torch.autograd.grad(expected, list(by_hand.own.values()))
    gradients = torch.autograd.grad(found, list(by_hand.own.values()))
    for name, mine, theirs in zip(names, gradients, by_hand_gradients, strict=True):
        expect_close(mine, theirs, 100 * within(values, theirs), name)


def test_first_and_second_order_have_one_loss_and_two_gradients() -> None:
    task = drawn_sets(5, side=8)
    first, second = one_layer("meta_bn", 1, 1), one_layer("meta_bn", 2, 1)
    losses = [task_loss(each, WAY, *task) for each in (first, second)]
    assert losses[0].item() == losses[1].item()
    weights = [next(each.parameters()) for each in (first, second)]
    a, b = (torch.autograd.grad(x, w)[0] for x, w in zip(losses, weights, strict=True))
    assert not torch.equal(a, b)


def test_the_second_order_gradient_is_the_slope_of_the_loss() -> None:
    # Central differences: no automatic differentiation on this side at all.
    learner, task = one_layer("tasknorm_i", 2, 2), drawn_sets(6, side=8)
    for parameter in learner.parameters():
        (gradient,) = torch.autograd.grad(task_loss(learner, WAY, *task), parameter)
        place = int(gradient.abs().argmax())
        values, step = parameter.data.view(-1), 1e-4
        at = values[place].item()
        ends = []
        for moved in (at + step, at - step):
            values[place] = moved
            ends.append(task_loss(learner, WAY, *task).item())
        values[place] = at
        slope = (ends[0] - ends[1]) / (2 * step)
        # The error of a central difference is of the order of the square of its step.
        assert abs(slope - gradient.view(-1)[place].item()) < 1e3 * step**2


def test_a_linear_step_is_the_closed_form() -> None:
    """Softmax regression: the gradient is (softmax - one hot) features over the items."""
    learner = MAML(Body(nn.Flatten(), 64), WAY, "none", steps=1, inner_rate=RATE).double().eval()
    task = drawn_sets(7, side=8)
    head = learner.network.network[1]
    features = task.context.flatten(1)
    error = torch.softmax(features @ head.weight.T + head.bias, -1)
    error[range(len(error)), task.context_labels] -= 1
    weight = head.weight - RATE * error.T @ features / len(features)
    bias = head.bias - RATE * error.mean(0)
    expected = (task.targets.flatten(1) @ weight.T + bias).detach()
    with torch.no_grad():
        found = learner.adapted(task.context, task.context_labels, WAY)(task.targets)
    expect_close(found, expected, within(64 * 6, expected), "logits after a step")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_norms_learn_stays_in_the_steps(scheme: str) -> None:
    learner = MAML(small_body(), WAY, scheme, steps=2)
    fast, rest = learner._weights()
    of_norms = {
        id(parameter)
        for module in learner.modules()
        if isinstance(module, Layer)
        for parameter in module.parameters()
    }
    assert {id(each) for each in rest.values()} == of_norms
    assert {id(each) for each in (fast | rest).values()} == {id(p) for p in learner.parameters()}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_adapting_at_test_changes_nothing_of_the_learner(scheme: str) -> None:
    learner, task = MAML(small_body(), WAY, scheme, steps=2).double().eval(), drawn_sets(8)
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    with torch.no_grad():
        logits = learner.adapted(task.context, task.context_labels, WAY)(task.targets)
    assert not logits.requires_grad
    after = learner.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("scheme", ["conventional_bn", "batch_renorm", "tasknorm_r"])
def test_running_moments_move_in_training(scheme: str) -> None:
    learner, task = MAML(small_body(), WAY, scheme, steps=1).double().train(), drawn_sets(9)
    task_loss(learner, WAY, *task).backward()
    moved = [value for name, value in learner.state_dict().items() if "running_mean" in name]
    assert len(moved) == 4
    assert all(value.abs().max() > 0 for value in moved)
    assert all(parameter.grad is not None for parameter in learner.parameters())


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("scheme", ["conventional_bn", "reptile_norm"])
def test_schemes_that_train_as_transductive_bn_have_its_steps(scheme: str, order: int) -> None:
    task, found = drawn_sets(11, side=8), []
    for each in (scheme, "transductive_bn"):
        learner = one_layer(each, order, 2)
        loss = task_loss(learner, WAY, *task)
        found.append([loss, *torch.autograd.grad(loss, list(learner.parameters()))])
    for mine, theirs in zip(*found, strict=True):
        bound = 100 * within(3 * task.targets.numel(), theirs.detach())
        expect_close(mine.detach(), theirs.detach(), bound, "loss or gradient")


def test_more_steps_fit_the_context_better() -> None:
    task = drawn_sets(10)
    losses = []
    for steps in (1, 5, 25):
        learner = MAML(small_body(), WAY, "meta_bn", steps=steps, inner_rate=0.3).double().eval()
        with torch.no_grad():
            logits = learner.adapted(task.context, task.context_labels, WAY)(task.context)
        losses.append(cross_entropy(logits, task.context_labels).item())
    assert losses == sorted(losses, reverse=True)


def test_a_head_has_one_way() -> None:
    task = drawn_sets(way=4)
    learner = MAML(small_body(), WAY, "none")
    with pytest.raises(ValueError, match="head for 3 classes, the task has 4"):
        learner.adapted(task.context, task.context_labels, 4)
    with pytest.raises(ValueError, match="steps is 0"):
        MAML(small_body(), WAY, "none", steps=0)
