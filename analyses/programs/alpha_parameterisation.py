"""`alpha_parameterisation`: forms of TaskNorm-I's alpha (the paper's tables E.3 and E.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.analyses.figures import bars
from tnverify.analyses.figures.looks import FORMS, titled
from tnverify.analyses.paper import PRINTED_AS, printed_average_ranks
from tnverify.analyses.programs import estimates, frames, setups, tables
from tnverify.analyses.programs.program import Found, Program
from tnverify.analyses.report import Cell, Content, Gallery, Section, Statement, Table, paragraphs
from tnverify.analyses.statistics import average_ranks

if TYPE_CHECKING:
    import pandas as pd

    from tnverify.analyses.programs.request import Request

SCHEME = "tasknorm_i"
DEFAULT = {"fixed": ("free", False), "varied": ("functional", False)}
"""The form that a TaskNorm takes by itself, as in the paper: a context of one size needs no
function of it."""

_PAPER = {"fixed": "tableE3_alpha_maml", "varied": "tableE4_alpha_cnaps"}


def forms_of(request: Request, setup: setups.Setup, seeds: range) -> list[setups.Configuration]:
    """A run for each form that a setup can tell apart, the default among them."""
    made = []
    for form in FORMS:
        if form[0] == "functional" and not setup.varied:
            continue  # with one size of context it is free alpha by another name
        if form == DEFAULT[setup.tasks]:
            made += setups.runs(request, setup, (SCHEME,), seeds)
        else:
            alpha, per_channel = form
            made += setups.runs(
                request, setup, (SCHEME,), seeds, alpha=alpha, per_channel=per_channel
            )
    return made


def plan(request: Request) -> list[setups.Configuration]:
    """MAML at fixed shots (free alone), CNAPs with varied ones (all four)."""
    made = []
    for learner in request.learning(("maml", "cnaps")):
        if learner == "cnaps":
            made += forms_of(request, setups.varied(learner), request.all_seeds())
            continue
        for shot in (1, 5):
            made += forms_of(request, setups.fixed(learner, 5, shot), request.all_seeds())
    return setups.once(made)


def named_forms(rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` of TaskNorm-I with their form spelt out where it was the default."""
    rows = rows[rows["scheme"] == SCHEME].copy()
    for tasks, (alpha, per_channel) in DEFAULT.items():
        unsaid = rows["alpha"].isna() & (rows["tasks"] == tasks)
        rows["alpha"] = rows["alpha"].astype(object).mask(unsaid, alpha)
        rows["per_channel"] = rows["per_channel"].astype(object).mask(unsaid, per_channel)
    return rows


def content(found: Found) -> Content:
    """Accuracy and average rank of each form, beside the paper's ranks."""
    tests = frames.tests(found.records)
    tests = named_forms(tests[~tests["in_parts"].astype(bool)]) if len(tests) else tests
    cells = estimates.cells(tests, found.resamples)
    if cells.empty:
        return Content((Statement("No run has a record yet.", tone="unsure"),), ())
    statements, sections = [], []
    for (learner, tasks), rows in cells.groupby(["learner", "tasks"], sort=False):
        words = tables.setting_words(learner, tasks)
        title = f"{titled(learner)}: forms of alpha"
        picture = bars.forms(rows, title, f"{learner}-{tasks}")
        shown, said = _table(rows, learner, tasks)
        sections.append(Section(words, (Gallery((picture,)), shown)))
        statements += said
    return Content(tuple(statements), tuple(sections), METHODS, {"forms_of_alpha": cells})


METHODS = paragraphs(
    """
    Functional: alpha is sigmoid(scale × items + offset). Free: one learned number, whatever the
    size. Shared: one for all channels of a layer; else one for each.

    With a fixed way and shot a function of the context's size has one value, so the two functional
    forms are not trained there.
    """
)


def _table(cells: pd.DataFrame, learner: str, tasks: str) -> tuple[Table, list[Statement]]:
    key = list(zip(cells["alpha"], cells["per_channel"].astype(bool), strict=True))
    cells = cells.assign(form=key)
    configurations = list(dict.fromkeys(cells["configuration"]))
    found = [form for form in FORMS if form in set(key)]
    grids = [
        cells.pivot_table(index="configuration", columns="form", values=v).dropna()
        for v in ("mean", "tasks_half_width")
    ]
    ranks = (
        dict(zip(grids[0].columns, average_ranks(*(g.to_numpy() for g in grids)), strict=True))
        if len(found) > 1 and len(grids[0]) else {}
    )  # fmt: skip
    printed = {
        (str(PRINTED_AS[name].alpha), PRINTED_AS[name].per_channel is True): rank
        for name, rank in printed_average_ranks(_PAPER[tasks]).items()
        if (learner, tasks) in (("maml", "fixed"), ("cnaps", "varied"))
    }
    number = "E.3" if tasks == "fixed" else "E.4"
    rows = []
    for form in found:
        mine = cells[cells["form"] == form].set_index("configuration")
        values = [
            Cell(f"{mine.loc[c, 'mean']:.1f}", tables.plus_minus(mine.loc[c, "half_width"]))
            if c in mine.index else Cell("–", tone="quiet")
            for c in configurations
        ]  # fmt: skip
        here = f"{ranks[form]:.2f}" if form in ranks else "–"
        beside = (f"{printed[form]:.2f}" if form in printed else "–",) if printed else ()
        rows.append((FORMS[form].name, *values, here, *beside))
    columns = ("form of alpha", *configurations, "average rank")
    shown = Table(
        title=f"{titled(learner)}: accuracy by the form of alpha, %",
        columns=(*columns, f"rank, paper table {number}") if printed else columns,
        rows=tuple(rows),
        note=f"{tables.behind(cells)}; half-widths {tables.levels_words(cells)}."
        + tables.unknown_words(cells),
    )
    said = []
    if len(ranks) > 1:
        best = min(ranks, key=lambda form: ranks[form])
        tail = ""
        if printed:
            theirs = min(printed, key=lambda form: printed[form])
            tail = f"; in the paper {FORMS[theirs].name} ({printed[theirs]:.2f})"
        means = grids[0].mean()
        said.append(
            Statement(
                f"{titled(learner)}: best average rank {ranks[best]:.2f} of "
                f"{len(ranks)} forms{tail}. From the best to the worst form it is "
                f"{means.max() - means.min():.1f} points on average.",
                FORMS[best].name,
            )
        )
    return shown, said


PROGRAM = Program(
    "alpha_parameterisation", "Forms of alpha",
    "Does alpha have to be a function of the context's size, and one for all channels?", plan,
    content,
)  # fmt: skip
