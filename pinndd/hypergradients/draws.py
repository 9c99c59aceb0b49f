"""Random draws of the stochastic estimators."""

from __future__ import annotations

import hashlib

import torch

from pinndd.data import SyntheticData


def generator_of(data: SyntheticData, seed: int) -> torch.Generator:
    """Return a source of randomness that depends on the seed and the current data only, so that a resumed run repeats itself."""
    digest = hashlib.blake2b(str(seed).encode(), digest_size=8)
    for name in data.learnable:
        digest.update(data[name].detach().cpu().numpy().tobytes())
    return torch.Generator().manual_seed(int.from_bytes(digest.digest(), "little") >> 1)
