"""The paper's curves that could be read off: learned alpha (fig. 3), training loss (fig. 4c).

Digitised from the authors' slides, so good to about 0.003 in alpha and 3 % in loss. Figures 4a,
4b, C.1 and E.2 are known from the paper's prose alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.analyses.paper.schemes import PRINTED_AS
from tnverify.analyses.paper.tables import read_data

if TYPE_CHECKING:
    import pandas as pd

ALPHA_ERROR = 0.003
"""How far a digitised alpha may lie from the one plotted."""

LOSS_ERROR = 0.03
"""How far a digitised loss may lie from the one plotted, as a share of it."""


def learned_alpha() -> pd.DataFrame:
    """Fig. 3: alpha of TaskNorm-I in CNAPs against the number of context items.

    Columns: `layer` (1 to 4, the first normalisation of each stage of a ResNet-18),
    `context_size`, `alpha`, `source`.
    """
    wide = read_data("fig3_learned_alpha_digitised.csv")
    tidy = wide.melt(id_vars="context_size", var_name="layer", value_name="alpha")
    tidy["layer"] = tidy["layer"].str.removeprefix("layer").astype(int)
    tidy["source"] = "Bronskill et al. 2020, figure 3, digitised"
    return tidy[["layer", "context_size", "alpha", "source"]]


def training_loss() -> pd.DataFrame:
    """Fig. 4c: training loss of CNAPs on Meta-Dataset against iterations.

    Columns: `scheme`, `iteration`, `loss`, `printed_as`, `source`. Schemes that share one
    training (TBN, CBN and RN) have a row each, with equal losses.
    """
    wide = read_data("fig4c_training_loss_digitised.csv")
    tidy = wide.melt(id_vars="iteration", var_name="printed_as", value_name="loss")
    shared = tidy.assign(printed=tidy["printed_as"].str.split("=")).explode("printed")
    shared["scheme"] = [PRINTED_AS[name].scheme for name in shared["printed"]]
    shared["source"] = "Bronskill et al. 2020, figure 4c, digitised"
    columns = ["scheme", "iteration", "loss", "printed_as", "source"]
    return shared[columns].reset_index(drop=True)
