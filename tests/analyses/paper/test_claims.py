"""The paper's claims, judged by the paper's own figures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tnverify.analyses.paper import (
    BASELINE,
    CLAIMS,
    Arm,
    Claim,
    PrintedEvidence,
    Setting,
    as_json,
    grid,
    judge,
)
from tnverify.analyses.paper.claims import NON_TRANSDUCTIVE
from tnverify.contract import SCHEMES

if TYPE_CHECKING:
    from collections.abc import Iterator

EVIDENCE = PrintedEvidence()
NUMBERED = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: str(claim.number))
TABLE_OF = {"maml": "table1_maml", "cnaps": "table2_cnaps_meta_dataset",
            "protonets": "table3_protonets_meta_dataset"}  # fmt: skip


def test_there_are_eighteen_claims() -> None:
    assert [claim.number for claim in CLAIMS] == list(range(1, 19))


@NUMBERED
def test_a_claim_holds_of_the_papers_own_figures(claim: Claim) -> None:
    verdict = judge(claim, EVIDENCE)
    assert {f.text: f.outcome for f in verdict.findings if f.outcome != "not measured"}
    assert verdict.outcome == "reproduced"
    # What the paper shows in prose or one column alone: claims 3 and 17.
    assert verdict.in_part == (claim.number in {3, 17})


@NUMBERED
def test_a_claim_can_be_read_by_people_and_by_programs(claim: Claim) -> None:
    assert claim.statement.endswith(".")
    assert claim.source
    assert claim.requirements
    for requirement in claim.requirements:
        data = json.loads(json.dumps(as_json(requirement)))
        assert data["kind"] == type(requirement).__name__
        schemes = set(schemes_in(data))
        assert schemes or data["kind"] == "AlphaRises"
        assert schemes <= {*SCHEMES, BASELINE}
        assert str(requirement)


def schemes_in(data: object) -> Iterator[str]:
    """Every scheme that a requirement names, wherever in it."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key == "scheme":
                yield value
            yield from (value if key == "schemes" else schemes_in(value))
    elif isinstance(data, list):
        for value in data:
            yield from schemes_in(value)


def test_non_transductive_schemes_are_those_of_the_catalogue() -> None:
    named = {name for name in NON_TRANSDUCTIVE if name != BASELINE}
    assert all("other_targets" not in SCHEMES[name].target_reads for name in named)
    assert "transductive_bn" not in NON_TRANSDUCTIVE


def wins_and_ties(learner: str, first: str, second: str) -> tuple[int, int, int]:
    """On how many configurations the first is significantly above, tied with, below."""
    accuracies, half_widths = grid(TABLE_OF[learner])
    gaps = accuracies[first] - accuracies[second]
    bounds = np.hypot(half_widths[first], half_widths[second])
    return (
        int((gaps > bounds).sum()),
        int((gaps.abs() <= bounds).sum()),
        int((gaps < -bounds).sum()),
    )


@pytest.mark.parametrize(
    ("learner", "first", "second", "counts"),
    [
        ("maml", "TaskNorm-I", "MetaBN", (2, 4, 0)),  # claim 6
        ("maml", "TBN", "RN", (5, 1, 0)),  # claim 5
        ("cnaps", "TaskNorm-I", "TBN", (6, 7, 0)),  # claim 9
        ("protonets", "TaskNorm-I", "TBN", (8, 5, 0)),  # claim 9
    ],
)
def test_the_counts_of_the_caveats(
    learner: str, first: str, second: str, counts: tuple[int, int, int]
) -> None:
    assert wins_and_ties(learner, first, second) == counts


def test_tasknorm_i_is_in_the_first_group_of_10_and_10_data_sets() -> None:
    (tenth,) = [claim for claim in CLAIMS if claim.number == 10]
    texts = [finding.text for finding in judge(tenth, EVIDENCE).findings]
    assert texts == ["in the first group on 10 of 13 configurations"] * 2


def test_printed_evidence_compares_what_was_printed_side_by_side() -> None:
    tasknorm, tbn = Arm("tasknorm_i"), Arm("transductive_bn")
    main = EVIDENCE.cells(Setting("cnaps", "varied"), [tasknorm, tbn])
    batched = EVIDENCE.cells(Setting("cnaps", "varied"), [tasknorm, Arm("tasknorm_i", "item")])
    assert main is not None
    assert batched is not None
    at = main.configurations.index("Fungi")
    # Table D.2 has an earlier run of TaskNorm-I than table 2.
    assert (main.means[at, 0], batched.means[at, 0]) == (48.7, 50.6)


def test_the_mean_over_configurations_has_the_interval_of_independent_means() -> None:
    found = EVIDENCE.differences(Setting("maml", "fixed"), [Arm("tasknorm_i")], [Arm("meta_bn")])
    assert found is not None
    _, half_widths = grid("table1_maml")
    assert found.mean.value == pytest.approx(80.07 - 79.35, abs=0.01)
    squares = (half_widths[["TaskNorm-I", "MetaBN"]] ** 2).to_numpy().sum()
    assert found.mean.half_width == pytest.approx(np.sqrt(squares) / 6)
    assert found.each["Omniglot-5-1"].value == pytest.approx(94.4 - 91.8)
    assert found.each["Omniglot-5-1"].half_width == pytest.approx(np.hypot(0.8, 0.9))


def test_what_the_paper_does_not_have_is_not_measured() -> None:
    nowhere = Setting("maml", "varied")
    tbn = Arm("transductive_bn")
    assert EVIDENCE.cells(nowhere, [tbn]) is None
    assert EVIDENCE.differences(nowhere, [tbn], [tbn]) is None
    assert EVIDENCE.chances(Setting("cnaps", "varied")) is None
    assert EVIDENCE.alphas(Setting("maml", "fixed")) is None
    assert EVIDENCE.same_for_every_batching(Setting("maml", "fixed"), "tasknorm_i") is None
    assert EVIDENCE.same_for_every_batching(Setting("maml", "fixed"), "transductive_bn") is False


def test_chance_is_one_of_the_ways() -> None:
    chances = EVIDENCE.chances(Setting("maml", "fixed"))
    assert chances is not None
    assert chances["Omniglot-20-5"] == 5.0
    assert chances["miniImageNet-5-1"] == 20.0
