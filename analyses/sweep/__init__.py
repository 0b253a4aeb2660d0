"""Training runs by the dozen: each once, on this machine or a cluster, kept as records.

    def train_one(configuration, workplace):
        for step in range(steps):
            ...
            workplace.tell(step, steps)  # the time left on screen; checkpoints: workplace.folder
        return Trained({"accuracy": 61.2}, {"tasks/accuracy": per_task})

    swept = run_sweep(configurations, train_one, out, sources=["tnverify.analyses.learners"])
    swept.records, swept.failures

`engine` is `local`, `dask:ADDRESS` or `ray:ADDRESS`; the same call goes on where one was stopped.
"""

from tnverify.analyses.sweep.engines import EngineError
from tnverify.analyses.sweep.job import Trained, TrainOne
from tnverify.analyses.sweep.lock import BusyError
from tnverify.analyses.sweep.run import Failure, Swept, run_sweep
from tnverify.analyses.sweep.workplace import TakenOverError, Workplace

__all__ = [
    "BusyError",
    "EngineError",
    "Failure",
    "Swept",
    "TakenOverError",
    "TrainOne",
    "Trained",
    "Workplace",
    "run_sweep",
]
