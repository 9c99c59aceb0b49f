"""Random networks, and the oracle of small ones: the joint distribution written out."""

from string import ascii_lowercase

import pytest
import torch

from pinndd.bayesnet import BayesianNetwork, Structure, Variable


@pytest.fixture(scope="session")
def random_network():
    """Build a network with random arcs from earlier to later variables, declared in a shuffled order."""

    def build(seed, size=6, most_states=3, zeros=False):
        generator = torch.Generator().manual_seed(seed)

        def draw(high):
            return int(torch.randint(high, (), generator=generator))

        variables = [Variable(f"v{k}", tuple(f"s{j}" for j in range(2 + draw(most_states - 1)))) for k in range(size)]
        parents = {
            v.name: tuple(variables[j].name for j in torch.randperm(k, generator=generator)[: draw(3)].tolist())
            for k, v in enumerate(variables)
        }
        structure = Structure(tuple(variables[k] for k in torch.randperm(size, generator=generator).tolist()), parents)
        tables = {}
        for name in structure.names:
            table = torch.rand(structure.shape(name), generator=generator, dtype=torch.float64) + 0.05
            if zeros:
                table[..., 0] *= torch.rand(table.shape[:-1], generator=generator) < 0.7
            tables[name] = table / table.sum(-1, keepdim=True)
        return BayesianNetwork(structure, tables)

    return build


@pytest.fixture(scope="session")
def joint():
    """Return the whole joint distribution of a network, one axis per variable in their order."""

    def write_out(structure, tables):
        letters = dict(zip(structure.names, ascii_lowercase, strict=False))
        inputs = ",".join("".join(letters[m] for m in structure.family(name)) for name in structure.names)
        equation = f"{inputs}->{''.join(letters[name] for name in structure.names)}"
        return torch.einsum(equation, *(tables[name] for name in structure.names))

    return write_out
