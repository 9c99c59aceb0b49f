"""Multiple imputation by chained equations, with classification trees."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.tree import DecisionTreeClassifier
from torch import Tensor

from pinndd.bayesnet.baselines.hot_deck import one_hot
from pinndd.bayesnet.network import Structure
from pinndd.bayesnet.rows import MISSING, check_rows


def mice_cart(
    structure: Structure,
    rows: Tensor,
    generator: torch.Generator,
    *,
    imputations: int = 5,
    sweeps: int = 5,
    smallest_leaf: int = 5,
) -> Tensor:
    """Fill missing cells by chained equations with trees (van Buuren & Groothuis-Oudshoorn 2011; Burgette & Reiter 2010).

    Missing cells begin as draws from their column. In each sweep, for one column after another, a tree is grown on the rows that
    record it, with all other columns, one-hot and as they are filled now, and a missing cell becomes that of a row drawn from
    the leaf that its row falls into. Each imputation is a chain of its own.

    Args:
        structure: of the variables; its graph is not used.
        rows: codes, ``(N, V)``, `MISSING` where nothing was recorded.
        generator: of all draws.
        imputations: M, how many complete tables.
        sweeps: over the columns, for each of them.
        smallest_leaf: rows in a leaf of a tree, at least.

    Returns:
        ``(M N, V)``, the complete tables one below the other. Estimated from at once, with a weight of 1 / M per row, they give
        the average of their counts.

    Raises:
        ValueError: the rows do not fit, a column is recorded in no row, or a setting is not positive.
    """
    if min(imputations, sweeps, smallest_leaf) < 1:
        raise ValueError(f"mice_cart: {imputations=}, {sweeps=} and {smallest_leaf=} must be at least 1")
    recorded = check_rows(structure, rows) != MISSING
    if bool((~recorded.any(0)).any()):
        name = structure.names[int((~recorded.any(0)).nonzero()[0])]
        raise ValueError(f"mice_cart: column {name!r} is recorded in no row: no row can be drawn for it")
    return torch.cat([_chain(structure, rows, recorded, generator, sweeps, smallest_leaf) for _ in range(imputations)])


def _chain(
    structure: Structure, rows: Tensor, recorded: Tensor, generator: torch.Generator, sweeps: int, smallest_leaf: int
) -> Tensor:
    filled = rows.clone()
    columns = [k for k in range(rows.shape[1]) if not bool(recorded[:, k].all())]
    for k in columns:
        pool = rows[recorded[:, k], k]
        lacking = ~recorded[:, k]
        filled[lacking, k] = pool[torch.randint(len(pool), (int(lacking.sum()),), generator=generator)]
    owner = torch.tensor([k for k, variable in enumerate(structure.variables) for _ in variable.states])
    hot = one_hot(structure, filled)
    for _ in range(sweeps):
        for k in columns:
            features = hot[:, owner != k].numpy().astype(np.float32)
            known = recorded[:, k]
            seed = int(torch.randint(2**31 - 1, (), generator=generator))
            tree = DecisionTreeClassifier(min_samples_leaf=smallest_leaf, random_state=seed)
            tree.fit(features[known.numpy()], rows[known, k].numpy())
            leaves = torch.from_numpy(tree.apply(features))
            filled[~known, k] = _drawn(rows[known, k], leaves[known], leaves[~known], generator)
            hot[:, owner == k] = (filled[:, k, None] == torch.arange(len(structure.variables[k]))).double()
    return filled


def _drawn(codes: Tensor, leaves: Tensor, wanted: Tensor, generator: torch.Generator) -> Tensor:
    """Draw, for each leaf that is wanted, the code of one of the rows that lie in it."""
    order = leaves.argsort(stable=True)
    ordered = leaves[order].contiguous()
    first = torch.searchsorted(ordered, wanted.contiguous())
    count = torch.searchsorted(ordered, wanted.contiguous(), right=True) - first
    offset = (torch.rand(len(wanted), generator=generator, dtype=torch.float64) * count).long()
    return codes[order[first + offset]]
