"""``pinndd distill``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch.distributed as dist
import typer
from rich.console import Console
from torch import Tensor

from pinndd.data import SyntheticData
from pinndd.outer_loop import DivergedError
from pinndd.pinn.declare.pde import PDE
from pinndd.processes import LostProcessError, require_enough
from pinndd.stated.task import StatedTask
from pinndd.storage.comparing import differences
from pinndd.study.plan import study_device
from pinndd.study.plots.sensors import draw_placement
from pinndd.study.plots.style import house_style, save_figure
from pinndd.study.protocols import NAMES, protocol_named
from pinndd.study.protocols.bench import Bench, Study
from pinndd.study.protocols.engine import Trial, distill_best, going_on, state_beside, wild_in_words
from pinndd.study.protocols.protocol import Protocol
from pinndd.study.results import words
from pinndd.study.results.standing import Standing
from pinndd.study.results.table import NO_SHIFT
from pinndd.terminal.errors import checking_input, options_lowered, warn, working
from pinndd.terminal.output import require_writable, resumed, table_console, writing_to
from pinndd.terminal.progress import ProgressBars
from pinndd.terminal.settings import Options, named_protocols, protocol_settings, require_use_of_device, study_settings
from pinndd.terminal.several import joined
from pinndd.terminal.subjects import subject_named
from pinndd.terminal.tables import plain_table

USUAL = "retrain"
"""The protocol that distills where none is named."""


def distill_one(
    module: str, protocol: str | None, out: Path | None, options: Options, resume: bool, overwrite: bool
) -> None:
    """Distill one set, save it, and say how good it is on validation conditions."""
    with ExitStack() as held:
        with checking_input():
            options, writes = held.enter_context(joined(options))
            pde = subject_named(module, options.network)
            if isinstance(pde, StatedTask) and dist.is_initialized():
                raise ValueError(f"torchrun splits the distillation of a PDE, and {pde.name!r} is a stated task: start one process")
        if isinstance(pde, StatedTask):
            from pinndd.terminal.tasks import distill_one as distill_task

            distill_task(pde, protocol, out, options, resume, overwrite)
            return
        with checking_input():
            if protocol == "all":
                raise ValueError(f"--protocol all: a set belongs to one protocol; expected {', '.join(NAMES)}")
            (name,) = named_protocols(protocol, options, [USUAL])
            chosen = protocol_named(name)
            settings = study_settings(pde, options)
            require_use_of_device(options, [name])
            size = protocol_settings(pde, [name], options)[name]
            choice = study_device(pde, [name], settings, {name: size})
            study = chosen.open(pde, size, replace(settings, device=choice.device))
            if len(study.sizes) > 1:
                raise ValueError(f"--sensors {options.sensors}: one placement has one number of sensors; give one")
            if dist.is_initialized() and study.recipe.outer is not None:
                require_enough(study.recipe.outer.batch)
            path = out or Path(f"{pde.name}-{name}.npz")
            checkpoint = path.with_suffix(".checkpoint.npz")
            if resume and is_finished(path, checkpoint, study.header(settings.seed)):
                return
            if writes:
                require_free(path, checkpoint, resume=resume, overwrite=overwrite)

        if choice.why:
            typer.echo(choice.why)
        held.enter_context(writing_to("--out", path if writes else None))
        if writes:
            with checking_input():
                require_free(path, checkpoint, resume=resume, overwrite=overwrite)
                if overwrite:
                    drop(checkpoint)
                study = going_on(study, checkpoint, resume)
        _distill(chosen, study, path, checkpoint, resume=resume, overwrite=overwrite, writes=writes)


def _distill(
    chosen: Protocol[Any], study: Study[Any], path: Path, checkpoint: Path, *, resume: bool, overwrite: bool, writes: bool
) -> None:
    pde = study.pde

    def hint() -> str:
        return state_in_words(checkpoint, overwrite)

    with working(hint, options_lowered(chosen.options)), ProgressBars() as bars:
        try:
            trial = distill_first(replace(study, progress=bars), checkpoint, resume)
        except LostProcessError as error:
            raise RuntimeError(f"{error}; {hint()}") from error
        except DivergedError as error:
            if not writes:
                raise
            error.best.save(path)
            raise RuntimeError(f"{error} (it is saved as {path}, which says that it diverged)") from error
        bench, found, data = trial.bench, trial.found, trial.found.data
        expected = bench.in_validation(data)
        if not writes:
            return
        data.save(path)
        files = [*chosen.export(pde, data, path.with_suffix(".csv"))] if chosen.labelled else []
        files += _drawn(bench, data, path.with_suffix(".png"))
        drop(checkpoint)
    _show(pde, chosen.name, data, [path, *files])
    show_places(pde, bench.places(data))
    seconds = words.seconds(found.seconds)
    if trial.remark:
        Console(highlight=False).print(trial.remark, soft_wrap=True, markup=False)
    Console(highlight=False).print(f"error {expected}; distilled in {seconds}", soft_wrap=True, markup=False)
    for said in study.allowance.said("distillation"):
        Console(highlight=False).print(said, soft_wrap=True, markup=False)
    if found.wild:
        warn(wild_in_words(found.wild))


def state_in_words(checkpoint: Path, overwrite: bool) -> str:
    """Say, to whoever stops a distillation, whether a state is kept by then, and how to go on."""
    if checkpoint.exists():
        return f"the state is kept in {checkpoint}; {resumed(overwrite)}"
    return "nothing is kept, since the outer loop had not begun: start again with the same command"


def distill_first(study: Study[Any], checkpoint: Path, resume: bool) -> Trial:
    """Distill on the first bench of a study."""
    return distill_best(study.benches(study.settings.seed)[0], checkpoint, resume)


def drop(checkpoint: Path) -> None:
    """Delete the states of an outer loop, the one that says that something was interrupted last."""
    for file in (state_beside(checkpoint), checkpoint):
        file.unlink(missing_ok=True)


def _drawn(bench: Bench[Any], data: SyntheticData, path: Path) -> list[Path]:
    """Draw the places that somebody must go to, beside those of the best design, and return the picture."""
    places = bench.places(data)
    if not places:
        return []
    best = min(bench.designs, key=lambda m: m.error)
    with house_style():
        standing = Standing(NO_SHIFT, best.name)
        save_figure(draw_placement(bench.pde, list(places), data, best.data, standing), path)
    return [path]


def show_places(pde: PDE, places: Mapping[str, Tensor]) -> None:
    """Print where somebody must go, one line per place."""
    if not places:
        return
    names = [f"{n} ({pde.units[n]})" if n in pde.units else n for n in pde.box.names]
    rows = [(name, *(f"{v:.3f}" for v in point)) for name, points in places.items() for point in points.tolist()]
    console = table_console()
    console.print(plain_table(("condition", *names), rows))
    counts = ", ".join(f"{len(points)} on {name}" for name, points in places.items())
    console.print(f"{sum(map(len, places.values()))} sensors: {counts}", soft_wrap=True, markup=False)


def is_finished(path: Path, checkpoint: Path, header: Mapping[str, Any]) -> bool:
    """Say that nothing is left to do, and return whether that is so: a set of these settings is there, and no state beside it.

    Raises:
        DataFileError: the set is damaged.
        ValueError: it has other settings, which are named.
    """
    if checkpoint.exists() or not path.is_file():
        return False
    there = SyntheticData.load(path).header
    wanted = {name: value for name, value in json.loads(json.dumps(header)).items() if name != "module"}
    if apart := differences({name: there.get(name) for name in wanted}, wanted):
        raise ValueError(f"--out {path} is finished, with other settings: {apart}; choose another file, or add --overwrite")
    typer.echo(f"{path} is finished: nothing is left to do")
    return True


def require_free(path: Path, checkpoint: Path, *, resume: bool, overwrite: bool) -> None:
    """Make sure that a set may be written to ``path``.

    Raises:
        ValueError: there is a file already, or an interrupted distillation, and nothing was said about it.
    """
    if resume and overwrite:
        raise ValueError("--resume and --overwrite exclude each other: choose one")
    if path.suffix != ".npz":
        raise ValueError(f"--out {path}: a data set is an .npz file; name it {path.with_suffix('.npz')}")
    require_writable("--out", path, overwrite=overwrite or checkpoint.exists())
    if checkpoint.is_dir():
        raise ValueError(f"--out {path}: its state would be kept in {checkpoint}, which is a folder: choose another file")
    if checkpoint.exists() and not (resume or overwrite):
        raise ValueError(
            f"an interrupted distillation is kept in {checkpoint}: go on with --resume, or drop it with --overwrite"
        )


def _show(pde: PDE, protocol: str, data: SyntheticData, files: Sequence[Path]) -> None:
    sizes = ", ".join(f"{name} {tuple(data[name].shape)}" for name in data.learnable)
    console = table_console()
    console.print(f"{pde.name}, {protocol}: distilled {sizes}", soft_wrap=True, markup=False)
    for path in files:
        console.print(f"saved: {path}", soft_wrap=True, markup=False)
