"""Which targets are predicted together: the same targets, seen in different company."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

if TYPE_CHECKING:
    from torch import Tensor

Company = Literal["all", "class", "item"]
COMPANIES: tuple[Company, ...] = ("all", "class", "item")


def batches(target_labels: Tensor, company: Company) -> list[Tensor]:
    """The places of targets that are predicted together, batch by batch; every place is in one.

    "all" is one batch of all targets, "class" one batch for each class that has targets, "item"
    one for each target (paper, section 3.2 and table D.2). Each is an int64 tensor on the device
    of the labels, in increasing order.
    """
    places = torch.arange(len(target_labels), device=target_labels.device)
    if company == "all":
        return [places]
    if company == "item":
        return [places[i : i + 1] for i in range(len(places))]
    if company == "class":
        return [places[target_labels == label] for label in sorted(set(target_labels.tolist()))]
    raise ValueError(f"targets are predicted by one of {', '.join(COMPANIES)}, not {company!r}")
