"""`python -m tnverify.bench NAME`: wires the benchmarks, nothing else."""

from __future__ import annotations

import click

from tnverify.bench.engine import engine
from tnverify.bench.layers import layers


@click.group()
def bench() -> None:
    """Benchmarks, each printing ratios of what it measured in one run."""


bench.add_command(engine)
bench.add_command(layers)

if __name__ == "__main__":
    bench(prog_name="python -m tnverify.bench")
