"""Where the runs of a sweep are carried out, by the word that names it."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from tnverify.analyses.sweep.engines.engine import Engine, EngineError, WorkerDiedError

if TYPE_CHECKING:
    from collections.abc import Sequence


def open_engine(
    spec: str, *, runs: int, workers: int | None = None, gpus: Sequence[str] = ()
) -> Engine:
    """The engine that `spec` names: `local`, `dask:ADDRESS` or `ray:ADDRESS`.

    - `runs`: how many there are to do;
    - `workers`: how many at once at most; by default, locally, one for each of `gpus` or else
      for each processor, on Dask one for each thread of its workers, on Ray as many as it takes;
    - `gpus`: what CUDA_VISIBLE_DEVICES is to be for each worker, of every machine.

    Raises EngineError for an unknown word, a package that is missing, or a cluster that does not
    answer.
    """
    kind, _, address = spec.partition(":")
    if workers is not None and workers < 1:
        raise EngineError(f"{workers} workers can do nothing: pass 1 or more")
    if kind == "local" and not address:
        from tnverify.analyses.sweep.engines.local import LocalEngine, default_workers

        return LocalEngine(min(runs, workers or default_workers(gpus)), gpus)
    if kind not in ("dask", "ray") or not address:
        raise EngineError(f"unknown engine {spec!r}: pass local, dask:ADDRESS or ray:ADDRESS")
    package = "distributed" if kind == "dask" else "ray"
    if importlib.util.find_spec(package) is None:
        raise EngineError(f"engine {spec} needs {package}: pip install '.[{kind}]' in a clone")
    if kind == "dask":
        from tnverify.analyses.sweep.engines.on_dask import DaskEngine

        return DaskEngine(address, workers, gpus)
    from tnverify.analyses.sweep.engines.on_ray import RayEngine

    return RayEngine(address, workers, gpus)


__all__ = ["Engine", "EngineError", "WorkerDiedError", "open_engine"]
