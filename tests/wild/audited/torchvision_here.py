"""Import torchvision even if its kernels were built for another torch.

Other packages import it for networks that are not used here. Where its kernels do not load, what
it registers for them is left out.
"""

from __future__ import annotations

import importlib.util
import warnings

import torch


def _imported() -> None:
    kept = torch.library.register_fake
    torch.library.register_fake = lambda *_, **__: lambda function: function  # type: ignore[assignment]  # a stand-in
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import torchvision  # noqa: F401 - imported for what it registers
    finally:
        torch.library.register_fake = kept


if importlib.util.find_spec("torchvision") is not None:
    _imported()
