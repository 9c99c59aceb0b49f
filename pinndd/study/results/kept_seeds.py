"""What single seeds of a protocol found, kept in the run folder as they end: who goes on, or lends a hand, computes none twice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pinndd.storage.locks import InUseError, computing_alone, writing_alone
from pinndd.study.results.outcome import Outcome
from pinndd.study.results.outcome_files import DESCRIPTION, has_outcome, load_outcome, save_outcome

WHAT = "seed"
"""What is locked, for messages."""


@dataclass(frozen=True)
class KeptSeeds:
    """The outcomes of single seeds, until that of the whole protocol is there.

    Attributes:
        folder: that has a folder for each (None: nothing is kept).
        run: hash of the settings that they belong to, `pinndd.study.results.run_config.RunConfig.identity`.
    """

    folder: Path | None = None
    run: str = ""

    def checkpoint(self, name: str, number: int) -> Path | None:
        """Return the file for the state of an outer loop of a seed, if anything is kept.

        Args:
            name: of the seed.
            number: of the loop.
        """
        return None if self.folder is None else self.folder / name / f"loop-{number}.npz"

    def outcome(self, name: str, compute: Callable[[], Outcome], waiting: Callable[[], None]) -> Outcome:
        """Return what was kept, or compute and keep it; where another process computes it, wait for that one.

        Args:
            name: of the seed, with all that tells it from others of the same run.
            compute: finds it.
            waiting: called before this process waits for another one.

        Raises:
            OutcomeFileError: what was kept is damaged, or of a run with other settings.
        """
        if self.folder is None:
            return compute()
        place = self.folder / name
        if not has_outcome(place):
            with computing_alone(WHAT, place / DESCRIPTION, waiting):
                if not has_outcome(place):
                    found = compute()
                    save_outcome(found, place, self.run)
                    return found
        return load_outcome(place, self.run)

    def lend_a_hand(self, name: str, compute: Callable[[], Outcome]) -> None:
        """Compute and keep a seed, unless it is kept or another process computes it.

        Args:
            name, compute: see `outcome`.
        """
        if self.folder is None:
            return
        place = self.folder / name
        with suppress(InUseError), writing_alone(WHAT, place / DESCRIPTION):
            if not has_outcome(place):
                save_outcome(compute(), place, self.run)


NOT_KEPT = KeptSeeds()
"""Outcomes of single seeds are not kept."""
