"""Discrete Bayesian networks: files, exact inference, sampling, estimation from complete and incomplete rows, graph search."""

from pinndd.bayesnet.bif import BIFError, format_bif, parse_bif, read_bif, write_bif
from pinndd.bayesnet.em import Fitted, expectation_maximisation
from pinndd.bayesnet.estimation import BDeu, Laplace, MaximumLikelihood, Prior, estimate, estimate_tables, family_counts
from pinndd.bayesnet.inference import ImpossibleEvidenceError, Query, QueryBatch, posterior
from pinndd.bayesnet.network import BayesianNetwork, Structure, Variable
from pinndd.bayesnet.networks import load_network
from pinndd.bayesnet.patterns import log_likelihood
from pinndd.bayesnet.rows import MISSING, decode, encode, soften
from pinndd.bayesnet.sampling import sample
from pinndd.bayesnet.structure import Learned, equivalent, hill_climb

__all__ = [
    "MISSING",
    "BDeu",
    "BIFError",
    "BayesianNetwork",
    "Fitted",
    "ImpossibleEvidenceError",
    "Laplace",
    "Learned",
    "MaximumLikelihood",
    "Prior",
    "Query",
    "QueryBatch",
    "Structure",
    "Variable",
    "decode",
    "encode",
    "equivalent",
    "estimate",
    "estimate_tables",
    "expectation_maximisation",
    "family_counts",
    "format_bif",
    "hill_climb",
    "load_network",
    "log_likelihood",
    "parse_bif",
    "posterior",
    "read_bif",
    "sample",
    "soften",
    "write_bif",
]
