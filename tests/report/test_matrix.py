"""The matrix of several layers: a cell per family, and columns that stand."""

from __future__ import annotations

from dataclasses import replace

import handmade
import pytest

from tnverify.contract.measured import Fingerprint
from tnverify.engine.results import LawVerdict, SubjectReport
from tnverify.report.matrix import family_codes, matrix_lines

SUBJECTS = (
    handmade.transductive(), handmade.conforming(), handmade.inconclusive(), handmade.unusable(),
)  # fmt: skip


def lines(width: int, *subjects: SubjectReport) -> list[str]:
    return [line.plain for line in matrix_lines(subjects or SUBJECTS, width)]


def rows(width: int, *subjects: SubjectReport) -> list[str]:
    """The head and all below it, without the legend."""
    text = lines(width, *subjects)
    return text[text.index("") + 1 :]


def cell_of(*verdicts: LawVerdict) -> str:
    """The only cell of a matrix of one layer with these verdicts on one family."""
    subject = replace(handmade.conforming("x"), laws=verdicts)
    return rows(100, subject)[1].split()[2]


def test_a_row_has_its_marks_its_verdict_and_whom_its_targets_read() -> None:
    text = rows(140)
    heads = "layer apart? tr ba bl mo st verdict they read"
    assert text[0].split() == heads.split()
    assert text[1].split()[2:] == [
        "no", "2", "1", "-", "-", "ok", "violates", "others",
    ]  # fmt: skip
    assert text[2].split()[1:] == ["yes", "ok", "ok", "-", "ok", "~", "conforms", "context"]
    assert text[4].split() == ["nowhere:Layer", "unusable"]


def test_the_legend_names_every_family_and_mark() -> None:
    text = lines(80)
    legend = " ".join(text[: text.index("")])
    for part in (
        "tr transductivity",
        "ba batch size",
        "ok holds",
        "w waived",
        "? inconclusive",
        "What a ~ stands for",
    ):
        assert part in legend


def test_each_outcome_has_its_mark() -> None:
    law = handmade.outputs_agree_with_the_formula
    should = handmade.a_conditioned_layer_can_be_copied
    held = LawVerdict(law, "held")
    assert cell_of(held) == "ok"
    assert cell_of(held, LawVerdict(law, "violated"), LawVerdict(law, "stale_waiver")) == "2"
    assert cell_of(LawVerdict(law, "broken"), LawVerdict(law, "inconclusive")) == "1"
    assert cell_of(held, LawVerdict(law, "inconclusive")) == "?"
    assert cell_of(held, LawVerdict(law, "waived")) == "w"
    assert cell_of(LawVerdict(law, "not_claimed")) == "-"
    assert cell_of(held, LawVerdict(law, "not_claimed")) == "ok"
    assert cell_of(LawVerdict(should, "held"), LawVerdict(should, "broken")) == "~"
    assert cell_of(LawVerdict(should, "held"), LawVerdict(should, "inconclusive")) == "ok"


@pytest.mark.parametrize("width", [80, 100, 140])
def test_columns_stand_under_their_heads(width: int) -> None:
    text = rows(width)
    verdict = text[0].index("verdict")
    marked = [line for line in text[1:] if len(line) > verdict]
    body = [line for line in marked if line[verdict:].startswith(("con", "vio", "inc", "unu"))]
    assert len(body) == len(SUBJECTS)
    assert max(map(len, text)) <= width


def test_a_spec_that_is_too_long_has_a_line_of_its_own() -> None:
    text = rows(80)
    assert text[1] == handmade.TBN
    assert text[2].startswith("  ")
    assert "violates" in text[2]


def test_no_two_families_share_a_code() -> None:
    families = ("state", "statistics", "stateless", "st", "context", "s")
    codes = family_codes(families)
    assert len(set(codes.values())) == len(families)
    assert all(len(code) == 2 for code in codes.values())
    assert codes["state"] == "st"


def test_transductive_layers_that_say_so_are_counted_apart() -> None:
    flow = Fingerprint(("itself", "other_targets"), ("itself", "context"))
    claimed = replace(
        handmade.conforming("x"), scheme="transductive_bn", fingerprint=flow, inferred=False
    )
    text = rows(140, handmade.conforming("y"), claimed, handmade.transductive())
    assert text[1].split()[1] == "yes"
    assert text[2].split()[1] == "no"
    assert text[2].endswith("others")
    assert "Of those that conform: 1 inductive, 1 transductive, as it claims." in text
    assert not any("Of those" in line for line in rows(140, handmade.conforming("y")))
    marked = list(matrix_lines([claimed, claimed], 140))
    assert not any("green" in str(span.style) for span in marked[1].spans if span.start > 100)
    assert "as they claim" in "".join(line.plain for line in marked)
