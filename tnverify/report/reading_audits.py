"""What an audit measured, read back from JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from tnverify.contract.measured import Audited, Entry, Leak, Worth

if TYPE_CHECKING:
    from tnverify.report.fields import Fields


def audited_in(fields: Fields) -> Audited:
    """The measurements in the fields. Raises FieldError."""
    return Audited(
        kind=fields.one_of("kind", ("learner", "predictor", "evaluation")),
        how=fields.text("how"),
        claims=fields.text("claims"),
        given=fields.flag("given"),
        leak=fields.one_of("leak", get_args(Leak)),
        content=fields.number("content"),
        number=fields.number("number"),
        wide=fields.maybe("wide", fields.number),
        tasks=fields.whole("tasks"),
        from_targets=fields.maybe("from_targets", fields.whole),
        enters=fields.maybe("enters", lambda n: _entry(fields.inner(n))),
        worth=fields.maybe("worth", lambda n: _worth(fields.inner(n))),
        asked=dict(fields.inner("asked").values),
    )


def _entry(fields: Fields) -> Entry:
    return Entry(
        fields.text("path"),
        fields.text("module"),
        fields.flag("training"),
        fields.text("remedy"),
        fields.flag("norm"),
    )


def _worth(fields: Fields) -> Worth:
    return Worth(
        fields.number("together"),
        fields.number("by_class"),
        fields.number("alone"),
        fields.number("lost"),
        fields.number("low"),
        fields.number("high"),
        fields.whole("tasks"),
    )
