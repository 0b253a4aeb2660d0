"""`transduction`: what becomes of accuracy when targets come in parts (tables 1 and D.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from tnverify.analyses.figures import batching
from tnverify.analyses.figures.looks import BATCHINGS, name_of, titled
from tnverify.analyses.paper import table
from tnverify.analyses.programs import estimates, frames, setups, tables
from tnverify.analyses.programs.program import Found, Program
from tnverify.analyses.report import Cell, Content, Gallery, Section, Statement, Table, paragraphs

if TYPE_CHECKING:
    from tnverify.analyses.programs.request import Request

TRANSDUCTIVE = "transductive_bn"


def plan(request: Request) -> list[setups.Configuration]:
    """Every scheme of MAML at a fixed way and shot and of CNAPs at varied ones."""
    made = []
    for learner in request.learning(("maml", "cnaps")):
        setup = setups.varied(learner) if learner == "cnaps" else setups.fixed(learner, 5, 5)
        schemes = request.chosen(setups.WITH_BASELINE)
        made += setups.runs(request, setup, schemes, request.all_seeds())
    return setups.once(made)


def content(found: Found) -> Content:
    """Accuracy by the batching of targets, whether it differs task by task, and the paper's."""
    tests = frames.tests(found.records)
    tests = tests[tests["in_parts"].astype(bool) & tests["alpha"].isna()]
    cells = estimates.cells(tests, found.resamples)
    if cells.empty:
        return Content((Statement("No run has a record yet.", tone="unsure"),), ())
    statements, sections = [], []
    for (learner, tasks, name), rows in cells.groupby(
        ["learner", "tasks", "configuration"], sort=False
    ):
        mine = tests[(tests["learner"] == learner) & (tests["configuration"] == name)]
        same = _differing(mine)
        own = str(name).removesuffix(setups.IN_PARTS)
        words = f"{titled(learner)}: {own}"
        picture = batching.batchings(rows, words, f"{learner}-{tasks}-{own}")
        sections.append(
            Section(
                f"{tables.setting_words(learner, tasks)}: {own}",
                (Gallery((picture,)), _table(rows, same, words)),
                "A scheme whose targets read one another needs them all at once.",
            )
        )
        statements += _statements(rows, same, words)
    sections.append(_beside_paper(cells))
    return Content(
        tuple(statements), tuple(sections), METHODS, {"batching_cells": cells}
    )  # fmt: skip


METHODS = paragraphs(
    """
    The same trained model predicts the same targets of the same tasks three times: all at once,
    those of one class at a time, one alone at a time. Context is given whole in each.

    A scheme counts as untouched where every task's accuracy is exactly the same in all three.
    """
)


def _differing(tests: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Of each scheme, how many tasks came out differently in parts, and of how many."""
    made = {}
    for scheme, rows in tests.groupby("scheme"):
        wide = rows.drop_duplicates(["seed", "task", "target_batching"]).pivot(
            index=["seed", "task"], columns="target_batching", values="accuracy"
        )
        differs = (wide.sub(wide["all"], axis=0) != 0).any(axis=1)
        made[str(scheme)] = int(differs.sum()), len(wide)
    return made


def _table(cells: pd.DataFrame, same: dict[str, tuple[int, int]], words: str) -> Table:
    rows = []
    schemes = list(dict.fromkeys(cells["scheme"]))
    for scheme in schemes:
        mine = cells[cells["scheme"] == scheme].set_index("target_batching")
        row: list[Cell | str] = [name_of(scheme)]
        for way in BATCHINGS:
            one = mine.loc[way] if way in mine.index else None
            row.append(
                Cell("–", tone="quiet") if one is None
                else Cell(f"{one['mean']:.1f}", tables.plus_minus(one["half_width"]))
            )  # fmt: skip
        differing, of = same[scheme]
        row.append(Cell(f"{differing} of {of}", tone="bad" if differing else "good"))
        rows.append(tuple(row))
    return Table(
        title=f"{words}: accuracy by the batching of targets, %",
        columns=("scheme", *(look.name for look in BATCHINGS.values()), "tasks that differ"),
        rows=tuple(rows),
        swatches=tuple(schemes),
        note=f"{tables.behind(cells)}; half-widths {tables.levels_words(cells)}."
        + tables.unknown_words(cells),
    )


def _beside_paper(cells: pd.DataFrame) -> Section:
    here = _wide(cells[cells["scheme"] == TRANSDUCTIVE])
    paper = pd.concat(
        [table("table1_transduction_maml"), table("tableD2_transduction_cnaps")], ignore_index=True
    )
    paper = paper[paper["scheme"] == TRANSDUCTIVE].rename(columns={"accuracy": "mean"})
    theirs = _wide(paper.assign(test_tasks=600, seeds=1))
    picture = batching.falls(here, theirs, "tbn")
    return Section(
        "The transductive scheme beside the paper", (Gallery((picture,)),),
        "Filled marks are measured here, hollow ones are the paper's.",
    )  # fmt: skip


def _wide(cells: pd.DataFrame) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for (learner, name), one in cells.groupby(["learner", "configuration"], sort=False):
        means = one.drop_duplicates("target_batching").set_index("target_batching")["mean"]
        if set(BATCHINGS) <= set(means.index):
            own = str(name).removesuffix(setups.IN_PARTS)
            rows.append(
                {
                    "where": f"{titled(learner)}, {own}", "all": means["all"],
                    "by_class": means["class"], "by_item": means["item"],
                    "test_tasks": one["test_tasks"].min(), "seeds": one["seeds"].max(),
                }
            )  # fmt: skip
    columns = ["where", "all", "by_class", "by_item", "test_tasks", "seeds"]
    return pd.DataFrame(rows, columns=columns)


def _statements(
    cells: pd.DataFrame, same: dict[str, tuple[int, int]], words: str
) -> list[Statement]:
    made = []
    tbn = cells[cells["scheme"] == TRANSDUCTIVE].set_index("target_batching")["mean"]
    if set(BATCHINGS) <= set(tbn.index):
        lost = float(tbn["all"] - tbn["item"])
        made.append(
            Statement(
                f"{words}: points that the transductive scheme loses when targets come one at a "
                f"time ({tbn['all']:.1f} % to {tbn['item']:.1f} %; one class at a time "
                f"{tbn['class']:.1f} %). The paper's falls are 30 to 87 points.",
                tables.signed(-lost), "bad" if lost > 0 else "",
            )
        )  # fmt: skip
    others = {s: n for s, n in same.items() if s != TRANSDUCTIVE}
    untouched = [s for s, (differing, _) in others.items() if not differing]
    if others:
        differing = [name_of(s) for s in others if s not in untouched]
        tail = f"; not {tables.joined(differing)}" if differing else ""
        made.append(
            Statement(
                f"{words}: of the other schemes give every task exactly the same accuracy however "
                f"targets are batched{tail}.",
                f"{len(untouched)} of {len(others)}",
                "bad" if differing else "good",
            )
        )
    return made


PROGRAM = Program(
    "transduction", "Transduction",
    "What becomes of accuracy when targets come one class or one item at a time?", plan, content,
)  # fmt: skip
