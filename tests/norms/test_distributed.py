"""A context that lies on one, two or three processes is the whole context, gradients too."""

from __future__ import annotations

import pytest
import shared_contexts
import torch
from processes import together
from torch import distributed

from tnverify.norms import MetaBN
from tnverify.norms.distributed import state_of_shards


@pytest.mark.slow
@pytest.mark.skipif(
    not (distributed.is_available() and distributed.is_gloo_available()),
    reason="needs a torch with distributed and gloo",
)
def test_three_processes_share_contexts(tmp_path) -> None:
    """One start of the processes serves every check: it costs more than all of them."""
    together(shared_contexts.all_checks, tmp_path)


def test_without_processes_it_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match=r"call torch\.distributed\.init_process_group"):
        state_of_shards(MetaBN(2), torch.zeros(1, 2, 3))
