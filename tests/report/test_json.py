"""The JSON report: its form, its special numbers, and how it is written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import handmade
import jsonschema
import pytest

from tnverify.contract.measured import Fingerprint, Nearness
from tnverify.engine.results import LawVerdict
from tnverify.report.as_json import plain, report_dict, schema, to_json
from tnverify.report.forms import Destination, write
from tnverify.report.paths import OutputError, check_file, check_folder, write_atomically

ALL = handmade.run_of(
    handmade.transductive(), handmade.conforming(), handmade.inconclusive(), handmade.unusable()
)


def validate(report: object) -> None:
    jsonschema.validate(
        report, schema(), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


def test_every_verdict_and_outcome_has_the_form_of_the_schema() -> None:
    validate(json.loads(to_json(ALL)))


def test_a_report_of_another_form_is_noticed() -> None:
    report: Any = json.loads(to_json(ALL))
    report["subjects"][0]["laws"][0]["outcome"] = "passed"
    with pytest.raises(jsonschema.ValidationError, match="passed"):
        validate(report)


def test_nothing_is_written_that_the_schema_does_not_name() -> None:
    def check(value: object, described: dict[str, Any], where: str) -> None:
        if isinstance(value, dict) and "properties" in described:
            assert set(value) <= set(described["properties"]), where
            for key, entry in value.items():
                check(entry, described["properties"][key], f"{where}.{key}")
        elif isinstance(value, list) and "items" in described:
            for entry in value:
                check(entry, described["items"], where)

    check(report_dict(ALL), schema(), "report")


def test_numbers_that_json_lacks_are_strings() -> None:
    nested = {"a": [float("nan"), (float("inf"), -float("inf")), 1.5, None, True]}
    assert plain(nested) == {"a": ["NaN", ["Infinity", "-Infinity"], 1.5, None, True]}
    example = json.loads(to_json(ALL))["subjects"][0]["laws"][0]["counterexample"]
    assert example["target"] == [[[[0.0]]], [[["NaN"]]]]
    assert example["plan"]["scale"] == "Infinity"


@pytest.mark.parametrize("margin", [float("inf"), float("nan")])
def test_a_margin_beyond_all_bounds_stays_a_violation(margin: float) -> None:
    verdict = LawVerdict(handmade.outputs_agree_with_the_formula, "violated", margin=margin)
    subject = replace(handmade.conforming(), laws=(verdict,))
    report: Any = report_dict(handmade.run_of(subject))
    written = report["subjects"][0]["laws"][0]["margin"]
    assert written > 1
    json.dumps(written, allow_nan=False)


def test_the_same_results_give_the_same_text() -> None:
    assert to_json(ALL) == to_json(ALL)
    assert list(report_dict(ALL)) == [
        "schema_version", "tnverify_version", "command", "environment", "profile", "seed",
        "started_at", "seconds", "partial", "interrupted", "asleep", "catalogue", "subjects",
    ]  # fmt: skip


def test_writing_replaces_the_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("before")
    assert write(ALL, [Destination("json", path)]) == []
    assert json.loads(path.read_text()) == json.loads(to_json(ALL))
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("before")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\udc00")
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_atomically(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "text"


def test_paths_that_cannot_be_written_are_named_with_their_option(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"--json .*there is no folder"):
        check_file(tmp_path / "none" / "report.json", "--json")
    with pytest.raises(OutputError, match=r"--json .*it is a folder"):
        check_file(tmp_path, "--json")
    with pytest.raises(OutputError, match=r"--out .*Not a directory|File exists"):
        check_folder(tmp_path / "file" / "out", "--out")
    with pytest.raises(OutputError, match=r"--out .*"):
        check_folder(Path("/proc/nowhere"), "--out")


def test_checking_a_path_leaves_nothing_behind(tmp_path: Path) -> None:
    check_file(tmp_path / "report.json", "--json")
    check_folder(tmp_path / "a" / "b", "--out")
    assert list(tmp_path.iterdir()) == []


def test_what_a_verdict_stands_on_is_in_the_report() -> None:
    flow = Fingerprint(("itself",), ("itself",), None, ("past",), (), "took over 60 s")
    subject = replace(
        handmade.conforming(),
        scheme="inductive",
        cautions=("`mode` was left at its default",),
        fingerprint=flow,
        nearness=Nearness("tasknorm_i", 0.1, 3, 4),
    )
    run = replace(handmade.run_of(subject, handmade.transductive()), only=("moments",))
    report: Any = json.loads(to_json(run))
    validate(report)
    first, second = report["subjects"]
    assert report["partial"] == {"only": ["moments"], "skip": []}
    assert (first["conforms_as"], second["conforms_as"]) == ("no_scheme", None)
    assert first["cautions"] == ["`mode` was left at its default"]
    assert first["nearness"] == {
        "scheme": "tasknorm_i", "largest": 0.1, "differing": 3, "tasks": 4,
    }  # fmt: skip
    assert first["fingerprint"]["target_unmeasured"] == ["past"]
    assert first["laws"][0]["refused"] == 0
    assert second["causes"] == [
        {"title": None, "laws": list(handmade.transductive().causes[0].laws), "undecided": []}
    ]
