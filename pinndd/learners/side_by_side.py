"""Perceptrons side by side: E of one shape in a few batched matrix products, where `torch.func.vmap` makes many small calls."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_POINTWISE = (nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.ELU, nn.Softplus, nn.Identity)
"""Layers that take every entry by itself."""


def are_perceptrons(network: nn.Module, axes: int) -> bool:
    """Return whether a network has linear layers and pointwise activations alone, and takes its examples as vectors.

    Args:
        network: to look at.
        axes: of an example; of more than one it must flatten them first.
    """
    if type(network) is not nn.Sequential:
        return False
    flat = len(network) > 0 and type(network[0]) is nn.Flatten and (network[0].start_dim, network[0].end_dim) == (1, -1)
    layers = list(network)[flat:]
    if not (flat or axes == 1) or any(type(layer) not in (nn.Linear, *_POINTWISE) for layer in layers):
        return False
    # a layer that comes twice has its weights once
    return len(set(map(id, layers))) == len(layers)


def perceptrons(network: nn.Sequential, parameters: Tensor, inputs: Tensor) -> Tensor:
    """Evaluate E perceptrons of one shape, each at its own inputs.

    Args:
        network: such that `are_perceptrons` holds.
        parameters: ``(E, P)``, those of the network in their order; more may follow.
        inputs: ``(E, n, *shape)``.

    Returns:
        ``(E, n, K)``.
    """
    sizes = [value.numel() for value in network.parameters()]
    # one split, whose derivative is put together in one piece
    parts = iter(torch.split(parameters, [*sizes, parameters.shape[-1] - sum(sizes)], -1))
    values = inputs
    for layer in network:
        if isinstance(layer, nn.Flatten):
            values = values.flatten(2)
        elif isinstance(layer, nn.Linear):
            weight = next(parts).view(-1, *layer.weight.shape).transpose(1, 2)
            values = values @ weight if layer.bias is None else torch.baddbmm(next(parts)[:, None], values, weight)
        else:
            values = layer(values)
    return values
