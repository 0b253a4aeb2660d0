"""TabICL over a small checkpoint of random weights, which is written where it is asked for."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from tabicl import TabICLClassifier
from tabicl._model.tabicl import TabICL

_CONFIG = {
    "embed_dim": 16, "col_num_blocks": 1, "col_nhead": 2, "col_num_inds": 8, "row_num_blocks": 1,
    "row_nhead": 2, "row_num_cls": 2, "icl_num_blocks": 2, "icl_nhead": 2,
}  # fmt: skip


def _checkpoint() -> Path:
    path = Path(tempfile.gettempdir()) / "tabicl-random.ckpt"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = TabICL(**_CONFIG)
        # As it is made, its last layers answer zero: weights of some size, so that inputs matter.
        for weight in model.parameters():
            torch.nn.init.normal_(weight, std=0.3)
    torch.save({"config": _CONFIG, "state_dict": model.state_dict()}, path)
    return path


_PATH = _checkpoint()


def classifier() -> TabICLClassifier:
    return TabICLClassifier(
        n_estimators=2, model_path=_PATH, allow_auto_download=False, device="cpu", use_amp=False
    )
