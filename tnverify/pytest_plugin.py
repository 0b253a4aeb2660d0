"""pytest's door to the engine: `pytest --tnverify SPEC` gives one item per law.

An item's id is `SPEC::law`, so `-k a_target_ignores` picks laws by name. A layer is verified
once, when its first item runs, on the laws that were picked; each item then tells what became
of its law:

- a must-level law that is violated or broken, or a stale waiver, fails;
- a should-level law that does not hold, and a waived one, are expected failures (xfail);
- a law that is not claimed, or that could not be decided, is skipped with the reason.

pytest loads this module in every run of every project, so nothing heavy is imported until
`--tnverify` is given.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tnverify.contract import Limits
    from tnverify.engine.options import RunOptions
    from tnverify.engine.results import LawVerdict, RunReport, SubjectReport
    from tnverify.subjects import SubjectRecipe

_WIDTH = 80


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tnverify", "verification of normalisation layers")
    group.addoption(
        "--tnverify",
        action="append",
        default=[],
        metavar="SPEC",
        dest="tnverify_specs",
        help="verify this layer, one item per law; without paths, collect nothing else"
        " (repeatable)",
    )
    for name, metavar, default, text in (
        ("claims", "SCHEME[,MODIFIER...]", None, "what the layers claim to be, else measured"),
        ("adapter", "NAME", None, "how the layers are called, else detected"),
        ("setup", "METHOD", None, "a method of the layer to call once after construction"),
        ("profile", "NAME", "default", "quick, default or thorough"),
        ("device", "NAME", "cpu", "cpu or cuda"),
        ("out", "DIR", "tnverify-out", "where programs that fail as the layer did are written"),
    ):
        group.addoption(f"--tnverify-{name}", metavar=metavar, default=default, help=text)
    group.addoption(
        "--tnverify-handle",
        action="append",
        default=[],
        metavar="HANDLE=ATTRIBUTE",
        help="map a parameter where names differ, such as scale=a (repeatable)",
    )
    for name, text in (
        ("rank", "the spatial dimensions of their input, 0 to 3"),
        ("channels", "the one number of channels that the layers are built for"),
        ("min-channels", "the fewest channels that the layers take"),
        ("min-items", "the fewest items of a context, and of targets"),
        ("min-side", "the shortest side of a map"),
        ("multiple-of", "what every number of items must be a multiple of"),
    ):
        group.addoption(f"--tnverify-{name}", type=int, metavar="N", help=text)
    group.addoption(
        "--tnverify-shape", metavar="ITEMS,CHANNELS,H,W", help="the one shape that layers take"
    )
    group.addoption(
        "--tnverify-seed", type=int, default=0, metavar="N", help="the same seed, the same run"
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    # A worker of xdist was started by a process that has checked the same words.
    if config.getoption("tnverify_specs") and not hasattr(config, "workerinput"):
        _check_words(config)


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    paths_named = config.args_source is pytest.Config.ArgsSource.ARGS
    return True if config.getoption("tnverify_specs") and not paths_named else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Add the laws before `-k`, `--lf` and the like choose among the items."""
    for spec in dict.fromkeys(session.config.getoption("tnverify_specs")):
        layer = _Layer.from_parent(session, name=spec, nodeid=spec)
        items.extend(session.genitems(layer))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    found: dict[str, str] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            found.update(
                (report.nodeid.split("::")[0], value)
                for name, value in getattr(report, "user_properties", ())
                if name == "tnverify"
            )
    if found:
        terminalreporter.section("tnverify")
        for spec, text in found.items():
            terminalreporter.line(f"{spec}: {text}")


class _Layer(pytest.Collector):
    """A subject: verified once, when the first of its laws is run."""

    report: SubjectReport | None = None
    asleep: tuple[str, ...] = ()

    def collect(self) -> Iterator[pytest.Item]:
        from tnverify.catalogue import load_catalogue

        for law in load_catalogue():
            yield _LawItem.from_parent(self, name=law.name)

    def verdict(self, law: str) -> LawVerdict:
        """What became of a law; the first call verifies the layer on every law picked."""
        if self.report is None:
            picked = tuple(item.name for item in self.session.items if item.parent is self)
            run = _verify(self.config, self.name, picked)
            if run.interrupted:
                raise KeyboardInterrupt
            self.report, self.asleep = run.subjects[0], run.asleep
        elif self.report.verdict == "unusable":
            pytest.skip("the layer is unusable, as said above")
        if self.report.verdict == "unusable":
            raise _LawFailedError(f"unusable: {self.report.reason}")
        return self.report.verdict_of(law)


class _LawFailedError(Exception):
    """Carries the text to show in the place of a traceback."""


class _LawItem(pytest.Item):
    """One law for one layer."""

    def runtest(self) -> None:
        layer = self.parent
        assert isinstance(layer, _Layer)
        verdict = layer.verdict(self.name)
        assert layer.report is not None
        self.user_properties.append(("tnverify", _described(layer.report)))
        self.user_properties.append(("tnverify_tasks", verdict.examples))
        if verdict.margin is not None:
            self.user_properties.append(("tnverify_margin", verdict.margin))
        if verdict.outcome == "held" and verdict.law.family in layer.asleep:
            pytest.skip("inconclusive: the suite did not catch its own known-bad layer")
        _tell(verdict)

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None
    ) -> Any:  # str, or what pytest makes of an exception: that type has no public name
        if isinstance(excinfo.value, _LawFailedError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, None, str]:
        # Not the node's id: pytest takes the dots of a name that ends an id for Python's.
        return self.path, None, f"{self.name} of {self._spec}"

    @property
    def _spec(self) -> str:
        return self.nodeid.split("::")[0]


def _tell(verdict: LawVerdict) -> None:
    """End the item as its law ended."""
    from tnverify.report.cause import cause_text

    reason = verdict.reason or "no reason was given"
    if verdict.outcome == "not_claimed":
        pytest.skip(f"not claimed: {reason}")
    if verdict.outcome == "inconclusive":
        pytest.skip(f"inconclusive: {reason}")
    if verdict.outcome == "waived":
        pytest.xfail(f"waived: {reason}")
    if verdict.is_shown:
        if not verdict.is_bad:
            pytest.xfail(f"should-level: {reason}")
        raise _LawFailedError(cause_text([verdict], _WIDTH))


def _described(report: SubjectReport) -> str:
    """How the layer was driven, what it claims and whom its targets read, in a line."""
    from tnverify.report import words

    text = f"adapter {report.adapter}, claims {words.claims_of(report)}"
    if report.fingerprint is not None:
        text += f", targets read {words.reads(report.fingerprint.target_reads)}"
    if report.nearness is not None:
        text += f"; {words.nearness(report.nearness)}"
    return ". ".join([*report.cautions, text])


def _request(config: pytest.Config, spec: str) -> SubjectRecipe:
    from tnverify.subjects import SubjectRecipe

    handles = dict(given.split("=", 1) for given in config.getoption("tnverify_handle"))
    return SubjectRecipe(
        spec,
        config.getoption("tnverify_claims"),
        config.getoption("tnverify_adapter"),
        handles,
        config.getoption("tnverify_setup"),
        _limits(config),
    )


def _limits(config: pytest.Config) -> Limits:
    """The sizes that the layers take; raises UsageError for a number or shape that is none."""
    import click

    from tnverify.cli.options import limits_of, shape_of

    names = ("rank", "channels", "min_channels", "min_items", "min_side", "multiple_of")
    sizes = {name: config.getoption(f"tnverify_{name}") for name in names}
    for name, value in sizes.items():
        if value is not None and value < (name != "rank"):
            option = name.replace("_", "-")
            raise pytest.UsageError(f"--tnverify-{option} {value}: it must be at least 1")
    try:
        return limits_of(sizes | {"shape": shape_of(config.getoption("tnverify_shape"))})
    except click.ClickException as error:
        raise pytest.UsageError(f"--tnverify: {error.message}") from None


def _options(config: pytest.Config, only: tuple[str, ...] = ()) -> RunOptions:
    from tnverify.engine.options import RunOptions

    out = Path(config.getoption("tnverify_out"))
    # Each worker verifies for itself: two must not write the same program at once.
    worker = getattr(config, "workerinput", {}).get("workerid")
    return RunOptions(
        profile=config.getoption("tnverify_profile"),
        seed=config.getoption("tnverify_seed"),
        only=only,
        device=config.getoption("tnverify_device"),
        out=out / worker if worker else out,
    )


def _check_words(config: pytest.Config) -> None:
    """Raise UsageError, in one line, for an option that names nothing or cannot be used."""
    from tnverify.engine.check import InputError, check_import, check_options
    from tnverify.report.paths import OutputError, check_folder
    from tnverify.subjects import Unusable

    for given in config.getoption("tnverify_handle"):
        if "=" not in given:
            raise pytest.UsageError(f"--tnverify-handle {given}: write HANDLE=ATTRIBUTE")
    try:
        check_folder(Path(config.getoption("tnverify_out")), "--tnverify-out")
        for spec in config.getoption("tnverify_specs"):
            asked = _request(config, spec)
            check_options(
                _options(config), claims=asked.claims, adapter=asked.adapter, handles=asked.handles
            )
            check_import(spec)
    except (InputError, Unusable, OutputError) as error:
        raise pytest.UsageError(str(error)) from None


def _verify(config: pytest.Config, spec: str, laws: tuple[str, ...]) -> RunReport:
    from tnverify.engine.run import verify

    return verify([_request(config, spec)], _options(config, laws))
