"""`python -m tnverify.bench NAME`: wires the benchmarks, nothing else."""

from __future__ import annotations

import importlib
import importlib.util

import click

from tnverify.bench.audits import audits
from tnverify.bench.engine import engine
from tnverify.bench.layers import layers

_OF_ANALYSES = ("matplotlib", "PIL", "sklearn", "skimage", "joblib")


@click.group()
def bench() -> None:
    """Benchmarks, each printing ratios of what it measured in one run."""


@click.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
    help="Time meta-training (needs tnverify[analyses]).",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def learning(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Hands over to the analyses, which are imported when they are asked for."""
    missing = [name for name in _OF_ANALYSES if importlib.util.find_spec(name) is None]
    if missing:
        raise click.ClickException(
            f"the benchmark of learning needs {', '.join(missing)}, which is not installed:"
            " pip install '.[analyses]' in a clone"
        )
    # By name: tnverify knows no analysis.
    command = importlib.import_module("tnverify.analyses.bench.learning").learning
    command.main(list(arguments), prog_name=context.command_path, standalone_mode=False)


bench.add_command(audits)
bench.add_command(engine)
bench.add_command(layers)
bench.add_command(learning)

if __name__ == "__main__":
    bench(prog_name="python -m tnverify.bench")
