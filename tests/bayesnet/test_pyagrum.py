"""A second program, where it is installed, gives the same posteriors and reads the same files."""

import pytest
import torch

from pinndd.bayesnet import BayesianNetwork, Query, Structure, Variable, load_network, posterior, sample, write_bif

pyagrum = pytest.importorskip("pyagrum")


def with_plain_states(network):
    """Rename the states: pyagrum does not read all the characters that BIF files have."""
    structure = network.structure
    variables = tuple(Variable(v.name, tuple(f"s{k}" for k in range(len(v)))) for v in structure.variables)
    return BayesianNetwork(Structure(variables, structure.parents), network.tables)


@pytest.mark.parametrize("name", ["asia", "child", "alarm"])
def test_posteriors_agree(name, tmp_path):
    network = with_plain_states(load_network(name))
    write_bif(network, tmp_path / "net.bif", name)
    engine = pyagrum.LazyPropagation(pyagrum.loadBN(str(tmp_path / "net.bif")))
    structure = network.structure
    queries = []
    for k, row in enumerate(sample(network, 30, torch.Generator().manual_seed(0)).tolist()):
        chosen = torch.randperm(len(row), generator=torch.Generator().manual_seed(k)).tolist()[:5]
        target, *given = chosen
        evidence = {structure.names[j]: structure.variables[j].states[row[j]] for j in given}
        queries.append(Query(structure.names[target], evidence))
    answer = posterior(network, queries)
    for query, found in zip(queries, answer, strict=True):
        engine.setEvidence(dict(query.evidence))
        engine.makeInference()
        expected = torch.tensor(engine.posterior(query.target).tolist(), dtype=torch.float64)
        torch.testing.assert_close(found[: len(expected)], expected, atol=1e-6, rtol=0)
