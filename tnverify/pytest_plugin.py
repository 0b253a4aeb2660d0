"""pytest's door to the engine: `pytest --tnverify SPEC` gives one item per law.

An item's id is `SPEC::law`, so `-k a_target_ignores` picks laws by name, and `-m tnverify` picks
laws alone. Tests that `tnverify.parametrize` makes are treated alike. A layer is measured when its
laws are collected, and what it does not claim is deselected. It is verified once, before the first
of its laws, on those that were picked; each item then tells what became of its law:

- a must-level law that is violated or broken, or a stale waiver, fails;
- a should-level law that does not hold, and a waived one, are expected failures (xfail);
- a law that could not be decided is skipped with the reason.

pytest loads this module in every run of every project, so nothing heavy is imported until a layer
is asked about.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from tnverify.doors.verification import Verification
    from tnverify.engine.results import RunReport, SubjectReport

_RUNS = pytest.StashKey[list["RunReport"]]()
"""What was found, by this process and by workers of pytest-xdist."""

REPORT = "--tnverify-report"

SIZES = (
    ("rank", "the spatial dimensions of their input, 0 to 3"),
    ("channels", "the one number of channels that the layers are built for"),
    ("min-channels", "the fewest channels that the layers take"),
    ("min-items", "the fewest items of a context, and of targets"),
    ("min-side", "the shortest side of a map"),
    ("multiple-of", "what every number of items must be a multiple of"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tnverify", "verification of normalisation layers")
    for name, dest, metavar, text in (
        ("", "specs", "SPEC", "verify this layer too, one item per law (repeatable)"),
        ("-handle", "handle", "HANDLE=ATTRIBUTE",
         "map a parameter where names differ, such as scale=a (repeatable)"),
        ("-report", "reports", "FORM:FILE",
         "write what was found, of all workers together, such as json:report.json (repeatable)"),
    ):  # fmt: skip
        group.addoption(f"--tnverify{name}", action="append", default=[], metavar=metavar,
                        dest=f"tnverify_{dest}", help=text)  # fmt: skip
    for name, metavar, default, text in (
        ("claims", "SCHEME[,MODIFIER...]", None, "what the layers claim to be, else measured"),
        ("adapter", "NAME", None, "how the layers are called, else detected"),
        ("setup", "METHOD", None, "a method of the layer to call once after construction"),
        ("profile", "NAME", "default", "quick, default or thorough"),
        ("device", "NAME", "cpu", "cpu or cuda"),
        ("out", "DIR", "tnverify-out", "where programs that fail as the layer did are written"),
        ("shape", "ITEMS,CHANNELS,H,W", None, "the one shape that layers take"),
    ):
        group.addoption(f"--tnverify-{name}", metavar=metavar, default=default, help=text)
    for name, text in SIZES:
        group.addoption(f"--tnverify-{name}", type=int, metavar="N", help=text)
    group.addoption(
        "--tnverify-seed", type=int, default=0, metavar="N", help="the same seed, the same run"
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_RUNS] = []
    config.addinivalue_line("markers", "tnverify: a law of a normalisation layer")
    if not config.pluginmanager.hasplugin("xdist"):
        config.addinivalue_line("markers", "xdist_group(name): what one worker is to run")
    asked = ("tnverify_specs", "tnverify_reports", "tnverify_handle")
    # A worker of xdist was started by a process that has checked the same words.
    if any(map(config.getoption, asked)) and not hasattr(config, "workerinput"):
        from tnverify.doors.pytest_words import check_words

        check_words(config)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the laws before `-k`, `--lf` and the like choose among the items."""
    for spec in dict.fromkeys(config.getoption("tnverify_specs")):
        layer = _Layer.from_parent(session, name=spec, nodeid=spec)
        items.extend(session.genitems(layer))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Take out what is not claimed of the laws that were chosen."""
    config, items = session.config, session.items
    picked: dict[Verification, dict[str, list[pytest.Item]]] = {}
    for item in items:
        law, verification = _law_of(item)
        if verification is not None:
            picked.setdefault(verification, {}).setdefault(law, []).append(item)
    for verification, found in picked.items():
        silent = set() if config.option.collectonly else set(found) & set(verification.unclaimed())
        verification.picked = set(found) - silent
        gone = [item for law in silent for item in found[law]]
        if gone:
            config.hook.pytest_deselected(items=gone)
            items[:] = [item for item in items if item not in gone]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Verify the layer, before the first of its laws."""
    _, verification = _law_of(item)
    if verification is None or verification.is_known:
        return
    from tnverify.bad_input import BadInput

    try:
        verification.verify()
    except BadInput:
        pass  # its laws say so
    finally:  # what was found before Ctrl-C is kept
        if verification.run is not None:
            item.config.stash[_RUNS].append(verification.run)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Charge each law with its own seconds, and the rest to what comes before the first of them.

    A failure is told once: where CI is set, pytest's summary would repeat all of its lines.
    """
    report = yield
    law, verification = _law_of(item)
    if verification is None or verification.run is None or not verification.run.subjects[0].laws:
        return report
    subject = verification.run.subjects[0]
    if report.when == "setup" and not verification.is_charged:
        verification.is_charged = True
        report.duration = max(0.0, report.duration - sum(v.seconds for v in subject.laws))
    if report.when == "call":
        crash = getattr(report.longrepr, "reprcrash", None)
        if crash is not None:
            crash.message = crash.message.partition("\n")[0]
        verdict = subject.verdict_of(law)
        report.duration = verdict.seconds
        report.user_properties.append(("tnverify", _described(subject)))
        report.user_properties.append(("tnverify_tasks", verdict.examples))
        if verdict.margin is not None:
            report.user_properties.append(("tnverify_margin", verdict.margin))
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand over what was found: to the process that started this one, or to files."""
    config, runs = session.config, session.config.stash[_RUNS]
    if not runs:
        return
    if hasattr(config, "workerinput"):
        from tnverify.isolation.messages import packed

        config.workeroutput["tnverify"] = packed(runs)  # type: ignore[attr-defined]  # xdist's
        return
    from tnverify.report.forms import destination, write
    from tnverify.report.merged import merged

    asked = [destination(each, REPORT) for each in config.getoption("tnverify_reports")]
    for failed in write(merged(runs), asked):
        print(failed, file=sys.stderr)
        session.exitstatus = pytest.ExitCode.INTERNAL_ERROR


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker of pytest-xdist found."""
    data = getattr(node, "workeroutput", {}).get("tnverify")
    if data is None:
        return
    from tnverify.catalogue import load_catalogue
    from tnverify.isolation.messages import value_of

    node.config.stash[_RUNS].extend(value_of(data, load_catalogue().named))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give all laws of a layer to one worker, which verifies it once; other tests as ever."""
    specs = config.getoption("tnverify_specs")
    if not specs or config.getoption("dist") != "load":
        return None
    from tnverify.doors.scheduling import by_layer

    return by_layer(config, log, tuple(specs))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for kind in terminalreporter.stats.values() for report in kind]
    told = [each for report in reports for each in getattr(report, "user_properties", ())]
    found = dict.fromkeys(value for name, value in told if name == "tnverify")
    if found:
        terminalreporter.section("tnverify")
        for line in found:
            terminalreporter.line(line)


class _Layer(pytest.Collector):
    """A layer that was named on the command line."""

    def collect(self) -> Iterator[pytest.Item]:
        from tnverify.doors.pytest_words import asked
        from tnverify.doors.verification import Verification

        verification = Verification(asked(self.config, self.name))
        for law in verification.laws:
            item = _LawItem.from_parent(self, name=law)
            item.verification = verification
            item.add_marker("tnverify")
            yield item


class _LawItem(pytest.Item):
    """One law for one layer."""

    verification: Verification

    def runtest(self) -> None:
        from tnverify.doors.parametrized import end_as

        end_as(self.name, self.verification)

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None
    ) -> Any:  # what pytest makes of an exception: that type has no public name
        from tnverify.bad_input import BadInput
        from tnverify.doors.verification import LawFailed

        if isinstance(excinfo.value, LawFailed | BadInput):
            return excinfo.getrepr(style="value")
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, None, str]:
        # Not the node's id: pytest takes the dots of a name that ends an id for Python's.
        return self.path, None, f"{self.name} of {self.verification.spec}"


def _law_of(item: pytest.Item) -> tuple[str, Verification | None]:
    """The law that an item is about, and its layer; None where it is about none."""
    if isinstance(item, _LawItem):
        return item.name, item.verification
    given = getattr(getattr(item, "callspec", None), "params", {})
    if given and "tnverify.doors.parametrized" in sys.modules:
        from tnverify.doors.parametrized import LawOfSubject

        for value in given.values():
            if isinstance(value, LawOfSubject):
                return value.name, value.verification
    return "", None


def _described(report: SubjectReport) -> str:
    """How the layer was driven, what it claims and whom its targets read, in a line."""
    from tnverify.report import words

    text = f"adapter {report.adapter}, claims {words.claims_of(report)}"
    if report.fingerprint is not None:
        text += f", targets read {words.reads(report.fingerprint.target_reads)}"
    if report.nearness is not None:
        text += f"; {words.nearness(report.nearness)}"
    return f"{report.spec}: {'. '.join([*report.cautions, text])}"
