"""A slip in a user's own adapter is named as the adapter's."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tnverify.subjects import SubjectRecipe, Unusable
from tnverify.subjects.resolve import drive


class Adapter:
    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def condition(self, context: Any) -> Any:
        return self.layer(context), None

    def normalize(self, targets: Any, state: object) -> Any:
        return self.layer(targets)


class NoNormalize:
    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def condition(self, context: Any) -> Any:
        return self.layer(context), None


class OneValue(Adapter):
    def condition(self, context: Any) -> Any:
        return self.layer(context)


class ThreeValues(Adapter):
    def condition(self, context: Any) -> Any:
        return self.layer(context), None, None


class NoTensor(Adapter):
    def normalize(self, targets: Any, state: object) -> Any:
        return self.layer(targets), state


class NoReturn(Adapter):
    def condition(self, context: Any) -> Any:
        self.layer(context)


class NoOutputs(Adapter):
    def condition(self, context: Any) -> Any:
        return None, self.layer(context)


class NoAnswer(Adapter):
    def normalize(self, targets: Any, state: object) -> Any:
        self.layer(targets)


class Misnamed(Adapter):
    def condition(self, context: Any) -> Any:
        return self.model(context), None  # type: ignore[attr-defined]  # the slip


class KeepsNothing(Adapter):
    def normalize(self, targets: Any, state: Any) -> Any:
        return self.layer(targets) * state[0]


class NoState(Adapter):
    def normalize(self, targets: Any) -> Any:  # type: ignore[override]  # the slip
        return self.layer(targets)


class TwoArguments(Adapter):
    def __init__(self, layer: Any, mode: str) -> None:
        super().__init__(layer)


def function(layer: Any) -> Any:
    return layer


class Layer(torch.nn.InstanceNorm2d):
    pass


def driven(name: str) -> Any:
    return drive(SubjectRecipe("torch.nn:InstanceNorm2d", adapter=f"{__file__}:{name}"))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("NoNormalize", "without normalize"),
        ("OneValue", "condition returned one tensor, not two values"),
        ("ThreeValues", "condition returned 3 values, not two values"),
        ("NoTensor", "normalize returned 2 values, not a tensor"),
        ("NoReturn", "condition returned nothing, not two values"),
        ("NoOutputs", "condition returned nothing for its outputs, not a tensor"),
        ("NoAnswer", "normalize returned nothing, not a tensor"),
        ("Misnamed", "condition raised AttributeError: 'Misnamed' object has no attribute 'model'"),
        ("KeepsNothing", "normalize raised TypeError: 'NoneType' object is not subscriptable"),
        ("NoState", "normalize does not take targets and the task state"),
        ("TwoArguments", "does not take the layer"),
        ("function", "returns a InstanceNorm2d without condition and normalize"),
        ("Layer", "is a layer without condition and normalize"),
    ],
)
def test_a_slip_is_the_adapters(name: str, says: str) -> None:
    with pytest.raises(Unusable) as raised:
        driven(name)
    said = str(raised.value)
    assert said.startswith(f"the adapter {__file__}:{name}")
    assert says in said
    assert "\n" not in said


def test_an_adapter_without_a_slip_is_taken() -> None:
    assert driven("Adapter").adapter.name == f"{__file__}:Adapter"


class Refuses(Adapter):
    """Says itself, as a layer would, that it wants maps."""

    def condition(self, context: Any) -> Any:
        if context.dim() != 4:
            raise ValueError("maps are wanted")
        return super().condition(context)


def test_an_adapter_that_refuses_some_input_is_taken() -> None:
    assert driven("Refuses").adapter.name == f"{__file__}:Refuses"
