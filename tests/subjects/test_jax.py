"""JAX layers behind torch: values, gradients, state and conventions are the layer's own."""

from __future__ import annotations

import copy
import importlib.util
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import torch

from tnverify.subjects.recipe import SubjectRecipe
from tnverify.subjects.resolve import drive, factory_of
from tnverify.subjects.spec import parse_spec

if TYPE_CHECKING:
    from pathlib import Path

LIBRARIES = ("jax", "flax", "equinox", "haiku")
MISSING = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]

needs_jax = pytest.mark.skipif(bool(MISSING), reason=f"the extra jax is absent: {MISSING}")

BATCH_NORMS = {
    "flax.nnx:BatchNorm": {"use_running_average": False},
    "flax.linen:BatchNorm": {"use_running_average": False},
    "equinox.nn:BatchNorm": {"inference": False},
    "haiku:BatchNorm": {"is_training": True},
}
"""Batch norms, and the option of a call in training."""


def built(spec: str, channels: int = 3) -> Any:
    return factory_of(parse_spec(spec))(channels, (4, 3))


def maps(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(4, 3, 4, 3, generator=generator, dtype=dtype) * 2 + 1


def expected(values: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.batch_norm(values, None, None, training=True)


def test_jax_is_not_imported_for_other_layers() -> None:
    code = (
        "import sys; from tnverify.subjects.recipe import SubjectRecipe;"
        "from tnverify.subjects.resolve import drive;"
        "drive(SubjectRecipe('torch.nn:LayerNorm')); assert 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@needs_jax
@pytest.mark.parametrize("spec", BATCH_NORMS)
def test_values_and_both_gradients_are_those_of_torch(spec: str) -> None:
    layer = built(spec).to(torch.float64)
    x = maps().requires_grad_()
    mine, other = layer(x, **BATCH_NORMS[spec]), expected(x)
    assert mine.dtype == torch.float64
    torch.testing.assert_close(mine, other)
    grads = [torch.autograd.grad((y**3).sum(), x, create_graph=True)[0] for y in (mine, other)]
    torch.testing.assert_close(*grads)
    torch.testing.assert_close(*(torch.autograd.grad((g**2).sum(), x)[0] for g in grads))


@needs_jax
@pytest.mark.parametrize("spec", BATCH_NORMS)
def test_running_moments_move_and_answer(spec: str) -> None:
    layer = built(spec)
    ((name, training),) = BATCH_NORMS[spec].items()
    before = layer(maps(torch.float32), **{name: not training})
    for _ in range(3):
        layer(maps(torch.float32), **{name: training})
    after = layer(maps(torch.float32), **{name: not training})
    assert not torch.allclose(before, after)
    assert torch.equal(after, layer(maps(torch.float32), **{name: not training}))


@needs_jax
@pytest.mark.parametrize("spec", BATCH_NORMS)
def test_handles_have_the_names_of_torch_and_are_read(spec: str) -> None:
    subject = drive(SubjectRecipe(spec))
    assert {"weight", "bias", "eps", "running_mean", "running_var"} <= {
        name for name, _ in subject.handles.paths
    }
    layer = built(spec)
    with torch.no_grad():
        subject.handles.get(layer, "weight").fill_(0.0)
        subject.handles.get(layer, "bias").fill_(0.5)
    outputs = layer(maps(torch.float32), **BATCH_NORMS[spec])
    assert torch.equal(outputs, torch.full_like(outputs, 0.5))


@needs_jax
@pytest.mark.parametrize("spec", BATCH_NORMS)
def test_an_eps_that_is_set_is_used(spec: str) -> None:
    subject = drive(SubjectRecipe(spec))
    layer = built(spec)
    subject.handles.with_eps(layer, 1e6)
    assert layer(maps(torch.float32), **BATCH_NORMS[spec]).abs().max() < 0.1


@needs_jax
@pytest.mark.parametrize("spec", BATCH_NORMS)
def test_the_option_is_found(spec: str) -> None:
    name = next(iter(BATCH_NORMS[spec]))
    assert drive(SubjectRecipe(spec)).adapter.name.startswith(f"option[{name}=")


@needs_jax
@pytest.mark.parametrize(
    "spec", ["flax.nnx:LayerNorm", "flax.linen:LayerNorm", "haiku:LayerNorm", "haiku:InstanceNorm"]
)
def test_layers_without_modes_are_just_called(spec: str) -> None:
    assert drive(SubjectRecipe(spec)).adapter.name == "no_context"


@needs_jax
def test_equinox_layers_are_given_one_item_at_a_time() -> None:
    layer = built("equinox.nn:GroupNorm(1, channels)").to(torch.float64)
    wanted = torch.nn.functional.group_norm(maps(), 1)
    torch.testing.assert_close(layer(maps()), wanted)


@needs_jax
def test_a_copy_holds_its_own_state() -> None:
    layer = built("flax.nnx:BatchNorm")
    twin = copy.deepcopy(layer)
    twin(maps(torch.float32))
    assert not torch.equal(layer.running_mean, twin.running_mean)


@needs_jax
def test_state_keeps_no_graph_of_earlier_calls() -> None:
    layer = built("flax.nnx:BatchNorm")
    for _ in range(3):
        layer(maps(torch.float32))
    depth, node = 0, layer.running_mean.grad_fn
    while node is not None and node.next_functions:
        depth, node = depth + 1, node.next_functions[0][0]
    assert depth <= 2


@needs_jax
def test_transforms_of_torch_are_not_offered() -> None:
    layer = built("flax.nnx:LayerNorm")
    with pytest.raises(NotImplementedError, match="outside of torch"):
        torch.func.vmap(layer)(maps(torch.float32)[None])


@needs_jax
def test_channels_last_input_keeps_its_format() -> None:
    x = maps(torch.float32).to(memory_format=torch.channels_last)
    assert built("flax.nnx:LayerNorm")(x).is_contiguous(memory_format=torch.channels_last)


@needs_jax
def test_a_layer_of_a_users_file_is_driven(tmp_path: Path) -> None:
    path = tmp_path / "own_layers.py"
    path.write_text(
        "import flax.linen as nn\n"
        "import jax.numpy as jnp\n"
        "class Centred(nn.Module):\n"
        "    @nn.compact\n"
        "    def __call__(self, x, train: bool):\n"
        "        mean = self.variable('batch_stats', 'mean', jnp.zeros, (x.shape[-1],))\n"
        "        if train:\n"
        "            mean.value = x.mean(tuple(range(x.ndim - 1)))\n"
        "        return x - mean.value\n"
    )
    subject = drive(SubjectRecipe(f"{path}:Centred"))
    assert subject.adapter.name == "option[train=True,False]+mode_flag"
    layer = subject.factory(3, (4, 3))
    x = maps(torch.float32).requires_grad_()
    layer(x, train=True)
    (gradient,) = torch.autograd.grad(layer(torch.zeros(1, 3, 4, 3), train=False).sum(), x)
    assert bool((gradient < 0).all()), "targets are differentiated by the context"
