"""What layers and networks say when they refuse: what they got, the rule, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from tnverify.norms import (
    BY_SCHEME,
    BatchRenorm,
    ConventionalBN,
    GroupNorm,
    LayerNorm,
    MetaBN,
    NotConditionedError,
    TaskNetwork,
    TaskNormI,
    condition_in_chunks,
    convert,
    state_of_chunks,
)
from tnverify.norms.distributed import state_of_shards
from tnverify.norms.network_pass import Reached

if TYPE_CHECKING:
    from collections.abc import Callable


def said(kind: type[Exception], action: Callable[..., object], *arguments: Any) -> str:
    with pytest.raises(kind) as caught:
        action(*arguments)
    return str(caught.value)


def test_what_a_layer_says_of_input_that_it_does_not_take() -> None:
    layer = TaskNormI(3)
    for x in (torch.zeros(2, 4, 5), torch.zeros(3)):
        assert said(ValueError, layer.condition, x) == (
            f"input has shape {tuple(x.shape)}: TaskNormI takes (items, 3 channels, *spatial)"
        )
    assert said(ValueError, layer.condition, torch.ones(2, 3, dtype=torch.long)) == (
        "input has dtype torch.int64: TaskNormI takes floating-point values"
    )
    assert said(ValueError, layer.condition, torch.zeros(0, 3, 2)) == (
        "the context has shape (0, 3, 2) and so no values to take moments over: pass at least one"
        " item"
    )


def test_what_the_constructors_say() -> None:
    for channels in (0, -1):
        assert said(ValueError, MetaBN, channels) == (
            f"channels is {channels}: a layer needs at least one"
        )
    assert said(ValueError, lambda: TaskNormI(3, alpha="fixed")) == (
        "alpha is 'fixed': pass one of functional, free"
    )
    for r_max, d_max in ((0.5, 5.0), (3.0, -1.0)):
        assert said(ValueError, lambda r, d: BatchRenorm(3, r_max=r, d_max=d), r_max, d_max) == (
            f"r_max is {r_max} and d_max {d_max}: they are at least 1 and 0"
        )
    for groups in (3, 0, -2):
        assert said(ValueError, lambda groups: GroupNorm(4, num_groups=groups), groups) == (
            f"num_groups is {groups}: it must divide the 4 channels"
        )


@pytest.mark.parametrize(
    ("state", "got"), [(None, "no state"), ((1, 2), "a tuple"), (MetaBN(1), "a MetaBN")]
)
def test_what_is_said_of_targets_before_a_context(state, got) -> None:
    targets = torch.zeros(2, 3, 2)
    for layer, needed in ((MetaBN(3), "ContextState"), (LayerNorm(3), "EmptyState")):
        assert said(NotConditionedError, layer.normalize, targets, state) == (
            f"normalize got {got} where a {needed} is needed: call condition(context) first and"
            " pass on the state that it returns"
        )
    if not isinstance(state, nn.Module):
        assert said(NotConditionedError, TaskNetwork(MetaBN(3)).normalize, targets, state) == (
            f"normalize got {got}: call condition(context) first and pass on the state that it"
            " returns"
        )


def test_what_is_said_of_the_state_of_another_network_or_layer() -> None:
    assert said(NotConditionedError, TaskNetwork(MetaBN(3)).normalize, torch.zeros(2, 3), {}) == (
        "the task state has nothing for '', a layer and its call: pass the state that"
        " conditioning this network returned, and let it call its layers as often for targets as"
        " for a context"
    )
    _, state = MetaBN(3).condition(torch.zeros(2, 3, 2))
    assert said(ValueError, MetaBN(4).normalize, torch.zeros(2, 4), state) == (
        "the state is of a context with 3 channels, the targets have 4: condition on a context of"
        " this task"
    )


def test_what_is_said_of_layers_called_outside_of_their_network() -> None:
    assert said(RuntimeError, TaskNormI(3), torch.zeros(2, 3)) == (
        "TaskNormI was called outside of a pass, so it cannot know whether its input is a context"
        " or targets: wrap the network in TaskNetwork, or call the layer's own condition and"
        " normalize"
    )
    hidden = [MetaBN(3)]

    class Hides(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return hidden[0](x)

    assert said(RuntimeError, TaskNetwork(Hides()).condition, torch.zeros(2, 3)) == (
        "a MetaBN that is no part of the network was called during its pass: register it in the"
        " network"
    )


class InTheOrderOfItsItems(nn.Module):
    """Calls one layer first for a single item, and the other first for more."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.more = MetaBN(2), MetaBN(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second = (self.one, self.more) if len(x) == 1 else (self.more, self.one)
        return second(first(x))


def test_what_is_said_of_chunks() -> None:
    for chunks in ([], [torch.zeros(0, 3, 2)]):
        assert said(ValueError, state_of_chunks, MetaBN(3), chunks) == (
            "the context has no items in any of its chunks: pass at least one"
        )
    network = TaskNetwork(InTheOrderOfItsItems())
    assert said(ValueError, condition_in_chunks, network, []) == (
        "the context has no chunks: pass at least one"
    )
    chunks = [torch.zeros(1, 2, 3), torch.zeros(2, 2, 3)]
    assert said(RuntimeError, condition_in_chunks, network, chunks) == (
        "one chunk called layer 'one' where another called 'more': a network conditioned in"
        " chunks calls its layers in one order"
    )
    assert said(RuntimeError, state_of_chunks, ConventionalBN(3), [torch.zeros(2, 3)]) == (
        "ConventionalBN in train mode keeps the moments of each set that it is given, and a part"
        " of a context is not one: call eval() first"
    )


def test_what_is_said_without_processes() -> None:
    assert said(RuntimeError, state_of_shards, MetaBN(2), torch.zeros(1, 2, 3)) == (
        "no processes to share a context with: call torch.distributed.init_process_group in each"
        " of them first"
    )


def test_what_is_said_of_networks_that_cannot_be_converted() -> None:
    assert said(ValueError, convert, nn.LazyBatchNorm2d(), "meta_bn") == (
        "a LazyBatchNorm2d does not know its channels yet: pass one batch through the network"
        " before converting it"
    )
    assert said(ValueError, convert, nn.BatchNorm2d(3), "meta_bm").startswith(
        "unknown scheme 'meta_bm': did you mean 'meta_bn'"
    )


def test_a_network_that_catches_its_errors_is_conditioned_in_chunks_all_the_same() -> None:
    """What ends a pass at a layer is no error, and names the layer to who looks at it."""
    seen = []

    class Catches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = MetaBN(2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            try:
                return self.norm(x)
            except Exception:  # noqa: BLE001 - as networks that go on after any error do
                return x
            except Reached as end:
                seen.append(str(end))
                raise

    network = TaskNetwork(Catches())
    context = torch.arange(12.0).view(3, 2, 2)
    parts, state = condition_in_chunks(network, context.split((1, 2)))
    assert list(state) == ["norm"]
    assert seen == ["norm", "norm"]
    outputs, _ = network.condition(context)
    torch.testing.assert_close(torch.cat(parts), outputs)


@pytest.mark.parametrize(
    ("layer", "shown"),
    [
        (MetaBN(3), "MetaBN(3, eps=1e-05)"),
        (TaskNormI(4, eps=0.5, unbiased=True), "TaskNormI(4, eps=0.5, unbiased=True)"),
        (GroupNorm(4), "GroupNorm(4, eps=1e-05, num_groups=2)"),
        (
            GroupNorm(6, unbiased=True, num_groups=3),
            "GroupNorm(6, eps=1e-05, unbiased=True, num_groups=3)",
        ),
    ],
    ids=["plain", "unbiased", "groups", "unbiased groups"],
)
def test_a_layer_is_shown_with_what_it_was_made_with(layer, shown) -> None:
    assert repr(layer) == shown


def test_there_is_a_layer_to_convert_to_for_every_scheme() -> None:
    for scheme, kind in BY_SCHEME.items():
        assert type(convert(nn.BatchNorm2d(4), scheme)) is kind
