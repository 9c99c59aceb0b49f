"""Where networks of images are trained."""

from __future__ import annotations

import torch

from pinndd.devices import Work, chosen_device, require_device
from pinndd.learners.network import NetworkModel


def settled(device: torch.device | str, model: NetworkModel, *, networks: int, examples: int) -> torch.device:
    """Return the device: of ``auto`` a GPU where there is one and training is large enough for it.

    Args:
        device: its name, or ``auto``, see `pinndd.devices.chosen_device`.
        model: the networks.
        networks: that are trained at a time.
        examples: of a step.

    Raises:
        ValueError: there is no such device.
    """
    if isinstance(device, torch.device):
        return device
    require_device(device, double=False)
    return torch.device(chosen_device(device, lambda: Work(networks, examples, model.size)).device)
