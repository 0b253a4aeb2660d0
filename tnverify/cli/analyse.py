"""`tnverify analyse`: train, measure, and write a report of what a norm costs."""

from __future__ import annotations

import contextlib
import importlib.util
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tnverify.cli.errors import BAD_INPUT, INTERRUPTED, bad, complain, unknown
from tnverify.cli.options import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tnverify.analyses.programs.carrying_out import Written
    from tnverify.analyses.programs.request import Request

NEEDED = ("scipy", "matplotlib", "pandas", "PIL", "sklearn", "skimage", "joblib", "jinja2")
"""What the extra `analyses` brings, by the names that it is imported by."""

LEARNERS = ("protonets", "maml", "cnaps")


def check_extra() -> None:
    """Raise the one-line error of a missing extra, before anything heavy is imported."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise bad(
            f"analyses need {', '.join(missing)}, which is not installed:"
            " pip install '.[analyses]' in a clone"
        )


@click.command()
@click.argument("name", metavar="NAME")
@click.option("--smoke", "size", flag_value="smoke", help="Under a minute: does it run at all.")
@click.option(
    "--quick",
    "size",
    flag_value="quick",
    default="quick",
    help="About 15 minutes on two cores.  [default]",
)
@click.option(
    "--standard",
    "size",
    flag_value="standard",
    help="Five training seeds; --plan says how long it takes.",
)
@click.option(
    "--data",
    default="glyphs",
    show_default=True,
    metavar="KIND[:PATH]",
    help="glyphs, which need no download, omniglot:PATH, miniimagenet:PATH,"
    " meta-dataset:PATH or folder:PATH.",
)
@click.option(
    "--style",
    default="task",
    show_default=True,
    metavar="task|image|set|none",
    help="Who has one shift of gain, offset, sign and noise in common, in training and testing:"
    " the context and targets of a task, no two images, each set, or there is none.",
)
@click.option(
    "--schemes",
    multiple=True,
    callback=words,
    metavar="SCHEME,...",
    help="These schemes alone. Repeatable.",
)
@click.option(
    "--learner",
    "learners",
    multiple=True,
    callback=words,
    metavar="LEARNER,...",
    help="protonets, maml or cnaps; else those that the analysis is about. Repeatable.",
)
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    metavar="cpu|cuda",
    help="Where learners are trained.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("tnverify-analyses"),
    show_default=True,
    metavar="DIR",
    help="Where records and reports go. Runs that are there are not repeated, whichever"
    " analysis made them.",
)
@click.option(
    "--engine",
    default="local",
    show_default=True,
    metavar="local|dask:ADDRESS|ray:ADDRESS",
    help="What carries the runs out.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="The first training seed.",
)
@click.option(
    "--seeds",
    default=None,
    type=click.IntRange(min=1),
    metavar="N",
    help="How many training seeds; else the size's own number.",
)
@click.option(
    "--workers",
    default=None,
    type=click.IntRange(min=1),
    metavar="N",
    help="How many runs at once.  [default: one a processor]",
)
@click.option(
    "--logs",
    type=click.Path(path_type=Path),
    default=None,
    metavar="DIR",
    help="Write losses and validation accuracies there for TensorBoard while runs train; `cost`"
    " trains nothing.",
)
@click.option(
    "--plan",
    "plan_only",
    is_flag=True,
    help="Print how many runs it takes, about how long and how much disk, and train nothing.",
)
def command(
    name: str,
    *,
    plan_only: bool,
    size: str,
    data: str,
    style: str,
    schemes: tuple[str, ...],
    learners: tuple[str, ...],
    device: str,
    out: Path,
    engine: str,
    seed: int,
    seeds: int | None,
    workers: int | None,
    logs: Path | None,
) -> int:
    """Measure what a normalisation costs in accuracy and time, and write a report.

    NAME is accuracy, transduction, training_efficiency, alpha_curves, context_size,
    alpha_parameterisation, robustness, cost or claims (every claim of the paper, judged).

    Ctrl-C keeps what is done; the same command goes on from there. Ends with 0 where all runs
    are recorded, 3 where some failed.
    """  # fmt: skip
    check_extra()
    from tnverify.analyses.programs import NAMES, load

    if name not in NAMES:
        raise unknown("analysis", name, NAMES)
    for learner in learners:
        if learner not in LEARNERS:
            raise unknown("learner", learner, LEARNERS)
    _check_folder(out, "--out")
    if logs is not None:
        _check_logs(logs)
    kind, _, address = engine.partition(":")
    if engine != "local" and not (kind in ("dask", "ray") and address):
        raise bad(f"unknown engine {engine!r}: pass local, dask:ADDRESS or ray:ADDRESS")
    request = _request(size, data, style, schemes, learners, device, seed, seeds)
    from tnverify.analyses.data import DataError
    from tnverify.analyses.programs.carrying_out import NothingPlannedError, analyse
    from tnverify.analyses.sweep import BusyError, EngineError

    if plan_only:
        return _tell_plan(name, request, out, workers)
    typed = ["tnverify", *sys.argv[1:]] if sys.argv[1:2] == ["analyse"] else ["tnverify", "analyse", name]  # fmt: skip  # noqa: E501 - one thought
    try:
        written = analyse(
            load(name), request, out, engine=engine, workers=workers, logs=logs, command=typed
        )  # fmt: skip
    except (EngineError, BusyError, NothingPlannedError) as error:
        raise bad(error) from None
    except DataError as error:
        # Whether tasks can be drawn from the data shows when runs are planned.
        raise bad(f"--data {data}: {error}") from None
    except OSError as error:
        raise bad(f"--out {out}: {error.strerror or error}") from None
    except KeyboardInterrupt:
        complain(
            "interrupted: what is done is kept, and the same command goes on from there;"
            f" `tnverify report {shlex.quote(str(out))}` shows what there is"
        )
        return INTERRUPTED
    return told(written)


def _tell_plan(name: str, request: Request, out: Path, workers: int | None) -> int:
    """Say what the analysis takes; the exit code."""
    from tnverify.analyses.data import DataError
    from tnverify.analyses.programs import load
    from tnverify.analyses.programs.carrying_out import NothingPlannedError
    from tnverify.analyses.programs.foreseen import foreseen
    from tnverify.isolation.processes import cores

    try:
        found = foreseen(load(name), request, out)
    except NothingPlannedError as error:
        raise bad(error) from None
    except DataError as error:
        raise bad(f"--data {request.data}: {error}") from None
    click.echo(
        f"{name}, {request.size.name}: {found.runs} runs, {found.runs - found.to_do} recorded,"
        f" {found.to_do} to do"
    )
    for share in found.shares:
        long = "" if share.seconds is None else f", about {_for_long(share.seconds)}"
        click.echo(f"  {share.learner}: {share.to_do} to do{long}")
    if not found.to_do:
        click.echo("All of it is recorded: without --plan the command makes the page.")
        return 0
    if found.seconds is not None:
        at_once = min(workers or cores(), max(1, found.to_do))
        side_by_side = f", {_for_long(found.seconds / at_once)} on {at_once}" if at_once > 1 else ""
        click.echo(
            f"About {_for_long(found.seconds)} of one processor{side_by_side}, and"
            f" {max(1, round(found.disk / 1e6))} MB in {out}: judged by a few iterations of each"
            " kind of run."
        )
    click.echo(
        "Nothing was trained. Without --plan the command trains, in as many pieces as you like."
    )
    return 0


def _for_long(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def told(written: Written) -> int:
    """Say where a report is and what it lacks; the exit code."""
    for note in written.notes[:5]:
        complain(str(note))
    for failure in written.failures[:5]:
        last = failure.reason.strip().splitlines()[-1]
        complain(f"run {failure.name} failed: {last}")
    if len(written.failures) > 5:
        complain(f"and {len(written.failures) - 5} more, in the folder `failures`")
    click.echo(f"{written.page}: {written.runs} runs" + (
        f", {written.missing} missing" if written.missing else ""
    ))  # fmt: skip
    if not written.runs:
        return BAD_INPUT
    return 3 if written.missing else 0


def _request(
    size: str, data: str, style: str, schemes: tuple[str, ...], learners: tuple[str, ...],
    device: str, seed: int, seeds: int | None,
) -> Request:  # fmt: skip
    """What is asked for, with words checked before anything is trained."""
    from tnverify.analyses.data import DataError, load_data, parse_data
    from tnverify.analyses.learners.schemes import BASELINE, SCHEMES
    from tnverify.analyses.programs.request import SIZES, STYLES, Request

    if style not in STYLES:
        raise unknown("style", style, tuple(STYLES))
    for scheme in schemes:
        if scheme not in (*SCHEMES, BASELINE):
            raise unknown("scheme", scheme, (*SCHEMES, BASELINE))
    if not device.startswith(("cpu", "cuda")):
        raise bad(f"--device {device}: known: cpu, cuda")
    if device.startswith("cuda"):
        import torch

        if not torch.cuda.is_available():
            raise bad(f"--device {device}: torch sees no GPU here")
    try:
        parse_data(data)
        with _told_progress() as progress:
            # A damaged or missing file is told at once, not by every worker.
            load_data(data, progress=progress)
    except DataError as error:
        raise bad(f"--data {data}: {error}") from None
    return Request(SIZES[size], data, style, schemes, learners, device, seed, seeds)


@contextlib.contextmanager
def _told_progress() -> Iterator[Callable[[int, int], None] | None]:
    """A bar on stderr while data are drawn or decoded, which a first call has to do."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("preparing the data"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("data", total=None, visible=False)

        def tell(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of, visible=True)

        yield tell


def _check_logs(logs: Path) -> None:
    if importlib.util.find_spec("tensorboard") is None:
        raise bad(
            "--logs needs tensorboard, which is not installed: pip install '.[tensorboard]' in a"
            " clone"
        )
    _check_folder(logs, "--logs")


def _check_folder(folder: Path, option: str) -> None:
    from tnverify.report.paths import OutputError, check_folder

    try:
        check_folder(folder, option)
    except OutputError as error:
        raise bad(error) from None
