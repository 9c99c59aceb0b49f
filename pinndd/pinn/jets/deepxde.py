"""Import DeepXDE without its side effects."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from types import ModuleType

import torch

from pinndd.pinn.jets.later import importing_later

_RARELY_NEEDED = ("matplotlib", "mpl_toolkits", "scipy", "skopt", "sklearn")
"""What DeepXDE imports for pictures, quasi-random points and operator learning: two seconds."""


def import_deepxde() -> ModuleType:
    """Import DeepXDE with its PyTorch backend, quietly, leaving torch's default device and dtype as they were.

    Raises:
        RuntimeError: DeepXDE was imported before with another backend.
    """
    if "deepxde" not in sys.modules:
        os.environ["DDE_BACKEND"] = "pytorch"
        device, dtype = torch.get_default_device(), torch.get_default_dtype()
        quiet = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
        with quiet[0], quiet[1], importing_later(*_RARELY_NEEDED):
            import deepxde
        if torch.get_default_device() != device:
            # None switches the default device off; "cpu" would slow down every call of torch a little
            torch.set_default_device(None if device.type == "cpu" else device)
        torch.set_default_dtype(dtype)
    deepxde = sys.modules["deepxde"]
    backend = deepxde.backend.backend_name
    if backend != "pytorch":
        raise RuntimeError(
            f"DeepXDE was imported with the backend {backend!r}; pinndd needs 'pytorch': import pinndd before deepxde, "
            "or set DDE_BACKEND=pytorch"
        )
    return deepxde
