"""`robustness`: imbalanced targets, a shift between context and targets, spoilt context items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tnverify.analyses.figures import lines
from tnverify.analyses.figures.looks import name_of, titled
from tnverify.analyses.programs import estimates, frames, setups, tables
from tnverify.analyses.programs.program import Found, Program
from tnverify.analyses.report import Cell, Content, Gallery, Section, Statement, Table, paragraphs

if TYPE_CHECKING:
    import pandas as pd

    from tnverify.analyses.programs.request import Request
    from tnverify.analyses.statistics import Estimate

SCHEMES = (
    "tasknorm_i", "tasknorm_l", "meta_bn", "reptile_norm", "transductive_bn", "conventional_bn",
    "instance_norm",
)  # fmt: skip

IMBALANCE = (1.0, 3.0, 10.0)
SHIFT = (0.0, 0.25, 0.5, 1.0)
SPOILT = (0.0, 0.1, 0.2, 0.4)

DAMAGES = {
    "imbalance": (
        "Imbalanced targets", "most frequent class over the rarest, log scale", IMBALANCE,
        ("Only how many targets each class has differs; the context is balanced. A scheme whose "
        "targets read one another may change, the others only by which targets are left."),
    ),
    "shift": (
        "Style shift between context and targets", "strength of the shift (1: as in training)",
        SHIFT,
        ("Context and targets each have a style of their own (gain, offset, inversion, noise), of "
        "growing strength; at 0 neither has any."),
    ),
    "spoilt": (
        "Spoilt context items", "share of context items that are noise", SPOILT,
        "That share of the context is replaced by uniform noise under its old label.",
    ),
}  # fmt: skip
"""Of each damage: title, axis, levels, and what is done."""

SHORT = {"imbalance": "imbalanced targets", "shift": "style shift", "spoilt": "spoilt context"}
"""What figures call them."""


def damage_cells(request: Request, setup: setups.Setup) -> list[setups.Configuration]:
    """A test cell for each level of each damage."""
    own = setup.called(request.kind)
    sets = setups.data_sets(request.data)
    only: dict[str, Any] = {"dataset": sets[0]} if sets else {}

    def one(damage: str, level: float, **changed: Any) -> setups.Configuration:
        return setups.cell(request, setup, f"{own} {damage} {level:g}", **changed, **only)

    return [
        *(one("imbalance", level, imbalance=level) for level in IMBALANCE),
        *(
            one("shift", level, style={"shared": "set", "strength": level} if level else "none")
            for level in SHIFT
        ),
        *(
            one("spoilt", level, corruption={"kind": "noise", "share": level} if level else None)
            for level in SPOILT
        ),
    ]


def plan(request: Request) -> list[setups.Configuration]:
    """Two learners at 5-way 5-shot, tested on damaged tasks alone."""
    made = []
    for learner in request.learning(("protonets", "maml")):
        if learner == "cnaps":
            continue  # damages are of a fixed shot, so that a share of it means the same in each
        setup = setups.fixed(learner, 5, 5)
        made += setups.runs(
            request, setup, request.chosen(SCHEMES), request.all_seeds(),
            test=damage_cells(request, setup),
        )  # fmt: skip
    return setups.once(made)


def content(found: Found) -> Content:
    """Accuracy against each damage, and what is lost."""
    tests = frames.tests(found.records)
    if len(tests):
        parts = tests["configuration"].str.extract(r" (imbalance|shift|spoilt) ([\d.]+)$")
        tests = tests.assign(damage=parts[0], level=parts[1].astype(float))
        tests = tests[tests["damage"].notna()]
    cells = estimates.cells(tests, found.resamples)
    if cells.empty:
        return Content((Statement("No run has a record yet.", tone="unsure"),), ())
    parts = cells["configuration"].str.extract(r" (imbalance|shift|spoilt) ([\d.]+)$")
    cells = cells.assign(damage=parts[0], level=parts[1].astype(float))
    statements, sections = [], []
    for damage, (title, label, _, what) in DAMAGES.items():
        shown: list[Any] = []
        pictures = []
        for learner, rows in cells[cells["damage"] == damage].groupby("learner", sort=False):
            words = f"{titled(learner)}: {SHORT[damage]}"
            pictures.append(
                lines.against_levels(
                    rows, "level", words, f"robustness-{damage}-{learner}", label=label,
                    caption="95 % intervals; points are set a little apart.",
                    logarithmic=damage == "imbalance",
                )
            )  # fmt: skip
            mine = tests[(tests["learner"] == learner) & (tests["damage"] == damage)]
            table, said = _table(rows, mine, words, found.resamples)
            shown.append(table)
            statements += said
        if pictures:
            sections.append(Section(title, (Gallery(tuple(pictures)), *shown), what))
    return Content(tuple(statements), tuple(sections), METHODS, {"accuracy_by_damage": cells})


METHODS = paragraphs(
    """
    Models are trained on undamaged tasks, in the style that stands at the top; the damage is of
    test tasks alone. Tasks of all levels have the same classes and images.
    """
)


def _table(
    cells: pd.DataFrame, tests: pd.DataFrame, words: str, resamples: int
) -> tuple[Table, list[Statement]]:
    levels = sorted(cells["level"].unique())
    schemes = list(dict.fromkeys(cells["scheme"]))
    rows: list[tuple[Cell | str, ...]] = []
    lost: dict[str, Estimate] = {}
    for scheme in schemes:
        mine = cells[cells["scheme"] == scheme].set_index("level")
        values: list[Cell | str] = [
            Cell(f"{mine.loc[v, 'mean']:.1f}", tables.plus_minus(mine.loc[v, "half_width"]))
            if v in mine.index else Cell("–", tone="quiet")
            for v in levels
        ]  # fmt: skip
        own = tests[tests["scheme"] == scheme]
        fall = estimates.difference(own, [levels[-1]], [levels[0]], ["level"], resamples)
        if fall is not None:
            lost[scheme] = fall.widest
        text = tables.interval(lost[scheme]) if scheme in lost else "–"
        rows.append((name_of(scheme), *values, text))
    table = Table(
        title=f"{words}, accuracy, %",
        columns=("scheme", *(f"{v:g}" for v in levels), "last less first"),
        rows=tuple(rows),
        swatches=tuple(schemes),
        note=f"{tables.behind(cells)}; half-widths {tables.levels_words(cells)}."
        + tables.unknown_words(cells),
    )
    said = []
    if lost:
        worst = min(lost, key=lambda s: lost[s].value)
        least = max(lost, key=lambda s: lost[s].value)
        said.append(
            Statement(
                f"{words}: from the first level to the last "
                f"{name_of(worst)} comes off worst, {tables.interval(lost[worst])} points; "
                f"{name_of(least)} best, {tables.interval(lost[least])}.",
                tables.signed(lost[worst].value),
                "bad" if lost[worst].high < 0 else "unsure",
            )
        )
    return table, said


PROGRAM = Program(
    "robustness", "Robustness",
    "What do imbalanced targets, shifted styles and spoilt context items do to each scheme?", plan,
    content,
)  # fmt: skip
