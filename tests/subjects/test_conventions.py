"""Adapters by conventions: each layer is recognised as what it is, and as nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import conventions
import pytest
import torch

from tnverify.subjects import SubjectProber, SubjectRequest, Unusable
from tnverify.subjects.ordinary import ordinary
from tnverify.subjects.resolve import drive, find_adapter

FILE = Path(conventions.__file__)
LAYERS = [
    pytest.param(layer, name, id=layer.__name__)
    for name, layers in conventions.CONVENTIONS.items()
    for layer in layers
]


def driven(name: str, **asked: Any) -> Any:
    return drive(SubjectRequest(f"{FILE}:{name}", **asked))


@pytest.mark.parametrize(("layer", "adapter"), LAYERS)
def test_a_layer_is_called_by_its_convention(layer: Callable[..., Any], adapter: str) -> None:
    found = driven(layer.__name__)
    assert found.adapter.name == adapter
    again = driven(layer.__name__, adapter=adapter)
    task = ordinary(found.rank, found.channel_step).build(torch.float64)
    first, second = SubjectProber(found).run(task), SubjectProber(again).run(task)
    assert torch.equal(first.targets, second.targets)
    assert find_adapter(adapter).name == adapter
