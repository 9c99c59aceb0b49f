"""Posteriors against the joint distribution written out, and their gradient against central differences."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinndd.bayesnet import ImpossibleEvidenceError, Query, QueryBatch, load_network, posterior, sample
from pinndd.bayesnet.contraction import plan


def by_enumeration(joint, structure, tables, query):
    """Return P(target | evidence) from the joint distribution."""
    values = joint(structure, tables)
    for name, evidence in query.evidence.items():
        likelihood = torch.zeros(len(structure[name]), dtype=torch.float64)
        if isinstance(evidence, str):
            likelihood[structure[name].code(evidence)] = 1
        else:
            likelihood += torch.tensor(evidence)
        axis = structure.index(name)
        values = values * likelihood.reshape([-1 if k == axis else 1 for k in range(values.ndim)])
    axis = structure.index(query.target)
    marginal = values.movedim(axis, 0).flatten(1).sum(1) if values.ndim > 1 else values
    return marginal / marginal.sum()


def random_queries(structure, count, seed):
    generator = torch.Generator().manual_seed(seed)
    queries = []
    for _ in range(count):
        order = torch.randperm(len(structure.names), generator=generator).tolist()
        target, *given = (structure.names[k] for k in order[: int(torch.randint(1, 5, (), generator=generator))])
        evidence = {}
        for name in given:
            soft = torch.rand(len(structure[name]), generator=generator, dtype=torch.float64)
            hard = structure[name].states[int(soft.argmax())]
            evidence[name] = soft.tolist() if float(soft[0]) < 0.3 else hard
        queries.append(Query(target, evidence))
    return tuple(queries)


def assert_enumerated(joint, network, queries):
    answer = posterior(network, queries)
    for k, query in enumerate(queries):
        expected = by_enumeration(joint, network.structure, network.tables, query)
        torch.testing.assert_close(answer[k, : len(expected)], expected)
        assert not answer[k, len(expected) :].any()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(1, 7))
def test_random_networks_agree_with_enumeration(random_network, joint, seed, size):
    network = random_network(seed, size)
    assert_enumerated(joint, network, random_queries(network.structure, 6, seed))


def test_asia_agrees_with_enumeration_and_the_literature(joint):
    network = load_network("asia")
    targets = [
        Query(a, {b: s}) for a in network.structure.names for b in ("asia", "xray", "dysp") for s in ("yes", "no") if a != b
    ]
    assert_enumerated(joint, network, targets)
    # P(tuberculosis | visit to Asia, positive x-ray): .05 (.98) / (.05 (.98) + .95 (.055 (.98) + .945 (.05)))
    both = posterior(network, [Query("tub", {"asia": "yes", "xray": "yes"})])[0, 0]
    assert float(both) == pytest.approx(0.05 * 0.98 / (0.05 * 0.98 + 0.95 * (0.055 * 0.98 + 0.945 * 0.05)))


def test_bayes_rule_in_closed_form():
    network = load_network("child")
    prior = network["BirthAsphyxia"]
    disease = network["Disease"][:, 2] * prior
    answer = posterior(network, [Query("BirthAsphyxia", {"Disease": "Fallot"})])
    torch.testing.assert_close(answer[0], disease / disease.sum())


def test_gradient_in_the_tables(random_network, central_differences):
    network = random_network(4)
    batch = QueryBatch(network.structure, random_queries(network.structure, 5, 4))
    for name in network.structure.names:

        def risk(table, name=name):
            return batch({**network.tables, name: table}).square().sum() + table.sum()

        table = network[name].clone().requires_grad_()
        (gradient,) = torch.autograd.grad(risk(table), table)
        torch.testing.assert_close(gradient, central_differences(risk, network[name]), atol=1e-9, rtol=1e-7)


def test_a_batch_of_networks_in_one_call(random_network):
    first = random_network(7)
    tables = {n: torch.rand((2, 3, *t.shape), dtype=torch.float64, generator=torch.Generator().manual_seed(k)) + 0.1
              for k, (n, t) in enumerate(first.tables.items())}  # fmt: skip
    tables = {n: t / t.sum(-1, keepdim=True) for n, t in tables.items()}
    batch = QueryBatch(first.structure, random_queries(first.structure, 4, 7))
    answer = batch(tables)
    assert answer.shape == (2, 3, 4, batch.states)
    torch.testing.assert_close(answer[1, 2], batch({n: t[1, 2] for n, t in tables.items()}))


def test_alarm_needs_only_small_tensors():
    network = load_network("alarm")
    rows = sample(network, 50, torch.Generator().manual_seed(0))
    names, queries = network.structure.names, []
    for k, row in enumerate(rows.tolist()):
        given = [names[(k * 7 + j * 5) % 37] for j in range(1, 5)]
        queries.append(Query(names[k * 7 % 37], {n: network.structure[n].states[row[names.index(n)]] for n in given}))
    batch = QueryBatch(network.structure, tuple(queries))
    assert batch.order().largest <= 50 * batch.states * 150
    torch.testing.assert_close(batch(network.tables).sum(-1), torch.ones(50, dtype=torch.float64))


def test_contraction_of_disconnected_tensors_and_hyperedges():
    sizes = {"b": 3, "x": 2, "y": 4, "z": 5}
    inputs = (("b", "x"), ("x", "y"), ("b", "x"), ("z",), ("b",), ("x",))
    tensors = [torch.rand([sizes[n] for n in labels], dtype=torch.float64) for labels in inputs]
    contraction = plan(inputs, ("y", "b"), tuple(sizes.items()))
    torch.testing.assert_close(contraction(tensors), torch.einsum("bx,xy,bx,z,b,x->yb", *tensors))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (Query("disease"), "query 1.*unknown variable 'disease'"),
        (Query("lung", {"x": "yes"}), r"query 1, P\(lung \| x=yes\): unknown variable 'x'"),
        (Query("lung", {"xray": "maybe"}), "query 1.*variable 'xray' has no state 'maybe'; expected one of yes, no"),
        (Query("lung", {"lung": "yes"}), "query 1.*the target is among the evidence"),
        (Query("lung", {"xray": [0.0, 0.0]}), r"query 1.*likelihood \[0.0, 0.0\] of 'xray' must be 2 non-negative"),
        (Query("lung", {"xray": [1.0]}), r"query 1.*likelihood \[1.0\] of 'xray' must be 2"),
    ],
)
def test_a_bad_query_is_refused(query, message):
    with pytest.raises(ValueError, match=message):
        QueryBatch(load_network("asia").structure, (Query("lung"), query))


def test_impossible_evidence_names_the_query():
    queries = [Query("xray"), Query("dysp", {"lung": "yes", "either": "no"})]
    with pytest.raises(
        ImpossibleEvidenceError, match=r"query 1, P\(dysp \| lung=yes, either=no\): its evidence has probability"
    ):
        posterior(load_network("asia"), queries)


def test_no_query_is_refused():
    with pytest.raises(ValueError, match="there is no query"):
        QueryBatch(load_network("asia").structure, ())


def test_a_table_without_the_axis_of_the_others_is_refused():
    network = load_network("asia")
    tables = {**network.tables, "smoke": network["smoke"].expand(3, 2)}
    with pytest.raises(ValueError, match="different leading shapes"):
        QueryBatch(network.structure, (Query("lung"),))(tables)
