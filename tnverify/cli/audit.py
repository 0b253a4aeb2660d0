"""`tnverify audit`: hold a learner, a predictor or an evaluation to what it may read."""

from __future__ import annotations

from pathlib import Path

import click

from tnverify.cli.errors import BAD_INPUT, INTERRUPTED, bad, complain
from tnverify.cli.options import color_option, report_options, verbose_option, words

_PATH = click.Path(path_type=Path)
_SIZE = click.IntRange(min=1)


def _shape(
    _ctx: click.Context, _parameter: click.Parameter, value: str | None
) -> tuple[int, ...] | None:
    if value is None:
        return None
    parts = [part.strip() for part in value.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise bad(f"--input-shape {value}: write the sides of one item, such as 1,28,28 or 16")
    return tuple(map(int, parts))


@click.command()
@click.argument("spec")
@click.option("--kind", metavar="learner|predictor|evaluation",
              help="What SPEC is. Else seen from how it can be called.")  # fmt: skip
@click.option("--claims", metavar="inductive|transductive|online|bitwise",
              help="What it claims. Else held to be inductive.")  # fmt: skip
@click.option("--way", type=_SIZE, metavar="N", help="Classes of a task. Else found by trying.")
@click.option("--shot", type=_SIZE, metavar="N",
              help="Context items of a class. Else several, where it takes them.")  # fmt: skip
@click.option("--targets", type=_SIZE, metavar="N", help="Targets of a task. Else several.")
@click.option("--input-shape", metavar="SIDES", callback=_shape,
              help="The shape of one item, such as 1,28,28. Else found by trying.")  # fmt: skip
@click.option("--items", type=_SIZE, metavar="N",
              help="Items of an evaluation. Else found by trying.")  # fmt: skip
@click.option("--profile", default="default", show_default=True,
              metavar="quick|default|thorough", help="How much is spent.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same report.")
@click.option("--only", multiple=True, callback=words, metavar="LAW|FAMILY,...",
              help="Check these laws alone. Repeatable.")  # fmt: skip
@click.option("--skip", multiple=True, callback=words, metavar="LAW|FAMILY,...",
              help="Leave these laws out. Repeatable.")  # fmt: skip
@report_options
@click.option("--waivers", type=_PATH, metavar="FILE",
              help="Known failures, as TOML. Else [[tool.tnverify.waivers]] of"
              " ./pyproject.toml.")  # fmt: skip
@verbose_option
@color_option
def command(
    spec: str,
    *,
    kind: str | None,
    claims: str | None,
    way: int | None,
    shot: int | None,
    targets: int | None,
    input_shape: tuple[int, ...] | None,
    items: int | None,
    profile: str,
    seed: int,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    json_file: Path | None,
    reports: tuple[str, ...],
    waivers: Path | None,
    verbose: bool,
    no_color: bool,
) -> int:
    """Audit a learner, a predictor or an evaluation: does a prediction read other targets, or is
    it only rounding? No tolerance has to be chosen.

    SPEC is module:name or path/to/file.py:name, of a class, a function or an object.

    \b
    learner     fit(context, labels) and predict(targets); fit_predict; a call with
                context, labels and targets; an estimator of scikit-learn
    predictor   a fixed model: a batch in, a row for each item out
    evaluation  evaluate(order, batch_size): a metric, or a prediction for each item

    Ends with 0 where it conforms, 1 where it does not, 2 where it cannot be audited, 3 where
    nothing was decided.
    """  # noqa: D301 - click takes the character for a paragraph that is not to be wrapped
    from tnverify.report.forms import destinations
    from tnverify.report.paths import OutputError

    try:
        places = destinations(reports, json_file)
    except OutputError as error:
        raise bad(error) from None
    from tnverify.auditing.options import AuditOptions
    from tnverify.auditing.run import audit
    from tnverify.report.forms import write
    from tnverify.report.terminal import console, print_run

    options = AuditOptions(
        kind=kind,  # type: ignore[arg-type]  # checked with the other words
        claims=claims,  # type: ignore[arg-type]  # as kind
        way=way,
        shot=shot,
        targets=targets,
        input_shape=input_shape,
        items=items,
        profile=profile,
        seed=seed,
        only=only,
        skip=skip,
        waivers=waivers,
    )
    try:
        options.check()
        run = audit(spec, options)
    except ValueError as error:
        raise bad(error) from None
    for subject in run.subjects:
        if subject.verdict == "unusable":
            complain(f"{subject.spec}: {subject.reason}")
    failed = write(run, places)
    for line in failed:
        complain(line)
    unusable = run.subjects[0].verdict == "unusable" and not run.interrupted
    if not unusable and all(each.path is not None for each in places):
        print_run(run, console(color=not no_color), verbose=verbose)
    return run.exit_code if not failed or run.exit_code in (1, INTERRUPTED) else BAD_INPUT
