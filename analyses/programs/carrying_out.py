"""An analysis from its plan to its report, and reports made again from records alone."""

from __future__ import annotations

import functools
import json
import os
import shlex
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tnverify.analyses.programs import NAMES, frames, load
from tnverify.analyses.programs.data_shown import data_section
from tnverify.analyses.programs.program import Found
from tnverify.analyses.programs.request import SIZES, STYLES, Request
from tnverify.analyses.records import RecordStore, Scan, code_version, scan
from tnverify.analyses.records.atomic import write_over
from tnverify.analyses.report import Content, Heading, html
from tnverify.analyses.sweep import run_sweep

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tnverify.analyses.programs.program import Program
    from tnverify.analyses.records import Note, Record
    from tnverify.analyses.sweep import Failure, TrainOne

ASKED = "analysis.json"
"""What was asked of an analysis, in its folder: from it and the records the page is made again."""

TRAINING = (
    "tnverify.norms", "tnverify.analyses.data", "tnverify.analyses.tasks",
    "tnverify.analyses.learners", "tnverify.analyses.training",
)  # fmt: skip
"""The sources whose change makes every training a new run."""


class NothingPlannedError(ValueError):
    """Schemes or learners that leave an analysis no run; the message says which it has."""


class NothingToReportError(ValueError):
    """Folders that hold no analysis; the message says what was looked for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of an analysis as it is kept: `records` are the names of all its runs."""

    analysis: str
    request: Request
    command: str
    date: str
    records: tuple[str, ...]

    def to_json(self) -> bytes:
        request = asdict(self.request) | {"size": self.request.size.name}
        content = {"format": 1, **asdict(self), "request": request}
        return (json.dumps(content, indent=1) + "\n").encode()

    @classmethod
    def read(cls, path: Path) -> Asked:
        """Raises NothingToReportError where the file is none of these."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            request = content["request"]
            size = SIZES[request.pop("size")]
            schemes, learners = (tuple(request.pop(n)) for n in ("schemes", "learners"))
            asked = Request(size, schemes=schemes, learners=learners, **request)
            return cls(
                content["analysis"], asked, content["command"],
                content["date"], tuple(content["records"]),
            )  # fmt: skip
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NothingToReportError(f"{path} is no {ASKED} of an analysis: {error}") from None


@dataclass(frozen=True, slots=True)
class Written:
    """A report that was written: its page, the runs it rests on, and those it lacks; `notes` are
    on records that were damaged and left out."""

    page: Path
    runs: int
    missing: int
    failures: tuple[Failure, ...] = ()
    notes: tuple[Note, ...] = ()


def analyse(
    program: Program,
    request: Request,
    out: Path,
    *,
    engine: str = "local",
    workers: int | None = None,
    logs: Path | None = None,
    command: Sequence[str] = (),
) -> Written:
    """Trains what has no record in `out` yet and writes the report into `out/NAME`.

    `logs` is a folder for TensorBoard, in which every training has its own.

    Raises NothingPlannedError, DataError where tasks cannot be drawn from the data, and what
    `run_sweep` raises; KeyboardInterrupt passes, with what is done kept.
    """
    train_one, sources = _carried_by(program, logs)
    configurations = _configurations(program, request)
    names = planned_names(configurations, out, sources)
    asked = Asked(
        program.name, request, shlex.join(command), datetime.now(UTC).isoformat(timespec="seconds"),
        names,
    )  # fmt: skip
    # Before the first run: a page can be made of whatever is finished when one is stopped.
    write_over(out / program.name / ASKED, asked.to_json())
    # Times of one run would be disturbed by another beside it; one GPU that is named is one lane.
    if program.runs == "cost" or request.device.startswith("cuda:"):
        workers = 1
    swept = run_sweep(
        configurations, train_one, out, engine, sources=sources, workers=workers,
        title=program.name,
        gpus=_gpus(request.device) if engine == "local" else (),
    )  # fmt: skip
    return replace(_write(program, asked, swept.records, out, swept.failures), notes=swept.notes)


def _configurations(program: Program, request: Request) -> list[dict[str, Any]]:
    """What is to be run, its data checked. Raises NothingPlannedError and DataError."""
    configurations = list(program.plan(request))
    if not any(each.get("learner") != "pixels" for each in configurations):
        raise NothingPlannedError(
            f"{program.name} has no run with these schemes and learners: leave one of them out"
        )
    if program.runs != "training":
        return configurations
    from tnverify.analyses.training.planning import planned

    return planned(configurations)


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run that an analysis asks for, and whether it has its record already."""

    configuration: dict[str, Any]
    recorded: bool


def planned_runs(
    program: Program, request: Request, out: Path
) -> tuple[list[PlannedRun], TrainOne]:
    """Return the runs that `analyse` would carry out, and what carries them out.

    Raises NothingPlannedError, and DataError where tasks cannot be drawn from the data.
    """
    train_one, sources = _carried_by(program, None)
    store = RecordStore(out / "records", code_version(sources))
    runs = [
        PlannedRun(each, store.find(store.name(each)) is not None)
        for each in _configurations(program, request)
    ]
    return runs, train_one


def rebuild(folders: Sequence[Path], out: Path) -> list[Written]:
    """Writes the reports of all analyses found in `folders` again, into `out`, without training.

    The same analysis in several folders becomes one report over the runs of all. Raises
    NothingToReportError where a folder has none.
    """
    found: dict[str, list[tuple[Asked, Sequence[Record]]]] = {}
    notes: dict[str, list[Note]] = {}
    for folder in folders:
        for path in _asked_in(folder):
            asked = Asked.read(path)
            store = path.parent.parent / "records"
            there = scan(store) if store.is_dir() else Scan((), ())
            wanted_here = set(asked.records)
            mine = [record for record in there.records if record.name in wanted_here]
            damaged = [note for note in there.notes if note.path.stem in wanted_here]
            notes.setdefault(asked.analysis, []).extend(damaged)
            _copy(mine, out / "records")
            found.setdefault(asked.analysis, []).append((asked, mine))
    written = []
    for name in NAMES:
        if name not in found:
            continue
        first = found[name][0][0]
        by_name = {record.name: record for _, each in found[name] for record in each}
        wanted = tuple(dict.fromkeys(n for asked, _ in found[name] for n in asked.records))
        commands = "\n".join(dict.fromkeys(asked.command for asked, _ in found[name]))
        dates = sorted({asked.date for asked, _ in found[name]})
        asked = replace(first, command=commands, date=dates[-1], records=wanted)
        ordered = [by_name[each] for each in wanted if each in by_name]
        if len(found[name]) > 1 or not (out / name / ASKED).exists():
            write_over(out / name / ASKED, asked.to_json())
        report = _write(load(name), asked, ordered, out, ())
        written.append(replace(report, notes=tuple(notes[name])))
    return written


def _gpus(device: str) -> tuple[str, ...]:
    """The GPUs of this machine of which each worker is to have one; none where none is used."""
    if device != "cuda":
        return ()
    import torch

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible:
        return tuple(visible.split(","))
    return tuple(str(number) for number in range(torch.cuda.device_count()))


def _copy(records: Sequence[Record], folder: Path) -> None:
    """Puts records beside a merged report, so that it can be made again by itself."""
    for record in records:
        if record.arrays_file is None:
            continue
        source = record.arrays_file
        if source.parent.resolve() == folder.resolve():
            return
        # Arrays first: a record that is there names arrays that are.
        for path in (source, source.with_name(f"{record.name}.json")):
            write_over(folder / path.name, path.read_bytes())


def planned_names(
    configurations: Sequence[dict[str, Any]], out: Path, sources: Sequence[str]
) -> tuple[str, ...]:
    """The names that the records of a plan have."""
    store = RecordStore(out / "records", code_version(sources))
    return tuple(store.name(each) for each in configurations)


def _asked_in(folder: Path) -> list[Path]:
    """The analyses of a folder, whether it is that of one or of several."""
    paths = [folder / ASKED] if (folder / ASKED).is_file() else sorted(folder.glob(f"*/{ASKED}"))
    if not paths:
        raise NothingToReportError(
            f"{folder} holds no analysis ({ASKED}): name what --out named when one was run"
        )
    return paths


def _carried_by(program: Program, logs: Path | None) -> tuple[TrainOne, tuple[str, ...]]:
    """What carries out a program's runs, and the sources that it depends on."""
    if program.runs == "cost":
        from tnverify.analyses.programs.costing import SOURCES, measure

        return measure, SOURCES
    from tnverify.analyses.training import train_one

    if logs is not None:
        # Workers may have another working directory.
        return functools.partial(train_one, logs=logs.resolve()), TRAINING
    return train_one, TRAINING


def _write(
    program: Program,
    asked: Asked,
    records: Sequence[Record],
    out: Path,
    failures: tuple[Failure, ...],
) -> Written:
    folder = out / program.name
    content = program.content(Found(asked.request, tuple(records)))
    if program.runs == "training":
        sections = (*content.sections, _data(asked.request.data, asked.request.style))
        content = replace(content, sections=sections)
    for picture in content.pictures():
        picture.write(folder / "figures")
    _write_frames(content, records, folder / "tables")
    missing = len(set(asked.records)) - len(records)
    page = folder / "report.html"
    write_over(page, html(content, _heading(program, asked, records, missing, failures)).encode())
    return Written(page, len(records), missing, failures)


@functools.lru_cache(maxsize=2)
def _data(data: str, style: str) -> Any:
    return data_section(data, style)


def _write_frames(content: Content, records: Sequence[Record], folder: Path) -> None:
    tidy = {"runs": frames.runs(records), **content.frames}
    tests = frames.tests(records)
    if len(tests):
        tidy["test_tasks"] = tests
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in tidy.items():
        write_over(folder / f"{name}.csv", frame.to_csv(index=False).encode())


def _of_what(program: Program, request: Request) -> tuple[tuple[str, str], ...]:
    if program.runs == "cost":
        return (("data", "random images"),)
    return (("data", request.kind), ("styles", STYLES[request.style]))


def _heading(
    program: Program,
    asked: Asked,
    records: Sequence[Record],
    missing: int,
    failures: tuple[Failure, ...],
) -> Heading:
    request = asked.request
    trained = [r.configuration for r in records if r.configuration.get("learner") != "pixels"]
    seeds = sorted({configuration["seed"] for configuration in trained})
    hours = sum(record.seconds for record in records) / 3600
    facts = (
        ("size", f"{request.size.name} ({request.size.summary})"),
        *_of_what(program, request),
        ("runs", f"{len(records)}"),
        ("seeds", ", ".join(map(str, seeds)) or "none"),
        ("computing", f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.1f} min"),
        ("date", asked.date[:10]),
    )
    warnings = []
    if request.size.name == "smoke":
        warnings.append(
            "A smoke test: nothing is trained long enough to mean anything. It shows that all of "
            "it runs, and what a report looks like."
        )
    if missing:
        warnings.append(
            f"{missing} of {missing + len(records)} runs have no record yet, so this is a part of "
            "what was asked; the same command goes on with them."
        )
    warnings += [f"A run failed: {f.reason.strip().splitlines()[-1]}" for f in failures[:3]]
    environments = {json.dumps(r.environment, sort_keys=True): r.environment for r in records}
    meta = [("made", asked.date), ("code", ", ".join(sorted({r.code for r in records})))]
    for environment in environments.values():
        meta += [(str(name), str(value)) for name, value in environment.items()]
    return Heading(
        title=program.title,
        question=program.question,
        facts=facts,
        warnings=tuple(warnings),
        command=asked.command,
        meta=tuple(dict.fromkeys(meta)),
    )
