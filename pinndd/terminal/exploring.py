"""``pinndd explore``: a page on which boundary values are moved and the field is seen at once."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import typer

from pinndd.data import SyntheticData
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.modules import all_module_files
from pinndd.pinn.declare.pde import PDE
from pinndd.stopping import stoppable
from pinndd.study.exploring.frames import open_frames
from pinndd.study.solving_on_set import learners_of
from pinndd.terminal.datafile import open_data
from pinndd.terminal.errors import checking_input, working
from pinndd.terminal.progress import ProgressBars


def explore(what: str, module: str | None, port: int | None, browser: bool) -> None:
    """Prepare the page, serve it to this machine, and say where it is, until Ctrl-C."""
    with checking_input():
        if importlib.util.find_spec("bokeh") is None:
            raise ValueError("pinndd explore needs bokeh, which is not installed: pip install 'pinndd[explore]'")
        # bokeh takes a second to import, and only this page needs it
        from pinndd.study.exploring.serving import free_port, serve

        pde, data = _opened(what, module)
        number = free_port(port)
    typer.echo(f"{pde.name}: preparing the page")
    with working("the page was not opened"):
        with ProgressBars():
            frames = open_frames(pde, data)
        with stoppable(lambda: typer.echo("stopped; the page is closed, nothing was written")) as closed:
            serve(frames, number, browser=browser, ready=lambda address: typer.echo(f"open {address} (Ctrl-C ends it)"))
            closed()


def _opened(what: str, module: str | None) -> tuple[PDE, SyntheticData | None]:
    """Load the PDE, and the distilled set if it is one.

    Raises:
        ValueError: the set holds no points to train on, or ``--pde`` stands beside a PDE.
    """
    if Path(what).suffix != ".npz" and (what.replace("-", "_") in all_module_files() or not Path(what).is_dir()):
        if module is not None:
            raise ValueError(f"--pde {module}: it names the module of a set, and {what} is a PDE; leave one of the two out")
        return load_pde(what), None
    file = open_data(Path(what), module)
    learners_of(file.pde, file.data)
    return file.pde, file.data
