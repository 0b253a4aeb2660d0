"""`context_size`: accuracy against shot, trained and tested at each (the paper's figure 4a)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.analyses.figures import lines
from tnverify.analyses.figures.looks import name_of, titled
from tnverify.analyses.programs import estimates, frames, setups, tables
from tnverify.analyses.programs.program import Found, Program
from tnverify.analyses.report import Cell, Content, Gallery, Section, Statement, Table, paragraphs

if TYPE_CHECKING:
    import pandas as pd

    from tnverify.analyses.programs.request import Request

SCHEMES = ("tasknorm_i", "meta_bn", "reptile_norm", "transductive_bn", "instance_norm")
"""Those of the paper's figure, and the fixed alpha."""

WAY = 5


def plan(request: Request) -> list[setups.Configuration]:
    """A training for each shot."""
    made = []
    for learner in request.learning(("maml",)):
        if learner == "cnaps":
            continue  # its tasks vary in shot by themselves
        for shot in request.size.shots:
            setup = setups.fixed(learner, WAY, shot)
            made += setups.runs(request, setup, request.chosen(SCHEMES), request.all_seeds())
    return setups.once(made)


def content(found: Found) -> Content:
    """Accuracy against shot, and TaskNorm-I's lead over MetaBN at each."""
    tests = frames.tests(found.records)
    if len(tests):
        learners = tests["learner"] != "pixels"
        tests = tests[tests["own"].astype(bool) & tests["alpha"].isna() & learners]
    cells = estimates.cells(tests, found.resamples)
    if cells.empty or cells["shot"].nunique() < 2:
        return Content((Statement("Fewer than two shots have records yet.", tone="unsure"),), ())
    cells["shot"] = cells["shot"].astype(int)
    statements, sections = [], []
    for learner, rows in cells.groupby("learner", sort=False):
        words = f"{titled(learner)}, {found.request.kind}, {WAY}-way"
        picture = lines.against_levels(
            rows, "shot", words, f"context-size-{learner}",
            label="context items a class (shot), log scale",
            caption="Every point is a training at that shot, tested at it on the same targets; "
            "95 % intervals.",
            logarithmic=True,
        )  # fmt: skip
        mine = tests[tests["learner"] == learner]
        sections.append(Section(words, (Gallery((picture,)), _table(rows, words))))
        statements += _lead(mine, rows, words, found.resamples)
    return Content(tuple(statements), tuple(sections), METHODS, {"accuracy_by_shot": cells})


METHODS = paragraphs(
    """
    Each shot is trained by itself, as in the paper's figure 4a (MAML), whose curves could not be
    read off; targets of a task are the same at every shot, and a smaller context lies within a
    larger one.
    """
)


def _lead(tests: pd.DataFrame, cells: pd.DataFrame, words: str, resamples: int) -> list[Statement]:
    made = []
    shots = sorted(cells["shot"].unique())
    for shot in (shots[0], shots[-1]):
        rows = tests[tests["shot"] == shot]
        both = estimates.difference(rows, ["tasknorm_i"], ["meta_bn"], ["scheme"], resamples)
        if both is None:
            continue
        sure = both.widest.excludes(0.0)
        made.append(
            Statement(
                f"{words}: points by which TaskNorm-I lies above MetaBN at {shot} shot"
                f"{'' if shot == 1 else 's'}, {tables.interval(both.widest)}. The paper says that "
                "MetaBN falls behind where contexts are small.",
                tables.signed(both.mean),
                ("good" if both.mean > 0 else "bad") if sure else "unsure",
            )
        )
    return made


def _table(cells: pd.DataFrame, words: str) -> Table:
    shots, schemes = sorted(cells["shot"].unique()), list(dict.fromkeys(cells["scheme"]))
    rows = []
    for scheme in schemes:
        mine = cells[cells["scheme"] == scheme].set_index("shot")
        values: list[Cell | str] = [
            Cell(f"{mine.loc[s, 'mean']:.1f}", tables.plus_minus(mine.loc[s, "half_width"]))
            if s in mine.index else Cell("–", tone="quiet")
            for s in shots
        ]  # fmt: skip
        rows.append((name_of(scheme), *values))
    return Table(
        title=f"{words}: accuracy by shot, %",
        columns=("scheme", *(f"{s} shot{'' if s == 1 else 's'}" for s in shots)),
        rows=tuple(rows),
        swatches=tuple(schemes),
        note=f"{tables.behind(cells)}; half-widths {tables.levels_words(cells)}."
        + tables.unknown_words(cells),
    )


PROGRAM = Program(
    "context_size", "Context size",
    "How does accuracy grow with the context, and who suffers where it is small?", plan, content,
)  # fmt: skip
