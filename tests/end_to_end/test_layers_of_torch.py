"""What `tnverify verify` says of torch's own layers, through the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from samples import each as sampled

if TYPE_CHECKING:
    from pathlib import Path

    from command_line import Terminal

pytestmark = pytest.mark.usefixtures("few_tasks")

LEAKS = (
    "a_target_ignores_the_other_targets,a_task_forgets_the_task_before,"
    "no_gradient_flows_between_targets,one_pixel_maps_are_finite"
)
"""Laws of which each layer below keeps some and breaks some."""

ALWAYS_BATCH = "torch.nn:BatchNorm2d(channels, track_running_stats=False)"


def verified(
    tnverify: Terminal, tmp_path: Path, *arguments: str
) -> tuple[int, dict[str, Any], str]:
    """Exit code, the JSON report of the one subject, and what was on the screen."""
    path = tmp_path / "report.json"
    ended = tnverify("verify", *arguments, "--profile", "quick", "--json", path)
    report: dict[str, Any] = json.loads(path.read_text())
    (subject,) = report["subjects"]
    return ended.code, subject, ended.out


@pytest.mark.parametrize(
    ("spec", "scheme", "reads"),
    sampled(
        [
            ("torch.nn:BatchNorm2d", "conventional_bn", ["itself", "past"]),
            ("torch.nn:InstanceNorm2d", "instance_norm", ["itself"]),
            ("torch.nn:GroupNorm(2, channels)", "group_norm", ["itself"]),
            ("torch.nn:LayerNorm([channels, *spatial])", "layer_norm", ["itself"]),
        ],
        2,
        rows=True,
    ),
)
def test_a_layer_that_is_what_it_claims_conforms(
    tnverify: Terminal, tmp_path: Path, spec: str, scheme: str, reads: list[str]
) -> None:
    code, subject, shown = verified(tnverify, tmp_path, spec, "--claims", scheme)
    assert (code, subject["verdict"]) == (0, "conforms")
    assert subject["claims"] == {"scheme": scheme, "modifiers": ["biased"], "inferred": False}
    assert subject["fingerprint"]["target_reads"] == reads
    assert subject["fingerprint"]["nearest_scheme"] == scheme
    assert "conforms" in shown


def test_trained_on_the_context_and_then_evaluated_is_no_scheme_and_leaks(
    tnverify: Terminal, tmp_path: Path
) -> None:
    """Running moments carry one meta-test task into the next."""
    code, subject, shown = verified(
        tnverify, tmp_path, "torch.nn:BatchNorm2d", "--adapter", "mode_flag", "--only", LEAKS
    )
    assert code == 1
    assert subject["claims"]["scheme"] == "inductive"
    assert subject["fingerprint"]["target_reads"] == ["itself", "context", "past"]
    assert subject["fingerprint"]["nearest_scheme"] is None
    failed = {p["name"] for p in subject["laws"] if p["outcome"] == "violated"}
    assert "a_task_forgets_the_task_before" in failed
    assert "no scheme" in shown
    assert "past tasks" in shown


@pytest.mark.parametrize(
    "arguments",
    [
        (ALWAYS_BATCH,),
        (ALWAYS_BATCH, "--claims", "meta_bn"),
        ("torch.nn:BatchNorm2d", "--adapter", "no_context"),
    ],
    ids=["claiming nothing", "claiming meta_bn", "always training"],
)
def test_batch_statistics_are_reported_as_transductive_with_a_readable_counterexample(
    tnverify: Terminal, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    code, subject, shown = verified(tnverify, tmp_path, *arguments, "--only", LEAKS)
    assert (code, subject["verdict"]) == (1, "violates")
    assert "other_targets" in subject["fingerprint"]["target_reads"]
    assert "other targets: transductive" in shown
    law = next(p for p in subject["laws"] if p["name"] == "a_target_ignores_the_other_targets")
    assert law["outcome"] == "violated"
    example = law["counterexample"]
    assert sum(str(example["context"]).count(c) for c in "0123456789") <= 8
    assert example["reproducer_verified"]
    assert "fails for 2 or more" in shown or "passes" in shown


def test_a_transductive_layer_that_says_so_conforms(tnverify: Terminal, tmp_path: Path) -> None:
    code, subject, _ = verified(tnverify, tmp_path, ALWAYS_BATCH, "--claims", "transductive_bn")
    assert (code, subject["verdict"]) == (0, "conforms")


def test_the_report_keeps_to_its_schema(tnverify: Terminal, tmp_path: Path) -> None:
    from importlib.resources import files

    schema = json.loads((files("tnverify.report") / "report.schema.json").read_text())
    path = tmp_path / "report.json"
    tnverify(
        "verify",
        ALWAYS_BATCH,
        "torch.nn:InstanceNorm2d",
        "no.such:Layer",
        "--profile",
        "quick",
        "--only",
        LEAKS,
        "--json",
        str(path),
    )
    report = json.loads(path.read_text())
    assert not list(Draft202012Validator(schema).iter_errors(report))
    assert [s["verdict"] for s in report["subjects"]] == ["violates", "conforms", "unusable"]
