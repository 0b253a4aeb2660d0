"""`accuracy`: which scheme learns best, by how much, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tnverify.analyses.figures import intervals, ranks
from tnverify.analyses.figures.drawing import counted
from tnverify.analyses.figures.looks import name_of, titled
from tnverify.analyses.programs import estimates, frames, setups, tables
from tnverify.analyses.programs.program import Found, Program
from tnverify.analyses.report import (
    Cell,
    Content,
    Gallery,
    Note,
    Section,
    Statement,
    Table,
    paragraphs,
)
from tnverify.analyses.statistics import (
    compare_family,
    critical_difference,
    friedman,
    samples_needed,
)

if TYPE_CHECKING:
    import pandas as pd

    from tnverify.analyses.programs.request import Request
    from tnverify.analyses.report.content import Tone

RIVAL = "tasknorm_i"
"""The scheme that all others are compared with."""


def trained_setups(request: Request, learners: tuple[str, ...]) -> list[setups.Setup]:
    """The trainings of `accuracy` and `training_efficiency`."""
    made = []
    for learner in learners:
        if learner != "cnaps":
            shots = ((5, 1), (5, 5), (20, 1), (20, 5)) if request.size.wide else ((5, 5),)
            made += [setups.fixed(learner, way, shot) for way, shot in shots]
        if learner == "cnaps" or (request.size.wide and learner == "protonets"):
            made.append(setups.varied(learner))
    return made


def plan(request: Request) -> list[setups.Configuration]:
    """Every scheme in every setup and seed, and raw pixels in each."""
    made = []
    for setup in trained_setups(request, request.learning(("protonets", "maml"))):
        schemes = request.chosen(setups.WITH_BASELINE)
        made += setups.runs(request, setup, schemes, request.all_seeds())
        made.append(setups.pixels(request, setup))
    return setups.once(made)


def content(found: Found) -> Content:
    """Intervals, ranks and paired differences for each learner."""
    tests = frames.tests(found.records)
    tests = tests[~tests["in_parts"].astype(bool) & tests["alpha"].isna()]
    cells = estimates.cells(tests, found.resamples)
    if cells.empty:
        return Content((Statement("No run has a record yet.", tone="unsure"),), ())
    pixels = cells[cells["learner"] == "pixels"].groupby("configuration")["mean"].mean().to_dict()
    cells = cells[cells["learner"] != "pixels"]
    statements, sections = [], []
    for (learner, tasks), rows in cells.groupby(["learner", "tasks"], sort=False):
        mine = tests[(tests["learner"] == learner) & (tests["tasks"] == tasks)]
        statements += _statements(rows, mine, learner, tasks, found.resamples)
        sections.append(_section(rows, mine, learner, tasks, pixels, found.resamples))
    return Content(tuple(statements), tuple(sections), METHODS, {"accuracy_cells": cells})


METHODS = paragraphs(
    """
    Test tasks are the same for every scheme and every seed, so schemes are compared task by task;
    training seeds share their start and their training tasks.

    Intervals over seeds and tasks resample both levels, with Student's correction for few seeds;
    one seed alone leaves training noise unknown.

    Average ranks follow Meta-Dataset's rule, as the paper's do: schemes whose difference lies
    within the root of the summed squared half-widths share a rank, half-widths being those over
    test tasks.
    """
)


def _section(
    cells: pd.DataFrame, tests: pd.DataFrame, learner: str, tasks: str,
    pixels: dict[str, float], resamples: int,
) -> Section:  # fmt: skip
    pictures = [
        intervals.accuracies(
            rows, f"{titled(learner)}: {name}", f"{learner}-{tasks}-{name}",
            pixels=pixels.get(name),
        )
        for name, rows in cells.groupby("configuration", sort=False)
    ]  # fmt: skip
    parts: list[Any] = [tables.accuracy_table(cells, learner, tasks), Gallery(tuple(pictures))]
    if pixels:
        shown = [f"{c} {pixels[c]:.1f} %" for c in dict.fromkeys(cells["configuration"]) if c in pixels]  # fmt: skip  # noqa: E501 - one thought
        parts.append(Note(f"Raw pixels, nearest class mean, no learning: {', '.join(shown)}."))
    parts += _ranked(cells, learner, tasks)
    parts += _paired(tests, cells, learner, resamples)
    return Section(
        tables.setting_words(learner, tasks), tuple(parts),
        "Each row a scheme, in the same colour and order everywhere.",
    )  # fmt: skip


def _ranked(cells: pd.DataFrame, learner: str, tasks: str) -> list[Any]:
    """The critical-difference diagram, and ranks beside the paper's."""
    scores, words = tables.grid(cells), tables.setting_words(learner, tasks)
    how_many = counted(int(cells["test_tasks"].min()), int(cells["seeds"].max()))
    pictures = []
    note = None
    if len(scores) > 1 and len(scores.columns) > 2:
        test = friedman(scores.to_numpy())
        pictures.append(
            ranks.rank_diagram(
                list(scores.columns), test.mean_ranks,
                critical_difference(len(scores.columns), len(scores)),
                f"{titled(learner)}: mean ranks", f"{learner}-{tasks}",
                cells=len(scores), counted=how_many,
            )
        )  # fmt: skip
        note = Note(
            f"{words}: Friedman's test over {len(scores)} test cells gives p = {test.p_value:.3g} "
            f"(Iman and Davenport's form {test.f_p_value:.3g}). The cells share trained models, so "
            "they are no independent data sets: read it as a description."
        )
    paper, source = tables.paper_ranks(learner, tasks)
    here = tables.ranks_here(cells)
    if paper and len(here) > 1:
        pictures.append(
            ranks.beside_paper(
                here, paper, f"{titled(learner)}: ranks, here and paper",
                f"{learner}-{tasks}", source, how_many,
            )
        )  # fmt: skip
    made: list[Any] = [Gallery(tuple(pictures))] if pictures else []
    return [*made, note] if note else made


def _paired(
    tests: pd.DataFrame, cells: pd.DataFrame, learner: str, resamples: int
) -> list[Any]:  # fmt: skip
    """Every scheme against TaskNorm-I on the first configuration's tasks."""
    own = cells["configuration"].iloc[0]
    rows = tests[tests["configuration"] == own]
    schemes = [s for s in dict.fromkeys(cells["scheme"]) if s != RIVAL]
    if RIVAL not in set(rows["scheme"]) or not schemes:
        return []
    per_task = rows.groupby(["scheme", "task"])["accuracy"].mean().unstack("task").dropna(axis=1)
    present = [s for s in schemes if s in per_task.index]
    values = {s: per_task.loc[s].to_numpy(dtype=np.float64) for s in (RIVAL, *present)}
    family = compare_family(
        values, np.random.default_rng(0), pairs=[(s, RIVAL) for s in present], resamples=resamples
    )
    shown = []
    for member in family:
        both = estimates.difference(rows, [member.first], [RIVAL], ["scheme"], resamples)
        if both is None:
            continue
        spread = values[member.first] - values[RIVAL]
        deviation = float(spread.std(ddof=1))
        needed = f"{samples_needed(1.0, deviation):,}" if deviation > 0 else "–"
        wide = both.widest
        tone: Tone = "" if not wide.excludes(0.0) else "good" if wide.value > 0 else "bad"
        shown.append(
            (
                name_of(member.first),
                Cell(tables.signed(both.mean, 2), tone=tone),
                f"{tables.signed(wide.low, 2)} to {tables.signed(wide.high, 2)}",
                f"{member.comparison.wins} / {member.comparison.ties} / {member.comparison.losses}",
                f"{member.adjusted_p_value:.2g}",
                needed,
            )
        )
    return [
        Table(
            title=f"{titled(learner)} on {own}: points above TaskNorm-I, on "
            "identical tasks",
            columns=("scheme", "difference", "95 % interval", "wins / ties / losses",
                     "p (Wilcoxon, Holm)", "tasks to see 1 point"),
            rows=tuple(shown),
            swatches=tuple(m.first for m in family),
            note=f"{tables.behind(cells[cells['configuration'] == own])}. The interval is "
            f"{tables.levels_words(cells)}; wins, p and the last column (power 0.8) take the mean "
            "over seeds of each task, so they speak of these trained models.",
        )
    ]  # fmt: skip


def _statements(
    cells: pd.DataFrame, tests: pd.DataFrame, learner: str, tasks: str, resamples: int
) -> list[Statement]:
    words = tables.setting_words(learner, tasks)
    here = tables.ranks_here(cells)
    own = cells["configuration"].iloc[0]
    rows = tests[tests["configuration"] == own]
    made = []
    if len(here) > 1:
        best = min(here, key=lambda s: here[s])
        tail = f"; TaskNorm-I {here[RIVAL]:.2f}" if best != RIVAL and RIVAL in here else ""
        made.append(
            Statement(
                f"{words}: {name_of(best)} has the best average rank over "
                f"{cells['configuration'].nunique()} test cells ({here[best]:.2f} of "
                f"{len(here)}{tail}).",
                name_of(best),
            )
        )
    both = estimates.difference(rows, [RIVAL], ["transductive_bn"], ["scheme"], resamples)
    if both is not None:
        sure = both.widest.excludes(0.0)
        made.append(
            Statement(
                f"{words}: points by which TaskNorm-I lies above the transductive "
                f"scheme on {own} with all targets at once, {tables.interval(both.widest)}"
                f"{'' if sure else '; undecided'}.",
                tables.signed(both.mean),
                ("good" if both.mean > 0 else "bad") if sure else "unsure",
            )
        )
    return made


PROGRAM = Program(
    "accuracy", "Accuracy", "Which scheme learns best, by how much, and how sure is that?", plan,
    content,
)  # fmt: skip
