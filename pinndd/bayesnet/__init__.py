"""Discrete Bayesian networks: files, exact inference, sampling, estimation from complete and incomplete rows, graph search.

And hospitals that record different variables: their tables, and which queries they identify."""

from pinndd.bayesnet.bif import format_bif, parse_bif, read_bif, write_bif
from pinndd.bayesnet.bif_text import BIFError, BIFWarning
from pinndd.bayesnet.em import EMFit, expectation_maximisation
from pinndd.bayesnet.estimation import BDeu, Laplace, MaximumLikelihood, Prior, estimate, estimate_tables, family_counts
from pinndd.bayesnet.heart import Heart, load_heart
from pinndd.bayesnet.hospital_files import FileReport, HospitalFile, HospitalFileError, read_hospitals
from pinndd.bayesnet.hospitals import Hospitals, draw_subsets, split
from pinndd.bayesnet.identification import Identification, IdentifiedQuery, identify
from pinndd.bayesnet.inference import ImpossibleEvidenceError, Query, QueryBatch, posterior
from pinndd.bayesnet.network import BayesianNetwork, Structure, Variable
from pinndd.bayesnet.networks import load_network
from pinndd.bayesnet.patterns import log_likelihood
from pinndd.bayesnet.rows import MISSING, decode, encode, soften
from pinndd.bayesnet.sampling import sample
from pinndd.bayesnet.structure import LearnedStructure, equivalent, hill_climb

__all__ = [
    "MISSING",
    "BDeu",
    "BIFError",
    "BIFWarning",
    "BayesianNetwork",
    "EMFit",
    "FileReport",
    "Heart",
    "HospitalFile",
    "HospitalFileError",
    "Hospitals",
    "Identification",
    "IdentifiedQuery",
    "ImpossibleEvidenceError",
    "Laplace",
    "LearnedStructure",
    "MaximumLikelihood",
    "Prior",
    "Query",
    "QueryBatch",
    "Structure",
    "Variable",
    "decode",
    "draw_subsets",
    "encode",
    "equivalent",
    "estimate",
    "estimate_tables",
    "expectation_maximisation",
    "family_counts",
    "format_bif",
    "hill_climb",
    "identify",
    "load_heart",
    "load_network",
    "log_likelihood",
    "parse_bif",
    "posterior",
    "read_bif",
    "read_hospitals",
    "sample",
    "soften",
    "split",
    "write_bif",
]
