"""`alpha_curves`: the weight that trained TaskNorms give the context, against its size (fig. 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tnverify.analyses.figures import lines
from tnverify.analyses.figures.looks import name_of, titled
from tnverify.analyses.paper import learned_alpha
from tnverify.analyses.programs import frames, setups
from tnverify.analyses.programs.program import Found, Program
from tnverify.analyses.report import Cell, Content, Gallery, Section, Statement, Table, paragraphs

if TYPE_CHECKING:
    import pandas as pd

    from tnverify.analyses.programs.request import Request

SCHEMES = ("tasknorm_i", "tasknorm_l")
SIZES = (1, 5, 10, 25, 50)
"""Context sizes of the table, as far as they were read off the layers."""


def plan(request: Request) -> list[setups.Configuration]:
    """Both TaskNorms with an alpha that is a function of the context's size."""
    made = []
    for learner in request.learning(("cnaps", "protonets")):
        if learner != "maml":
            schemes = request.chosen(SCHEMES)
            made += setups.runs(request, setups.varied(learner), schemes, request.all_seeds())
    return setups.once(made)


def content(found: Found) -> Content:
    """A curve a layer, beside the paper's digitised figure 3."""
    learned = frames.alphas(found.records)
    if len(learned):
        learned = learned[learned["tasks"] == "varied"].rename(
            columns={"alpha": "form", "alpha_learned": "alpha"}
        )
        learned = learned[learned["form"].isna() & learned["scheme"].isin(SCHEMES)]
    if learned.empty:
        return Content(
            (Statement("No TaskNorm was trained with varied tasks yet.", "", "unsure"),), ()
        )
    paper = learned_alpha()
    statements, sections = [], []
    shown = learned[learned["part"] == "backbone"]  # the paper's figure has no set encoder
    for (learner, scheme), rows in shown.groupby(["learner", "scheme"], sort=False):
        words = f"{titled(learner)}, {name_of(scheme)}"
        beside = paper if scheme == "tasknorm_i" else None
        picture = lines.alpha_curves(
            rows, beside, words, f"{learner}-{scheme}", seeds=int(rows["seed"].nunique())
        )
        sections.append(Section(words, (Gallery((picture,)), _table(rows, beside, words))))
        statements.append(_statement(rows, words))
    return Content(tuple(statements), tuple(sections), METHODS, {"learned_alpha": learned})


METHODS = paragraphs(
    """
    Alpha is sigmoid(scale × items + offset), read off each layer after training; it starts at 0.5
    for every size. Where each channel has its own, the curve is their mean.

    The paper's curves are of CNAPs over a ResNet-18 on Meta-Dataset, the first normalisation of
    each stage, read off its figure to about 0.003.
    """
)


def _statement(rows: pd.DataFrame, words: str) -> Statement:
    mean = rows.groupby(["place", "context_size"])["alpha"].mean().unstack("context_size")
    least, most = mean.columns.min(), mean.columns.max()
    rising = int((mean[most] > mean[least]).sum())
    late = mean.loc[:, [c for c in mean.columns if c >= 25]]
    reached = f"; from 25 items on it is at least {late.to_numpy().min():.2f}" if late.size else ""
    return Statement(
        f"{words}: layers whose alpha rises from {least} to {most} context items{reached}. "
        "The paper's four all rise, to 0.90 and more.",
        f"{rising} of {len(mean)}",
        "good" if rising == len(mean) else "unsure",
    )


def _table(rows: pd.DataFrame, paper: pd.DataFrame | None, words: str) -> Table:
    there = sorted(set(rows["context_size"]))
    sizes = [min(there, key=lambda s: abs(s - wanted)) for wanted in SIZES]
    sizes = list(dict.fromkeys(sizes))
    shown: list[tuple[Cell | str, ...]] = []
    for (_, layer), one in rows.groupby(["place", "layer"]):
        by_size = one.groupby("context_size")["alpha"].agg(["mean", "min", "max"])
        cells: list[Any] = []
        for size in sizes:
            mean, low, high = by_size.loc[size]
            cells.append(Cell(f"{mean:.3f}", f"{low:.3f} to {high:.3f}" if high > low else ""))
        shown.append((str(layer), *cells))
    if paper is not None:
        for layer, one in paper.groupby("layer"):
            at = one.set_index("context_size")["alpha"]
            cells = [Cell(f"{at[s]:.3f}", tone="quiet") if s in at.index else "–" for s in sizes]
            shown.append((f"paper, layer {layer}", *cells))
    return Table(
        title=f"{words}: learned alpha by the number of context items",
        columns=("layer", *(str(s) for s in sizes)),
        rows=tuple(shown),
        note=f"Means over {int(rows['seed'].nunique())} seeds, with the least and the most.",
    )


PROGRAM = Program(
    "alpha_curves", "Learned alpha",
    "How much do trained TaskNorms trust the context, and does that grow with its size?", plan,
    content,
)  # fmt: skip
