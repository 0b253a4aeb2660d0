"""`python -m tnverify.bench layers`: what a layer costs, as ratios taken in one run.

Every subject is timed in turn with batch norm in training, the published formulation, group norm
and a measured memory bound: the fewest passes over the activation that the step needs, made as
separate copies.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
import torch

from tnverify.bench.subjects import REFERENCES, SHAPES, SUBJECTS, Shape, Subject
from tnverify.bench.timing import bytes_kept, counted, medians, pin_heap, replayed
from tnverify.norms import backend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_PASSES = {"forward": 3, "forward_backward": 8}
"""Passes over the activation that a step cannot do without: reading it for the moments, reading
and writing it for the outputs; then the gradient and it again, twice, and the result."""
_SECOND_ORDER = ("tasknorm_i", "tasknorm_l", "meta_bn", "tasknorm_i_target")
_FEW = ("tasknorm_i", "tasknorm_i_target", "tasknorm_l", "meta_bn")
"""What is timed unless all is asked for, on float32 alone."""
_COLUMNS: dict[tuple[str, str], str] = {
    ("forward", "batch_norm"): "f\n/bn",
    ("forward_backward", "batch_norm"): "f+b\n/bn",
    ("forward_backward", "published"): "f+b\n/publ",
    ("forward_backward", "bound"): "f+b\n/bound",
    ("second_order", "published"): "2nd\n/publ",
    ("kept", "activation"): "kept\n/act",
    ("peak", "activation"): "peak\n/act",
    ("operations", "one"): "ops\n",
}
"""What the terminal shows."""
_GOALS: dict[str, dict[tuple[str, str], float]] = {
    "large": {
        ("forward_backward", "batch_norm"): 0.75,
        ("forward_backward", "published"): 0.12,
        ("forward_backward", "bound"): 1.4,
        ("second_order", "published"): 0.25,
        ("kept", "activation"): 1.05,
        ("peak", "activation"): 2.1,
    },
    "small": {("forward_backward", "batch_norm"): 1.5},
    "channels_last": {
        ("forward_backward", "batch_norm"): 1.0,
        ("kept", "activation"): 1.05,
        ("peak", "activation"): 2.1,
    },
}
"""Targets on the CPU, by group of shapes."""
_LEGEND = (
    "f: forward; f+b: forward and backward; 2nd: a second-order step; bn: BatchNorm2d in training;"
    " publ: the published formulation; bound: the fewest passes, as copies; act: the bytes of one"
    " activation; ops: torch's operations, forward and backward. --json has more."
)


class Row(NamedTuple):
    """One ratio: `quantity` of `subject` over that of `against`, on one activation."""

    quantity: str
    subject: str
    against: str
    group: str
    shape: str
    device: str
    dtype: str
    value: float


class _Case(NamedTuple):
    """One activation to measure on."""

    shape: Shape
    device: torch.device
    dtype: torch.dtype

    def activation(self) -> Tensor:
        x = torch.randn(self.shape.size, device=self.device, dtype=torch.float32).to(self.dtype)
        if self.shape.group == "channels_last":
            x = x.to(memory_format=torch.channels_last)
        return x.requires_grad_()

    def row(self, quantity: str, subject: str, against: str, value: float) -> Row:
        return Row(
            quantity,
            subject,
            against,
            self.shape.group,
            self.shape.text,
            self.device.type,
            str(self.dtype).removeprefix("torch."),
            value,
        )


def _forward(subject: Subject, x: Tensor) -> Callable[[], None]:
    def step() -> None:
        with torch.no_grad():
            subject.call(x)

    return step


def _forward_backward(subject: Subject, x: Tensor) -> Callable[[], None]:
    grad = torch.randn_like(x)
    inputs = [x, *subject.parameters]

    def step() -> None:
        torch.autograd.grad(subject.call(x), inputs, grad, allow_unused=True)

    return step


def _second_order(subject: Subject, x: Tensor) -> Callable[[], None]:
    """A step of second-order MAML's kind: the gradient of a gradient's square."""
    grad = torch.randn_like(x)

    def step() -> None:
        (first,) = torch.autograd.grad(subject.call(x), [x], grad, create_graph=True)
        torch.autograd.grad(first.square().sum(), [x, *subject.parameters], allow_unused=True)

    return step


def _copies(x: Tensor, passes: int) -> Callable[[], None]:
    """`passes` passes over an activation, as copies of half as many (each reads and writes)."""
    source, target = x.detach().clone(), torch.empty_like(x.detach())
    whole, rest = divmod(passes, 2)

    def step() -> None:
        for _ in range(whole):
            target.copy_(source)
        if rest:
            target.fill_(0.0)  # a pass that only writes

    return step


def _measure(case: _Case, names: Sequence[str], budget: float) -> Iterator[Row]:
    x = case.activation()
    made = {
        name: (SUBJECTS | REFERENCES)[name](case.shape.size[1], case.device, case.dtype, case.shape)
        for name in (*names, *REFERENCES)
    }
    for quantity, step_of in (("forward", _forward), ("forward_backward", _forward_backward)):
        steps = {name: step_of(subject, x) for name, subject in made.items()}
        steps["bound"] = _copies(x, _PASSES[quantity])
        if case.device.type == "cuda" and case.shape.group == "small":
            # Launching such steps takes longer than they do, and training captures them.
            steps = {name: replayed(step) for name, step in steps.items()}
        times = medians(steps, case.device, budget=budget)
        for name in names:
            for against in (*REFERENCES, "bound"):
                yield case.row(quantity, name, against, times[name] / times[against])
        # How far the references are from the bound says which ratios to them can be had at all.
        for name in REFERENCES:
            yield case.row(quantity, name, "bound", times[name] / times["bound"])
    yield from _noise_free(case, made, names)
    nested = [name for name in names if name in _SECOND_ORDER]
    if nested and case.dtype is torch.float32:
        steps = {name: _second_order(made[name], x) for name in (*nested, "published")}
        times = medians(steps, case.device, budget=budget)
        for name in nested:
            yield case.row("second_order", name, "published", times[name] / times["published"])


def _noise_free(case: _Case, made: dict[str, Subject], names: Sequence[str]) -> Iterator[Row]:
    size = case.shape.size
    activation = math.prod(size) * case.dtype.itemsize
    for name in names:
        x = case.activation()
        kept = bytes_kept(made[name].call, x)
        yield case.row("kept", name, "activation", kept / activation)
        seen = counted(_forward_backward(made[name], x), case.device)
        yield case.row("peak", name, "activation", seen.peak / activation)
        yield case.row("operations", name, "one", float(seen.operations))
    for name in REFERENCES:
        seen = counted(_forward_backward(made[name], case.activation()), case.device)
        yield case.row("operations", name, "one", float(seen.operations))


def measure(
    names: Sequence[str],
    shapes: Sequence[Shape],
    *,
    device: str = "cpu",
    dtypes: Sequence[str] = ("float32",),
    budget: float = 0.5,
    on_case: Callable[[str], None] = lambda _text: None,
) -> list[Row]:
    """Rows for these subjects on these shapes; `budget` seconds are spent on each timing."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows: list[Row] = []
    for dtype in dtypes:
        for shape in shapes:
            on_case(f"{shape.group} {shape.text} {dtype}")
            case = _Case(shape, torch.device(device), _DTYPES[dtype])
            rows.extend(_measure(case, names, budget))
    return rows


def geometric_means(rows: Sequence[Row]) -> dict[tuple[str, str, str, str, str], float]:
    """By (group, dtype, subject, quantity, against)."""
    logs: dict[tuple[str, str, str, str, str], list[float]] = defaultdict(list)
    for row in rows:
        key = (row.group, row.dtype, row.subject, row.quantity, row.against)
        logs[key].append(math.log(row.value) if row.value else -math.inf)
    return {key: math.exp(sum(each) / len(each)) for key, each in logs.items()}


def _show(rows: Sequence[Row]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console()
    means = geometric_means(rows)
    console.print(f"torch {torch.__version__}; on the CPU layers compute by {backend()}")
    console.print(_LEGEND)
    for group, dtype in dict.fromkeys((group, dtype) for group, dtype, *_ in means):
        title = f"{group}, {dtype}: geometric means over shapes, targets in brackets"
        table = Table(
            title=title, title_justify="left", box=SIMPLE_HEAD, padding=0, show_edge=False
        )
        table.add_column("subject", no_wrap=True)
        for column, head in _COLUMNS.items():
            goal = _GOALS[group].get(column)
            shown = "" if goal is None else f"({goal:g})"
            table.add_column(f"{head}\n{shown}", justify="right", min_width=6)
        for subject in dict.fromkeys(s for g, d, s, *_ in means if (g, d) == (group, dtype)):
            cells = [means.get((group, dtype, subject, *column)) for column in _COLUMNS]
            table.add_row(subject, *("" if c is None else f"{c:.3g}" for c in cells))
        console.print(table)


@click.command()
@click.option("--device", default="cpu", show_default=True, type=click.Choice(["cpu", "cuda"]))
@click.option("--subject", "names", multiple=True, type=click.Choice(list(SUBJECTS)))
@click.option("--group", "groups", multiple=True, type=click.Choice(list(_GOALS)))
@click.option("--dtype", "dtypes", multiple=True, type=click.Choice(list(_DTYPES)))
@click.option("--full", is_flag=True, help="All subjects and dtypes, 0.5 seconds a timing.")
@click.option("--budget", type=float, help="Seconds for each timing, 0.1 if left out.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path))
def layers(
    device: str,
    names: tuple[str, ...],
    groups: tuple[str, ...],
    dtypes: tuple[str, ...],
    full: bool,
    budget: float | None,
    json_path: Path | None,
) -> None:
    """Time the reference layers against batch norm, the published formulation and copies."""
    if device == "cuda" and not torch.cuda.is_available():
        raise click.UsageError("--device cuda: torch finds no CUDA device on this machine")
    if device == "cpu":
        pin_heap()
    from rich.console import Console

    shapes = [shape for shape in SHAPES if not groups or shape.group in groups]
    rows = measure(
        names or (tuple(SUBJECTS) if full else _FEW),
        shapes,
        device=device,
        dtypes=dtypes or (tuple(_DTYPES) if full else ("float32",)),
        budget=budget or (0.5 if full else 0.1),
        on_case=Console(stderr=True, highlight=False).print,
    )
    if json_path is not None:
        listed = [row._asdict() for row in rows if row.against != "one"]
        json_path.write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    _show(rows)
