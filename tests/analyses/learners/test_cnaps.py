"""The CNAPs-like learner: what is frozen, what a context changes, what it starts from."""

from __future__ import annotations

import copy

import pytest
import torch
from few_shot import drawn_sets, small_body, unsettled
from marked_images import marked_split

from tnverify.analyses.learners import (
    BASELINE,
    SCHEMES,
    CNAPs,
    ProtoNets,
    conv4,
    normalized,
    pretrained,
    task_loss,
)
from tnverify.norms import Layer
from tnverify.tolerances import expect_close, unit

WAY = 3


def made(scheme: str) -> CNAPs:
    torch.manual_seed(5)
    return CNAPs(small_body(), scheme, channels=1, side=28, code=4).double()


@pytest.mark.parametrize("scheme", [*SCHEMES, BASELINE])
def test_training_leaves_the_backbone_as_it_was(scheme: str) -> None:
    learner = made(scheme).train()
    frozen = {name: value.clone() for name, value in learner.backbone.state_dict().items()}
    optimizer = torch.optim.SGD(learner.trained(), lr=1.0)
    for seed in range(3):
        optimizer.zero_grad()
        task_loss(learner, WAY, *drawn_sets(seed)).backward()
        optimizer.step()
    moving = ("alpha", "scale", "offset")
    if scheme != BASELINE:
        moving = (*moving, "running_mean", "running_var", "num_batches_tracked")
    for name, value in learner.backbone.state_dict().items():
        assert name.endswith(moving) or torch.equal(value, frozen[name]), name
    assert learner.films.weight.abs().max() > 0
    assert learner.additions.weight.abs().max() > 0


def test_the_baseline_has_the_moments_of_pre_training_everywhere() -> None:
    body = small_body()
    for module in body.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-1, 1, generator=torch.Generator().manual_seed(6))
            module.running_var.uniform_(1, 2, generator=torch.Generator().manual_seed(7))
    task = drawn_sets(8)
    learner = CNAPs(body, BASELINE, channels=1, side=28).double().train()
    expected = copy.deepcopy(body).eval()(task.context).detach()
    found = learner.backbone.condition(task.context)[0].detach()
    bound = torch.full_like(
        found, 2 * unit(torch.float64) * 1000 * (1 + float(expected.abs().max()))
    )
    expect_close(found, expected, bound, "features")


def test_it_starts_as_a_prototypical_network_on_the_backbone() -> None:
    task, learner = drawn_sets(9), made("tasknorm_i").eval()
    plain = ProtoNets(normalized(small_body(), "tasknorm_i")).eval()
    with torch.no_grad():
        found = learner.adapted(task.context, task.context_labels, WAY)(task.targets)
        expected = plain.adapted(task.context, task.context_labels, WAY)(task.targets)
        features = plain.network.normalize(task.targets, plain.network.condition(task.context)[1])
    # -|z - m|^2 is 2 z m - |m|^2 but for |z|^2, which all classes have in common.
    expected = expected + features.square().sum(-1, keepdim=True)
    bound = torch.full_like(
        found, 2 * unit(torch.float64) * 1000 * (1 + float(expected.abs().max()))
    )
    expect_close(found, expected, bound, "logits")


def test_film_scales_and_shifts_what_layers_put_out() -> None:
    learner, task = made("meta_bn").eval(), drawn_sets(10)
    unsettled(learner)
    layers = [m for m in learner.backbone.modules() if isinstance(m, Layer)]
    with torch.no_grad():
        learner.films.bias.normal_(generator=torch.Generator().manual_seed(11))
        modulation = learner._modulation(task.context)
    parts = iter(learner.films.bias.detach().split(4))
    for layer in layers:
        scale, shift = 1 + next(parts), next(parts)
        name = next(n for n, m in learner.backbone.named_modules() if m is layer)
        assert torch.equal(modulation[f"{name}.weight"], layer.weight * scale)
        assert torch.equal(modulation[f"{name}.bias"], layer.bias * scale + shift)


def test_contexts_modulate_each_in_its_way() -> None:
    learner = made("tasknorm_i").eval()
    with torch.no_grad():
        learner.films.weight.normal_(generator=torch.Generator().manual_seed(12))
        one, other = (learner._modulation(drawn_sets(seed).context) for seed in (1, 2))
    assert all(not torch.equal(one[name], other[name]) for name in one)


def test_a_backbone_is_trained_once_and_kept(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TNVERIFY_CACHE", str(tmp_path))
    split = marked_split([8] * 4, name="train")
    told: list[int] = []

    def again(seed: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(3)
        body = conv4(channels=1, width=4, side=4, reduce="stride")
        before = {name: value.clone() for name, value in body.state_dict().items()}
        pretrained(body, split, fingerprint="f", seed=seed, iterations=5, batch=8, rate=1e-2,
                   style=None, device=torch.device("cpu"), tell=told.append)  # fmt: skip
        after: dict[str, torch.Tensor] = body.state_dict()
        assert not torch.equal(after["layers.0.weight"], before["layers.0.weight"])
        return after

    first, second, third = again(0), again(0), again(1)
    assert told == [1, 2, 3, 4, 5] * 2
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["layers.0.weight"], third["layers.0.weight"])
