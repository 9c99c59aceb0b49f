"""Built-in networks of the Bayesian network repository of bnlearn, in the copies that pgmpy 1.1.2 distributes.

The files are by Marco Scutari (2010, doi 10.18637/jss.v035.i03; https://www.bnlearn.com/bnrepository) under CC BY-SA 3.0.

- ``asia``: chest clinic, 8 variables (Lauritzen & Spiegelhalter 1988, J. R. Stat. Soc. B 50, 157-194).
- ``child``: congenital heart disease, 20 variables (Spiegelhalter & Cowell 1992, Bayesian Statistics 4, 447-466).
- ``alarm``: monitoring of anaesthesia, 37 variables (Beinlich, Suermondt, Chavez & Cooper 1989, Proc. 2nd European Conf. on AI
  in Medicine, 247-256).
"""

from __future__ import annotations

from importlib.resources import files

from pinndd.bayesnet.bif import parse_bif
from pinndd.bayesnet.network import BayesianNetwork

NAMES = ("asia", "child", "alarm")


def load_network(name: str) -> BayesianNetwork:
    """Return a built-in network.

    Args:
        name: ``asia``, ``child`` or ``alarm``.

    Raises:
        ValueError: there is no such network.
    """
    if name not in NAMES:
        raise ValueError(f"no built-in network {name!r}; expected one of {', '.join(NAMES)}, or a file for read_bif")
    return parse_bif(files(__name__).joinpath(f"{name}.bif").read_text(encoding="utf-8"), f"{name}.bif")
