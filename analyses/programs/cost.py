"""`cost`: time and memory of each norm inside a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from tnverify.analyses.figures import bars
from tnverify.analyses.figures.looks import name_of, place_of
from tnverify.analyses.programs import setups
from tnverify.analyses.programs.program import Found, Program
from tnverify.analyses.report import Content, Gallery, Section, Statement, Table, paragraphs

if TYPE_CHECKING:
    from tnverify.analyses.programs.request import Request

AGAINST = "transductive_bn"
"""Everything is a ratio to the scheme that costs what batch normalisation always did."""

_ROUNDS = {"smoke": 3, "quick": 40, "standard": 200}
_NETWORKS = {
    "smoke": (("conv4", 16, (1, 28, 28)),),
    "quick": (("conv4", 64, (1, 28, 28)), ("resnet18", 16, (3, 84, 84))),
    "standard": (("conv4", 64, (1, 28, 28)), ("conv4", 32, (3, 84, 84)),
                 ("resnet18", 64, (3, 84, 84))),
}  # fmt: skip


def plan(request: Request) -> list[setups.Configuration]:
    """One measurement a network: 5-way 5-shot with 50 targets."""
    schemes = request.chosen(setups.EVERY_SCHEME)
    if AGAINST not in schemes:
        schemes = (*schemes, AGAINST)
    return [
        {
            "analysis": "cost", "schemes": list(schemes), "seed": request.seed,
            "device": request.device, "network": {"kind": kind, "width": width},
            "images": list(images), "context": 25, "targets": 50,
            "rounds": _ROUNDS[request.size.name],
        }
        for kind, width, images in _NETWORKS[request.size.name]
    ]  # fmt: skip


def content(found: Found) -> Content:
    """Ratios to transductive batch normalisation, network by network."""
    statements, sections, every = [], [], []
    for record in found.records:
        arrays = record.columns()
        if "times/scheme" not in arrays:
            continue
        network, images = record.configuration["network"], record.configuration["images"]
        words = f"{network['kind']}-{network['width']}, {images[1]} × {images[2]} pixels"
        rows = _ratios(arrays)
        every.append(rows.assign(network=words))
        said, section = _section(rows, words, record.configuration)
        statements.append(said)
        sections.append(section)
    if not every:
        return Content((Statement("Nothing was timed yet.", tone="unsure"),), ())
    return Content(tuple(statements), tuple(sections), METHODS, {"cost": pd.concat(every)})


METHODS = paragraphs(
    """
    A step is a training step of the network on one task: the context conditioned, targets
    normalised, gradients of all parameters. Testing is the same without gradients. Schemes are
    timed in turn within each round, on one thread, by the thread's own processor time; ratios are
    taken within rounds, so that a slow moment slows both sides.

    Memory is counted, not sampled: the bytes that autograd keeps for the backward pass, and the
    most that is alive at once during a step.
    """
)


def _ratios(arrays: Any) -> pd.DataFrame:
    times = pd.DataFrame({k: arrays[f"times/{k}"] for k in ("scheme", "round", "step", "test")})
    memory = pd.DataFrame(
        {k: arrays[f"memory/{k}"] for k in ("scheme", "kept", "peak", "operations")}
    ).set_index("scheme")
    rows = []
    for scheme in sorted(set(times["scheme"]), key=place_of):
        row: dict[str, Any] = {"scheme": scheme}
        for column in ("step", "test"):
            wide = times.pivot(index="round", columns="scheme", values=column)
            ratios = (wide[scheme] / wide[AGAINST]).to_numpy()
            low, middle, high = (float(v) for v in pd.Series(ratios).quantile([0.25, 0.5, 0.75]))
            row |= {column: middle, f"{column}_low": low, f"{column}_high": high}
            row[f"{column}_ms"] = 1000 * float(wide[scheme].median())
        for column in ("kept", "peak"):
            row[column] = float(memory.loc[scheme, column] / memory.loc[AGAINST, column])
            row[f"{column}_mib"] = float(memory.loc[scheme, column]) / 2**20
        row["operations"] = int(memory.loc[scheme, "operations"])
        rows.append(row)
    return pd.DataFrame(rows)


def _section(rows: pd.DataFrame, words: str, asked: Any) -> tuple[Statement, Section]:
    rounds, task = asked["rounds"], f"{asked['context']} context, {asked['targets']} target items"
    behind = (
        f"{asked['context']} + {asked['targets']} images, {rounds} rounds, seed {asked['seed']}"
    )
    pictures = tuple(
        bars.costs(
            rows, column, f"{title}: {words}", f"{column}-{words}",
            label=f"as a multiple of TBN's\n({behind})", caption=caption,
        )
        for column, title, caption in (
            ("step", "Time of a training step", "Medians and quartiles over rounds; dotted: TBN."),
            ("test", "Time of testing", "Medians and quartiles over rounds; dotted: TBN."),
            ("kept", "Memory kept for the backward pass", "Counted once; it does not vary."),
        )
    )  # fmt: skip
    table = Table(
        title=f"{words}: a step, and what it keeps",
        columns=("scheme", "step, ms", "× TBN", "testing, ms", "× TBN", "kept, MiB", "peak, MiB",
                 "operations"),
        rows=tuple(
            (
                name_of(r.scheme), f"{r.step_ms:.2f}", f"{r.step:.2f}", f"{r.test_ms:.2f}",
                f"{r.test:.2f}", f"{r.kept_mib:.1f}", f"{r.peak_mib:.1f}", f"{r.operations:,}",
            )
            for r in rows.itertuples()
        ),
        swatches=tuple(rows["scheme"]),
        note=f"On {asked['device']}, one thread; {task}; medians over {rounds} rounds.",
    )  # fmt: skip
    by = rows.set_index("scheme")
    if "tasknorm_i" in by.index:
        step = by.loc["tasknorm_i"]
        said = Statement(
            f"{words}: a training step with TaskNorm-I takes so many times what the transductive "
            f"scheme's takes (quartiles {step['step_low']:.2f} to {step['step_high']:.2f} over "
            f"{rounds} rounds), and keeps {step['kept']:.2f} times its memory.",
            f"{step['step']:.2f}×",
        )
    else:
        dearest = rows.loc[rows["step"].idxmax()]
        said = Statement(
            f"{words}: the dearest step, {name_of(dearest['scheme'])}.", f"{dearest['step']:.2f}×"
        )
    return said, Section(words, (Gallery(pictures), table))


PROGRAM = Program(
    "cost", "Cost", "What does each norm cost in time and memory, inside a network?", plan, content,
    runs="cost",
)  # fmt: skip
