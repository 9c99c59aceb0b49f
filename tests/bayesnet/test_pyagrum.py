"""A second program, where it is installed, gives the same posteriors and estimates, and reads and writes the same files."""

import pytest
import torch

from pinndd.bayesnet import (
    BayesianNetwork,
    BIFWarning,
    Laplace,
    Query,
    QueryBatch,
    Structure,
    Variable,
    estimate,
    load_network,
    posterior,
    read_bif,
    sample,
    write_bif,
)

pyagrum = pytest.importorskip("pyagrum", reason="pyagrum is not installed: pip install 'pinndd[bayesnet]'")


def with_plain_states(network):
    """Rename the states: pyagrum does not read all the characters that BIF files have."""
    structure = network.structure
    variables = tuple(Variable(v.name, tuple(f"s{k}" for k in range(len(v)))) for v in structure.variables)
    return BayesianNetwork(Structure(variables, structure.parents), network.tables)


def in_pyagrum(network, folder):
    write_bif(network, folder / "net.bif", "net")
    return pyagrum.loadBN(str(folder / "net.bif"))


def draw_queries(network, count):
    """A target and four findings of a patient drawn from the network, each."""
    structure, queries = network.structure, []
    for k, row in enumerate(sample(network, count, torch.Generator().manual_seed(0)).tolist()):
        target, *given = torch.randperm(len(row), generator=torch.Generator().manual_seed(k)).tolist()[:5]
        evidence = {structure.names[j]: structure.variables[j].states[row[j]] for j in given}
        queries.append(Query(structure.names[target], evidence))
    return tuple(queries)


def posteriors(model, queries):
    engine = pyagrum.LazyPropagation(model)
    for query in queries:
        engine.setEvidence(dict(query.evidence))
        engine.makeInference()
        yield torch.tensor(engine.posterior(query.target).tolist(), dtype=torch.float64)


def table_of(model, name, parents):
    """The table of a variable with the axes that ours has: the parents in their order, the variable last."""
    table = model.cpt(name)
    array = torch.tensor(table.toarray(), dtype=torch.float64)
    axes = list(reversed(table.names))  # numpy axes of pyagrum run backwards
    return array.permute([axes.index(member) for member in (*parents, name)])


@pytest.mark.parametrize("name", ["asia", "child", "alarm"])
def test_posteriors_agree(name, tmp_path):
    network = with_plain_states(load_network(name))
    queries = draw_queries(network, 30)
    for found, expected in zip(posterior(network, queries), posteriors(in_pyagrum(network, tmp_path), queries), strict=True):
        torch.testing.assert_close(found[: len(expected)], expected, atol=1e-6, rtol=0)


def test_a_batch_of_networks_answers_a_batch_of_queries_on_alarm(tmp_path):
    true = with_plain_states(load_network("alarm"))
    queries = draw_queries(true, 50)
    networks = []
    for seed in range(2):
        rows = sample(true, 300, torch.Generator().manual_seed(seed))
        networks.append(estimate(true.structure, rows, prior=Laplace()))
    tables = {name: torch.stack([network[name] for network in networks]) for name in true.structure.names}
    answers = QueryBatch(true.structure, queries)(tables)
    for network, answer in zip(networks, answers, strict=True):
        for found, expected in zip(answer, posteriors(in_pyagrum(network, tmp_path), queries), strict=True):
            torch.testing.assert_close(found[: len(expected)], expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("smoothing", "prior"), [(1.0, Laplace(1.0)), (1e-9, None)])
def test_estimates_agree(smoothing, prior, tmp_path):
    true = with_plain_states(load_network("child"))
    structure, rows = true.structure, sample(true, 500, torch.Generator().manual_seed(0))
    lines = [",".join(structure.names)]
    lines += [",".join(v.states[code] for v, code in zip(structure.variables, row, strict=True)) for row in rows.tolist()]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    template = in_pyagrum(true, tmp_path)
    learner = pyagrum.BNLearner(str(tmp_path / "rows.csv"), template)
    learner.useSmoothingPrior(smoothing)
    model = learner.learnParameters(template.dag())
    own = estimate(structure, rows, prior=prior)
    for name in structure.names:
        expected = table_of(model, name, structure.parents[name])
        torch.testing.assert_close(own[name], expected, atol=1e-5, rtol=0)


def test_files_go_there_and_back(tmp_path):
    network = with_plain_states(load_network("alarm"))
    model = in_pyagrum(network, tmp_path)
    for name in network.structure.names:
        expected = network[name]
        torch.testing.assert_close(table_of(model, name, network.structure.parents[name]), expected, atol=1e-6, rtol=0)
    pyagrum.saveBN(model, str(tmp_path / "back.bif"))
    with pytest.warns(BIFWarning, match="rounded numbers"):  # it writes six digits
        back = read_bif(tmp_path / "back.bif")
    assert back.structure.arcs == network.structure.arcs
    queries = draw_queries(network, 20)
    torch.testing.assert_close(posterior(back, queries), posterior(network, queries), atol=1e-5, rtol=0)
