"""``pinndd distill``."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from rich.console import Console

from pinndd.data import SyntheticData
from pinndd.outer_loop import Distillation, DivergedError
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import PDE
from pinndd.study import words
from pinndd.study.outcome import Progress, StudySettings
from pinndd.study.run import choose_protocols
from pinndd.terminal.datafile import MODULE
from pinndd.terminal.errors import checking_input, working
from pinndd.terminal.exporting import write
from pinndd.terminal.progress import ProgressBars
from pinndd.terminal.settings import Options, study_settings

FUNCTIONS = {
    "retrain": ("pinndd.study.retrain", "distill_retrain"),
    "amortised": ("pinndd.study.amortised", "distill_amortised"),
    "solved": ("pinndd.study.solved_distilling", "distill_conditions"),
}


class Distiller(Protocol):
    """Distils one set, for one protocol."""

    def __call__(
        self,
        pde: PDE,
        settings: StudySettings,
        seed: int,
        progress: Progress,
        checkpoint: Path | None = None,
        resume: bool = False,
    ) -> Distillation: ...


def distiller(protocol: str) -> Distiller:
    """Return the function that distils for a protocol (imported when it is needed)."""
    module, name = FUNCTIONS[protocol]
    found: Distiller = getattr(importlib.import_module(module), name)
    return found


def distill_one(module: str, protocol: str, out: Path | None, options: Options, resume: bool, overwrite: bool) -> None:
    """Distil one set, save it, and say how good it is on validation conditions."""
    with checking_input():
        pde = load_pde(module)
        settings = study_settings(pde, options)
        path = out or Path(f"{pde.name}-{protocol}.npz")
        checkpoint = path.with_suffix(".checkpoint.npz")
        require_free(path, checkpoint, resume=resume, overwrite=overwrite)
        chosen, skipped = choose_protocols(pde, [protocol])
        if not chosen:
            raise ValueError(f"--protocol {protocol}: {skipped[protocol]}; choose retrain or amortised")

    def hint() -> str:
        if checkpoint.exists():
            return f"the state is kept in {checkpoint}; go on with the same command and --resume"
        return "the outer loop had not begun: start again with the same command"

    with working(hint), ProgressBars() as bars:
        try:
            found = distiller(protocol)(pde, settings, settings.seed, bars, checkpoint=checkpoint, resume=resume)
        except DivergedError as error:
            error.best.save(path)
            raise RuntimeError(f"{error} It is saved as {path}.") from error
        data = found.data.with_header(**{MODULE: module})
        data.save(path)
        files = write(protocol, pde, data, path.with_suffix(".csv")) if protocol == "solved" else ()
        checkpoint.unlink(missing_ok=True)
    _show(pde, protocol, data, [path, *files])
    Console(highlight=False).print(
        f"validation risk {found.risk:.3g} (relative L2 error) after {words.seconds(found.seconds)}", soft_wrap=True
    )


def require_free(path: Path, checkpoint: Path, *, resume: bool, overwrite: bool) -> None:
    """Make sure that a set may be written to ``path``.

    Raises:
        ValueError: there is a file already, or an interrupted distillation, and nothing was said about it.
    """
    if resume and overwrite:
        raise ValueError("--resume and --overwrite exclude each other: choose one")
    if path.suffix != ".npz":
        raise ValueError(f"--out {path}: a data set is an .npz file; name it {path.with_suffix('.npz')}")
    if path.is_dir() or checkpoint.is_dir():
        raise ValueError(f"--out {path} is a folder: name a file")
    if overwrite:
        checkpoint.unlink(missing_ok=True)
    elif checkpoint.exists() and not resume:
        raise ValueError(
            f"an interrupted distillation is kept in {checkpoint}: go on with --resume, or drop it with --overwrite"
        )
    elif path.exists() and not checkpoint.exists():
        raise ValueError(f"{path} exists: replace it with --overwrite, or choose another file with --out")


def _show(pde: PDE, protocol: str, data: SyntheticData, files: Sequence[Path]) -> None:
    sizes = ", ".join(f"{name} {tuple(data[name].shape)}" for name in data.learnable)
    console = Console(highlight=False)
    console.print(f"{pde.name}, {protocol}: distilled {sizes}", soft_wrap=True, markup=False)
    for path in files:
        console.print(f"saved: {path}", soft_wrap=True, markup=False)
