"""Import DeepXDE without its side effects."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from types import ModuleType

import torch


def import_deepxde() -> ModuleType:
    """Import DeepXDE with its PyTorch backend, quietly, leaving torch's default device and dtype as they were."""
    if "deepxde" in sys.modules:
        return sys.modules["deepxde"]
    os.environ.setdefault("DDE_BACKEND", "pytorch")
    device, dtype = torch.get_default_device(), torch.get_default_dtype()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        import deepxde
    torch.set_default_device(device)
    torch.set_default_dtype(dtype)
    return deepxde
