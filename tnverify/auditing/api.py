"""Python's door to audits: `tnverify.audit`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tnverify.auditing.options import AuditOptions
from tnverify.auditing.run import audit as audit_one
from tnverify.auditing.run import select
from tnverify.auditing.tasks import given_tasks
from tnverify.bad_input import BadInput
from tnverify.subjects.given import called, importable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tnverify.auditing.task import AuditTask
    from tnverify.engine.results import RunReport


def audit(subject: object, **options: Any) -> RunReport:
    """Return whether predictions of a learner, a predictor or an evaluation read other targets.

    >>> import tnverify
    >>> from sklearn.neighbors import NearestCentroid
    >>> report = tnverify.audit(NearestCentroid, profile="quick")
    >>> report.conforms, report.subjects[0].audit.leak
    (True, 'bit_equal')

    - `subject`: a SPEC such as `"my_eval.py:learner"`, a class, a function, or an object, which is
      copied for every fresh one.
    - `kind`: `"learner"`, `"predictor"` or `"evaluation"`. Else seen from how it can be called.
    - `claims`: `"inductive"`, `"transductive"`, `"online"` or `"bitwise"`. Else held to be
      inductive.
    - `way`, `shot`, `targets`, `input_shape`: sizes of the tasks. Else found by trying.
    - `tasks`: real ones, each (context, labels, targets) or (context, labels, targets, target
      labels), as tensors or arrays. Else generated.
    - `items`: how many items an evaluation has. `profile`, `seed`, `only`, `skip`, `waivers`: as
      for `verify`.

    Ctrl-C ends it, and the report has what was found so far (`interrupted`). Raises BadInput for
    words that name nothing, and where the subject cannot be audited.
    """
    report = AuditAsked(subject, **options).report()
    first = report.subjects[0]
    if first.verdict == "unusable" and not report.interrupted:
        raise BadInput(f"{first.spec}: {first.reason}")
    return report


class AuditAsked:
    """What a user asks of an audit, every word of it checked."""

    def __init__(
        self,
        subject: object,
        *,
        tasks: Iterable[Sequence[Any]] = (),
        only: str | Iterable[str] = (),
        skip: str | Iterable[str] = (),
        waivers: str | Path | None = None,
        input_shape: Sequence[int] | None = None,
        **options: Any,
    ) -> None:
        unknown = sorted(set(options) - _KNOWN)
        if unknown:
            raise TypeError(f"audit() got an unexpected keyword argument {unknown[0]!r}")
        self.live = None if isinstance(subject, str) else subject
        self.spec = subject if isinstance(subject, str) else _called(subject)
        self.options = AuditOptions(
            only=_words(only),
            skip=_words(skip),
            waivers=None if waivers is None else Path(waivers),
            input_shape=None if input_shape is None else tuple(input_shape),
            **options,
        )
        try:
            self.options.check()
            self.laws = select(self.options.only, self.options.skip)
            self.tasks: tuple[AuditTask, ...] = given_tasks(tasks)
        except ValueError as error:
            raise BadInput(str(error)) from None

    def report(self, only: tuple[str, ...] | None = None) -> RunReport:
        """The report, of the laws in `only` where that is given."""
        from dataclasses import replace

        options = self.options if only is None else replace(self.options, only=only)
        return audit_one(self.spec, options, live=self.live, tasks=self.tasks)


_KNOWN = {"kind", "claims", "way", "shot", "targets", "items", "seed", "profile"}


def _called(subject: object) -> str:
    return importable(subject) or called(subject)


def _words(given: str | Iterable[str]) -> tuple[str, ...]:
    parts = given.split(",") if isinstance(given, str) else given
    return tuple(part.strip() for part in parts if part.strip())
