"""Reports read back: as they were, or one line that says what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import handmade
import pytest

from tnverify.contract.measured import Fingerprint, Nearness
from tnverify.engine.results import Asked, Cause, Effect, Flow
from tnverify.report.as_json import report_dict, to_json
from tnverify.report.reading import ReportError, from_json, read_report

if TYPE_CHECKING:
    from pathlib import Path

    from tnverify.engine.results import RunReport, SubjectReport

ALL = handmade.run_of(
    handmade.transductive(), handmade.conforming(), handmade.inconclusive(), handmade.unusable()
)


def full() -> SubjectReport:
    """A subject every field of which is filled."""
    subject = handmade.transductive()
    first, *others = subject.laws
    example = replace(handmade.COUNTEREXAMPLE, effect=0.5, standalone="print(1)\n")
    told = replace(
        first, effect=Effect(2.0, float("inf"), 12), cause="draws", refused=3, formula_seconds=0.5,
        seconds=1.0, counterexample=example,
    )  # fmt: skip
    return replace(
        subject,
        laws=(told, *others),
        adapter_given=True,
        evidence="it answers alike",
        asked=Asked(4, 5, 6, 7),
        flows=(
            Flow("itself", "target", "reads", "must"),
            Flow("past", "context", "not_measured", None),
        ),
        fingerprint=Fingerprint(("itself",), ("itself",), None, ("past",), (), "too slow"),
        nearness=Nearness("tasknorm_i", float("inf"), 1, 2),
        causes=(Cause(("a", "b"), "draws", ("c",)),),
        like_faults=("CountsTwice",),
        notes=("n",),
        cautions=("c", "d"),
        bug="/tmp/x",  # noqa: S108 - a name, no file
        seconds=2.5,
    )


@pytest.mark.parametrize(
    "run",
    [
        ALL,
        handmade.run_of(full()),
        handmade.run_of(),
        replace(ALL, interrupted=True, asleep=("moments",), only=("a",), skip=("b", "c")),
        handmade.run_of(
            replace(handmade.conforming("ünï\n<script>"), reason="\x00 \u2028 \udc00 'q'")
        ),
    ],
)
def test_what_is_written_is_read_back_as_it_was(run: RunReport) -> None:
    assert from_json(to_json(run)) == run
    assert to_json(from_json(to_json(run))) == to_json(run)


def test_a_margin_beyond_all_bounds_is_the_largest_number() -> None:
    run = handmade.run_of(handmade.transductive())
    assert run.subjects[0].laws[2].margin == 1.7976931348623157e308
    assert from_json(to_json(run)) == run


def test_laws_are_explained_once_however_many_subjects() -> None:
    report: Any = report_dict(handmade.run_of(handmade.conforming("a"), handmade.conforming("b")))
    law = handmade.outputs_agree_with_the_formula
    assert report["catalogue"][law.name]["statement"] == law.statement
    assert to_json(handmade.run_of(handmade.conforming("a"), handmade.conforming("b"))).count(
        law.statement
    ) == to_json(handmade.run_of(handmade.conforming("a"))).count(law.statement)


def test_a_report_of_another_version_says_which() -> None:
    old = json.dumps({"schema_version": 1, "subjects": []})
    with pytest.raises(ReportError, match=r"version 1, where this tnverify reads version 2: .*aga"):
        from_json(old)
    with pytest.raises(ReportError, match="version x"):
        from_json('{"schema_version": "x"}')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no JSON"),
        ("[1, 2]", "no report of tnverify"),
        ("null", "no report of tnverify"),
        ('{"a": 1}', "it has no schema_version"),
        ("[" * 100_000, "no report of tnverify|no JSON"),
    ],
)
def test_what_is_no_report_is_one_line(text: str, said: str) -> None:
    with pytest.raises(ReportError, match=said) as raised:
        from_json(text)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_report_cut_short_is_called_so(kept: float) -> None:
    whole = to_json(ALL)
    with pytest.raises(ReportError, match="was it cut short"):
        from_json(whole[: int(kept * len(whole))])


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("subjects",), {}, "subjects must be a list, not {}"),
        (("seed",), True, "seed must be a whole number, not True"),
        (("seed",), ..., "seed is missing"),
        (("subjects", 1, "laws", 0, "outcome"), "passed",
         r"subjects\[1\]\.laws\[0\]\.outcome is 'passed': known: held"),
        (("subjects", 0, "laws", 0, "name"), "gone", "catalogue.gone must be an object"),
        (("subjects", 0, "laws", 0), 3, r"subjects\[0\]\.laws\[0\] must be an object"),
        (("subjects", 0, "laws", 0, "counterexample", "boundary", 0, "failing"), [],
         r"boundary\[0\] names no size"),
        (("subjects", 0, "laws", 0, "counterexample", "boundary", 0, "failing"), ["x"],
         r"failing\[0\] must be a whole number"),
        (("subjects", 0, "notes"), [1], r"notes\[0\] must be a text"),
        (("subjects", 0, "seconds"), "long", "seconds must be a number, not 'long'"),
        (("environment",), None, "environment must be an object, not None"),
    ],
)  # fmt: skip
def test_a_damaged_report_says_where(path: tuple[Any, ...], value: object, said: str) -> None:
    report: Any = report_dict(ALL)
    inner = report
    for place in path[:-1]:
        inner = inner[place]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    with pytest.raises(ReportError, match=f"damaged: .*{said}") as raised:
        from_json(json.dumps(report))
    assert "\n" not in str(raised.value)


def test_a_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    with pytest.raises(ReportError, match=r"r\.json: No such file"):
        read_report(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ReportError, match=r"r\.json: it is no text in UTF-8"):
        read_report(path)
    path.write_text("{}")
    with pytest.raises(ReportError, match=r"r\.json: it is no report"):
        read_report(path)
    path.write_text(to_json(ALL), encoding="utf-8")
    assert read_report(path) == ALL
