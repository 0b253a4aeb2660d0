"""Other people's layers, verified as a user would: what is said of them is true.

Every expectation has its reason, and was checked once by a program in `by_hand`, which does without
tnverify.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
CONFORMS, VIOLATES = "conforms", "violates"


@dataclass(frozen=True)
class Expected:
    """What a verification says of a layer: `fails` are musts that break, and no others may."""

    spec: str
    adapter: str
    verdict: str
    scheme: str
    reason: str
    fails: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def package(self) -> str:
        return self.spec.partition(":")[0].partition(".")[0]


READS_OTHERS = (
    "a_target_ignores_the_other_targets",
    "a_target_ignores_the_others_however_it_is_called",
    "no_gradient_flows_between_targets",
    "a_target_ignores_how_many_targets_there_are",
    "any_partition_of_the_targets_gives_the_same_outputs",
)
FAST = "use_fast_variance takes E[x^2] - E[x]^2 (by_hand/flax_fast_variance.py)"
GRAPH = "one graph is all the nodes that are given (by_hand/graph_norms.py)"

EXPECTED = (
    Expected("torch.nn:LazyInstanceNorm2d", "frozen", CONFORMS, "inductive", "torch's own"),
    Expected("torch.nn:RMSNorm", "no_context", CONFORMS, "rms_norm", "eps is of the dtype"),
    Expected("torch.nn:BatchNorm1d", "frozen", CONFORMS, "conventional_bn", "torch's own"),
    Expected("torch.nn:LocalResponseNorm(2)", "no_context", CONFORMS, "inductive", "torch's own"),
    Expected("torch.nn:SyncBatchNorm", "frozen", CONFORMS, "conventional_bn", "in one process"),
    Expected(
        "timm.layers:BatchNormAct2d", "frozen", CONFORMS, "inductive", "an activation follows"
    ),
    Expected("timm.layers:GroupNorm1", "no_context", CONFORMS, "group_norm", "one group"),
    Expected("timm.layers:LayerNorm2d", "no_context", CONFORMS, "per_pixel_layer_norm", "as named"),
    Expected("timm.layers:EvoNorm2dB0", "frozen", CONFORMS, "inductive", "moments in float32"),
    Expected("timm.layers:EvoNorm2dS0", "no_context", CONFORMS, "inductive", "32 groups"),
    Expected(
        "timm.layers:FilterResponseNormTlu2d",
        "no_context",
        VIOLATES,
        "inductive",
        "squares in half precision, before float32 (by_hand/squares_before_widening.py)",
        ("half_precision_input_keeps_its_range",),
    ),
    Expected(
        "sb3_contrib.common.torch_layers:BatchRenorm1d",
        "frozen",
        VIOLATES,
        "batch_renorm",
        "the unbiased variance of one item is NaN and stays (by_hand/one_item_leaves_nan.py)",
        ("a_batch_of_one_value_leaves_no_nan",),
    ),
    Expected(
        "pytorch_tabnet.tab_network:GBN",
        "frozen",
        CONFORMS,
        "conventional_bn",
        "torch's BatchNorm1d is in it; batches of over 128 items are cut in train() alone",
    ),
    Expected(
        "torch_geometric.nn.norm:GraphNorm",
        "no_context",
        VIOLATES,
        "inductive",
        GRAPH,
        READS_OTHERS,
    ),
    Expected(
        "torch_geometric.nn.norm:InstanceNorm",
        "no_context",
        VIOLATES,
        "inductive",
        GRAPH,
        READS_OTHERS,
    ),
    Expected(
        'torch_geometric.nn.norm:LayerNorm(channels, mode="node")',
        "no_context",
        CONFORMS,
        "layer_norm",
        "mode='node' reads its own node alone (by_hand/graph_norms.py)",
    ),
    Expected(
        "flax.nnx:BatchNorm",
        "option[use_running_average=False,True]+frozen",
        VIOLATES,
        "conventional_bn",
        FAST,
        ("training_outputs_agree_with_the_formula", "training_gradients_are_those_of_the_formula"),
    ),
    Expected(
        "public_layers:SELayer",
        "no_context",
        CONFORMS,
        "inductive",
        "a gate reads its own item alone (by_hand/gates_round_at_kinks.py)",
    ),
    Expected("public_layers:CBAM", "no_context", CONFORMS, "inductive", "as SELayer, and a border"),
    Expected("public_layers:WSConv2d", "no_context", CONFORMS, "inductive", "no norm of its input"),
    Expected(
        "public_layers:LlamaRMSNorm",
        "no_context",
        CONFORMS,
        "rms_norm",
        "computed in float32 (by_hand/moments_in_float32.py)",
    ),
    Expected(
        "public_layers:ConvNeXtLayerNorm",
        "no_context",
        CONFORMS,
        "per_pixel_layer_norm",
        "what it makes of vectors is an accident (by_hand/zeros_and_single_pixels.py)",
    ),
    Expected(
        "public_layers:PixelNorm",
        "no_context",
        VIOLATES,
        "inductive",
        "squares in half precision (by_hand/squares_in_half.py)",
        ("half_precision_input_keeps_its_range",),
    ),
    Expected(
        "public_layers:MinibatchStdDev",
        "no_context",
        VIOLATES,
        "inductive",
        "it adds the batch's deviation",
        READS_OTHERS,
    ),
    Expected(
        "public_layers:TentBatchNorm",
        "no_context",
        VIOLATES,
        "inductive",
        "batch statistics always",
        READS_OTHERS,
    ),
    Expected(
        "public_layers:AlphaBatchNorm",
        "no_context",
        VIOLATES,
        "inductive",
        "the batch's statistics enter as it is built; eval() of the whole is never called",
        READS_OTHERS,
    ),
)


def absent(package: str) -> bool:
    return package != "public_layers" and importlib.util.find_spec(package) is None


def verified(case: Expected, folder: Path) -> dict[str, Any]:
    """The report on one layer, of a process of its own as a user starts it."""
    report = folder / "report.json"
    command = ["-m", "tnverify", "verify", case.spec, "--profile", "quick", "--jobs", "1"]
    subprocess.run(
        [sys.executable, *command, "--json", str(report), "--out", str(folder), *case.options],
        cwd=HERE,
        capture_output=True,
        check=False,
    )
    (subject,) = json.loads(report.read_text())["subjects"]
    return subject  # type: ignore[no-any-return]  # the report's schema says so


@pytest.mark.slow
@pytest.mark.parametrize("case", EXPECTED, ids=lambda case: case.spec)
def test_what_is_said_is_true(case: Expected, tmp_path: Path) -> None:
    if absent(case.package):
        pytest.skip(f"{case.package} of the extra wild is absent")
    subject = verified(case, tmp_path)
    musts = {
        p["name"] for p in subject["laws"] if p["outcome"] == "violated" and p["level"] == "must"
    }
    assert subject["adapter"] == case.adapter
    assert subject["claims"]["scheme"] == case.scheme
    assert musts <= set(case.fails), case.reason
    assert subject["verdict"] == case.verdict, case.reason


@pytest.mark.parametrize("program", sorted((HERE / "by_hand").glob("*.py")), ids=lambda p: p.stem)
def test_it_is_so_by_hand(program: Path) -> None:
    needs = {
        "graph_norms": "torch_geometric",
        "flax_fast_variance": "flax",
        "squares_before_widening": "timm",
        "one_item_leaves_nan": "sb3_contrib",
    }.get(program.stem)
    if needs is not None and absent(needs):
        pytest.skip(f"{needs} of the extra wild is absent")
    path = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(HERE), os.environ.get("PYTHONPATH", ""))),
    }
    subprocess.run([sys.executable, str(program)], check=True, env=path)
