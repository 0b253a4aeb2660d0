"""Adapters: small objects that turn one calling convention into the Norm protocol.

An adapter takes a layer and returns something with `condition` and `normalize` (and `observe`
where the layer learns something in meta-training), and recognises the layers that it fits. Some
stand around another: `step[num_step=0,1]+frozen`. A user's own is any callable that takes a layer,
named `module:Name` or `file.py:Name` on the command line.
"""

from tnverify.subjects.adapters.backup import BACKUP
from tnverify.subjects.adapters.base import Adapter, AdapterError, Evidence, Strength
from tnverify.subjects.adapters.explicit import EXPLICIT_STATE
from tnverify.subjects.adapters.frozen import FROZEN
from tnverify.subjects.adapters.functional import FUNCTIONAL
from tnverify.subjects.adapters.handed import HANDED_IN_TRAIN, HANDED_MOMENTS
from tnverify.subjects.adapters.in_eval import IN_EVAL
from tnverify.subjects.adapters.labelled import LABELLED
from tnverify.subjects.adapters.masked import MASKED
from tnverify.subjects.adapters.methods import METHODS
from tnverify.subjects.adapters.mode_flag import MODE_FLAG
from tnverify.subjects.adapters.no_context import NO_CONTEXT
from tnverify.subjects.adapters.option import OPTION
from tnverify.subjects.adapters.outputs import OUTPUTS
from tnverify.subjects.adapters.set_mode import SET_MODE
from tnverify.subjects.adapters.sided import SIDED
from tnverify.subjects.adapters.stats import STATS
from tnverify.subjects.adapters.step import STEP
from tnverify.subjects.adapters.taught import TAUGHT
from tnverify.subjects.adapters.two_sets import TWO_SETS

ADAPTERS: dict[str, Adapter] = {
    adapter.name: adapter
    for adapter in (
        EXPLICIT_STATE,
        HANDED_MOMENTS,
        HANDED_IN_TRAIN,
        MODE_FLAG,
        FROZEN,
        IN_EVAL,
        NO_CONTEXT,
        METHODS,
        OPTION,
        SET_MODE,
        TAUGHT,
        STEP,
        FUNCTIONAL,
        STATS,
        BACKUP,
        OUTPUTS,
        MASKED,
        LABELLED,
        SIDED,
        TWO_SETS,
    )
}
"""Every adapter that ships, by name: of those that fit as well, the first is taken."""

__all__ = ["ADAPTERS", "Adapter", "AdapterError", "Evidence", "Strength"]
