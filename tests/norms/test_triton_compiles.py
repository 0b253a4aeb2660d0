"""The Triton kernels compile for GPUs, which needs none: only running them does."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
import torch

from tnverify.norms.kernels.triton_path import interpreted

if TYPE_CHECKING:
    from collections.abc import Callable

if find_spec("triton") is None or interpreted():
    pytest.skip("needs Triton, not interpreted", allow_module_level=True)

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from tnverify.norms.kernels import triton_kernels, triton_launch
from tnverify.norms.kernels.triton_launch import Plan

KERNELS = [
    name for name, value in vars(triton_kernels).items()
    if isinstance(value, triton.runtime.JITFunction) and value.__module__ == triton_kernels.__name__
]  # fmt: skip
NAMES = {
    torch.float16: "*fp16", torch.bfloat16: "*bf16", torch.float32: "*fp32", torch.float64: "*fp64",
}  # fmt: skip


class Compiled:
    """A kernel that is compiled for a GPU where it would be launched, and not launched."""

    def __init__(self, kernel: Any, capability: int, done: dict[str, int]) -> None:
        self.kernel, self.target, self.done = kernel, GPUTarget("cuda", capability, 32), done

    def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., None]:
        return self.compile

    def compile(self, *args: Any, num_warps: int, **constants: Any) -> None:
        given = {**dict(zip(self.kernel.arg_names, args, strict=False)), **constants}
        constants = {
            name: value for name, value in given.items()
            if name in constants or value is None or (isinstance(value, int) and value == 1)
        }  # fmt: skip
        signature = {
            name: "constexpr" if name in constants
            else NAMES[value.dtype] if isinstance(value, torch.Tensor)
            else "i32"
            for name, value in given.items()
        }  # fmt: skip
        source = ASTSource(self.kernel, signature, constants)
        binary = triton.compile(source, target=self.target, options={"num_warps": num_warps})
        self.done[self.kernel.__name__] = len(binary.asm["cubin"])


@pytest.fixture(params=[80, 90], ids=lambda capability: f"sm_{capability}")
def compiled(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> dict[str, int]:
    """The size of each binary, by its kernel's name."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    done: dict[str, int] = {}
    for name in KERNELS:
        kernel = getattr(triton_kernels, name)
        monkeypatch.setattr(triton_kernels, name, Compiled(kernel, request.param, done))
    return done


# Triton 3.9 warns once that the default of one of its options will change.
@pytest.mark.filterwarnings("ignore:TRITON_DEFAULT_FP_FUSION")
@pytest.mark.parametrize(
    ("dtype", "last", "plan"),
    [
        (torch.float32, False, Plan(2, 1, False, 1e-5)),
        (torch.bfloat16, True, Plan(1, 6, True, 1e-5)),
    ],
    ids=["context_float32", "layer_bfloat16_channels_last"],
)
def test_every_kernel_compiles(compiled, monkeypatch, dtype, last, plan) -> None:
    monkeypatch.setattr(triton_launch, "_CACHED", 0)
    x = torch.empty(2, 5, 6, 100, dtype=dtype)
    if last:
        x = x.transpose(2, 3).contiguous().transpose(2, 3)
    small = torch.empty(1, 6)
    base = (small, small) if plan.base == 1 else (None, None)
    alpha = torch.empty(1, 1)
    y, mean, var, *rest = triton_launch.normalized(x, *base, alpha, small, small, plan)
    batch, own = tuple(rest[:2]), tuple(rest[2:])
    triton_launch.derivatives(
        x, y, (mean, var), batch, own, (None, None), (*base, alpha, small, small), plan, (True,) * 6
    )
    table = torch.empty(2, 5, 6)
    triton_launch.dots(y, x, table)
    triton_launch.affine(y, x, table, table, table, table)
    assert "normalize_set" in compiled
    assert set(compiled) == set(KERNELS)
    assert all(size > 0 for size in compiled.values())
