"""Does a set serve other networks than the one that it was distilled with?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from pinndd.data import SyntheticData
from pinndd.study.bootstrap import Interval
from pinndd.study.classification.evaluation import Row, evaluate, per_cent, summarise
from pinndd.study.classification.protocol import ARCHITECTURES, Architecture, EvaluationProtocol
from pinndd.vision.datasets import Dataset


@dataclass(frozen=True)
class CrossArchitecture:
    """Accuracies of sets (rows) with networks (columns).

    Attributes:
        sets: names of the sets: the network each was distilled with, or a baseline.
        networks: names of the networks trained on them.
        rows: one a set, network and seed.
    """

    sets: tuple[str, ...]
    networks: tuple[str, ...]
    rows: tuple[Row, ...]

    def accuracy(self, distilled_with: str, trained_with: str) -> Interval:
        """Return the mean accuracy with its 95 % interval over the retrainings.

        Raises:
            KeyError: the table has no such cell.
        """
        for summary in summarise(self.rows):
            if (summary.distilled_with, summary.trained_with) == (distilled_with, trained_with):
                return summary.accuracy
        raise KeyError(f"no set {distilled_with!r} with network {trained_with!r} in the table")

    def markdown(self) -> str:
        """Return a Markdown table in per cent."""
        head = f"| distilled with ↓, trained with → | {' | '.join(self.networks)} |"
        lines = [head, f"|---|{'---|' * len(self.networks)}"]
        for own in self.sets:
            lines.append(f"| {own} | {' | '.join(per_cent(self.accuracy(own, network)) for network in self.networks)} |")
        return "\n".join(lines)


def cross_architecture(
    sets: Mapping[str, SyntheticData],
    dataset: Dataset,
    protocols: Sequence[EvaluationProtocol],
    *,
    device: torch.device | str = "cpu",
    architectures: Mapping[str, Architecture] = ARCHITECTURES,
) -> CrossArchitecture:
    """Train every network on every set.

    Args:
        sets: by the network that each was distilled with; a baseline may stand among them.
        dataset: with the test part.
        protocols: one a network. Their settings should be chosen on a baseline, not on a distilled set.
        device: of the training.
        architectures: the registry of builders.

    Raises:
        ValueError: there is no set or network, two protocols are of the same network, or one does not fit.
    """
    networks = tuple(protocol.name for protocol in protocols)
    if not sets or not networks or len(set(networks)) < len(networks):
        raise ValueError(
            f"cross_architecture: {len(sets)} sets and the networks {', '.join(networks) or '(none)'}: expected at least one set "
            "and networks that differ"
        )
    rows = [
        row
        for name, data in sets.items()
        for protocol in protocols
        for row in evaluate(
            data, dataset, protocol=protocol, distilled_with=name, device=device, architectures=architectures
        )
    ]
    return CrossArchitecture(tuple(sets), networks, tuple(rows))
