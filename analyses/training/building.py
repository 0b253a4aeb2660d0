"""The learner that a configuration asks for, with the initial values of its seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.analyses.learners import (
    MAML,
    CNAPs,
    NearestPixels,
    ProtoNets,
    conv4,
    normalized,
    pretrained,
    resnet18,
)
from tnverify.analyses.tasks import FixedShots

from .sources import own_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from tnverify.analyses.learners import Body

    from .settings import Settings

Built = ProtoNets | MAML | CNAPs | NearestPixels


def built(settings: Settings, device: torch.device, tell: Callable[[int], None]) -> Built:
    """The learner before meta-training, on its device.

    All schemes start from the same values for one seed. For CNAPs this trains the backbone
    (`tell` is called with the number of iterations done), unless that was done before.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        learner = _built(settings, device, tell)
    return learner.to(device)


def body_of(settings: Settings) -> Body:
    """The body that the configuration describes, for images of its data."""
    network = settings.network
    channels, side, _ = own_data(settings)[0].split("train").shape
    if network.kind == "resnet18":
        return resnet18(channels=channels, width=network.width)
    return conv4(channels=channels, width=network.width, side=side, reduce=network.reduce)


def _built(settings: Settings, device: torch.device, tell: Callable[[int], None]) -> Built:
    if settings.learner == "pixels":
        return NearestPixels()
    training = settings.train
    assert training is not None, "only the baseline of pixels is not trained"
    alpha, per_channel = settings.alpha, settings.per_channel
    body = body_of(settings)
    if settings.learner == "protonets":
        return ProtoNets(normalized(body, settings.scheme, alpha=alpha, per_channel=per_channel))
    if settings.learner == "maml":
        assert isinstance(training.shots, FixedShots), "checked when the settings were read"
        return MAML(
            body,
            training.shots.way,
            settings.scheme,
            alpha=alpha,
            per_channel=per_channel,
            steps=training.steps,
            inner_rate=training.inner_rate,
            order=training.order,
        )
    # The data set of most classes, as the paper's backbone is trained on ImageNet alone.
    data = max(own_data(settings), key=lambda each: len(each.split("train").classes))
    channels, side, _ = data.split("train").shape
    pretrained(
        body.to(device),
        data.split("train"),
        fingerprint=data.fingerprint,
        seed=settings.seed,
        iterations=settings.pretrain.iterations,
        batch=settings.pretrain.batch,
        rate=settings.pretrain.rate,
        style=training.style,
        device=device,
        tell=tell,
    )
    return CNAPs(
        body, settings.scheme, channels=channels, side=side, alpha=alpha, per_channel=per_channel
    )
