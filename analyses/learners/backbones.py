"""Backbones trained to tell all training classes apart, once, and kept for every learner."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from tnverify.analyses.data import cache_root
from tnverify.analyses.data.cache import key_of
from tnverify.analyses.records import code_version
from tnverify.analyses.records.atomic import write_over
from tnverify.analyses.tasks import LabelledBatches

if TYPE_CHECKING:
    from collections.abc import Callable

    from tnverify.analyses.data import Split
    from tnverify.analyses.tasks import Style

    from .networks import Body

_SOURCES = (
    "tnverify.analyses.learners.networks",
    "tnverify.analyses.learners.backbones",
    "tnverify.analyses.tasks",
)


def pretrained(
    body: Body,
    split: Split,
    *,
    fingerprint: str,
    seed: int,
    iterations: int,
    batch: int,
    rate: float,
    style: Style | None,
    device: torch.device,
    tell: Callable[[int], None],
) -> Body:
    """The body, trained in place with its own batch norm to tell the split's classes apart.

    Adam with a rate that falls to nothing along a cosine. What it comes to is kept under
    `cache_root()`, by data (`fingerprint`), initial values, settings, code and kind of device,
    and read where it is there. `tell` is called with the number of iterations done.
    """
    initial = float(sum(p.detach().double().abs().sum() for p in body.parameters()))
    made_of = ("backbone", repr(body), initial, split.dataset, split.name, fingerprint, seed,
               iterations, batch, rate, None if style is None else vars(style), device.type,
               str(torch.__version__), code_version(_SOURCES))  # fmt: skip
    path = cache_root() / "backbones" / f"{key_of(*made_of)}.pt"
    if path.exists():
        body.load_state_dict(torch.load(path, map_location=device, weights_only=True))
        return body
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = nn.Linear(body.features, len(split.classes)).to(device)
    network = nn.Sequential(body, head).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, iterations)
    data = LabelledBatches(split, batch, seed=seed, style=style)
    for number in range(iterations):
        images, labels = data[number]
        optimizer.zero_grad(set_to_none=True)
        loss = cross_entropy(network(images.to(device)), labels.to(device))
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
        optimizer.step()
        schedule.step()
        tell(number + 1)
    buffer = io.BytesIO()
    state: dict[str, Any] = body.state_dict()
    torch.save(state, buffer)
    write_over(path, buffer.getvalue())
    return body
