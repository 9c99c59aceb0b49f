"""The command line ``pinndd``. Only names and options stand here: torch is imported when a command runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pinndd.study.protocols import NAMES

app = typer.Typer(
    name="pinndd",
    help="Distill small data sets for physics-informed neural networks, and show how far they generalise.",
    epilog="Begin with: pinndd study heat --quick",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


table_app = typer.Typer(
    help="Tables of hospitals: write a first TOML file of them.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.add_typer(table_app, name="table")

# typer brings its own copy of the class
_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]


DataArgument = Annotated[Path, typer.Argument(metavar="DATA", help="A distilled set, an .npz file.")]
PDEArgument = Annotated[str, typer.Argument(metavar="PDE", help="Name of a packaged PDE, or path of your own module.")]
Subject = Annotated[
    str,
    typer.Argument(
        metavar="PDE|TASK",
        help="Name of a packaged PDE or stated task, path of your own module, of a folder or .npz of images, or a .toml of hospitals.",
    ),
]
Size = Annotated[int | None, typer.Option(metavar="N", help="Examples of the set of a stated task. Default: as its module says.")]
PerClass = Annotated[
    int | None, typer.Option("--per-class", metavar="N", help="Examples per class of the set of a stated task, in place of --size.")
]
Network = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Of images: convnet-3 (of width 128), convnet-3x32, mlp, mlp-256x256. Default: convnet-3x32; mlp below 16 pixels.",
    ),
]
ProtocolName = Annotated[
    str | None, typer.Option("--protocol", metavar="NAME", help=f"How a PINN meets a new condition: {', '.join(NAMES)}.")
]
Points = Annotated[
    int | None,
    typer.Option(metavar="N", help="Interior points (retrain: 64 unless the module says otherwise; sensors: plenty)."),
]
BoundaryPoints = Annotated[
    int | None, typer.Option(metavar="N", help="Boundary points of all conditions together (retrain: 30).")
]
Tuples = Annotated[int | None, typer.Option(metavar="N", help="Tuples (position, condition) inside (amortised: 280).")]
BoundaryTuples = Annotated[int | None, typer.Option(metavar="N", help="Tuples on all conditions together (amortised: 70).")]
Conditions = Annotated[int | None, typer.Option(metavar="N", help="m, the conditions to solve (solved: 16).")]
Distance = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Error that is minimised and reported: relative-l2 (default), relative-h1, relative-maximum."),
]
Risk = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Over conditions, in the outer loop: mean, geometric-mean, worst-case, cvar:0.1, entropic:0.1."),
]
Seed = Annotated[int, typer.Option(metavar="N", help="First seed.")]
Device = Annotated[str, typer.Option(metavar="NAME", help="cpu, cuda, cuda:1; auto: a GPU where it is faster.")]
Learner = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Distill with body, ridge, gauss-newton, mlp-adam, mlp-lm, bank (bodies and random features) or bank-full (mlp-lm too). "
        "Default: body; with --quick random features.",
    ),
]
Quick = Annotated[bool, typer.Option("--quick", help="A first look, within two minutes.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue what was interrupted.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]


def _version(wanted: bool) -> None:
    if wanted:
        from pinndd import __version__

        typer.echo(f"pinndd {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    if os.environ.get("TORCHELASTIC_RUN_ID") and context.invoked_subcommand != "distill":
        raise _USAGE_ERROR(f"torchrun splits one distillation: start 'pinndd {context.invoked_subcommand}' without it")


@app.command("list", epilog="Example: pinndd list heat")
def list_command(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Show this one in detail; a path works too.")] = None,
) -> None:
    """List the packaged PDEs and stated tasks, or show one: of a PDE its domain, conditions, families and shifts."""
    if name is None:
        from pinndd.terminal.listing import list_all

        list_all()
    else:
        from pinndd.terminal.describing import list_one

        list_one(name)


@app.command(epilog="Example: pinndd check ./my_pde.py")
def check(pde: Subject, network: Network = None, per_class: PerClass = None) -> None:
    """Tell what is wrong with a module of a PDE or of a stated task, with images or tables of hospitals, before any training."""
    from pinndd.terminal.describing import check as run

    run(pde, network, per_class)


@app.command(epilog="Example: pinndd body heat")
def body(pde: PDEArgument, points: Points = None, boundary_points: BoundaryPoints = None) -> None:
    """Train the hidden layers that a PDE's networks share, once for its families, or find them again; sets are distilled on them."""
    from pinndd.terminal.bodies import body as run

    run(pde, points, boundary_points)


@app.command(epilog="Example: pinndd distill heat --points 64 --boundary-points 30 --out heat.npz")
def distill(
    pde: Subject,
    protocol: ProtocolName = None,
    points: Points = None,
    boundary_points: BoundaryPoints = None,
    tuples: Tuples = None,
    boundary_tuples: BoundaryTuples = None,
    conditions: Conditions = None,
    sensors: Annotated[
        str | None,
        typer.Option(metavar="M", help="Where to measure: M sensors on all conditions together (sensors: 18)."),
    ] = None,
    size: Size = None,
    per_class: PerClass = None,
    network: Network = None,
    learner: Learner = None,
    distance: Distance = None,
    risk: Risk = None,
    seed: Seed = 0,
    device: Device = "auto",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File to write. Default: PDE-PROTOCOL.npz, or PDE-sensors.npz.")
    ] = None,
    quick: Quick = False,
    resume: Resume = False,
    overwrite: Overwrite = False,
) -> None:
    """Distill one data set and save it."""
    from pinndd.terminal.distilling import distill_one
    from pinndd.terminal.settings import Options

    options = Options(
        points=points,
        boundary_points=boundary_points,
        tuples=tuples,
        boundary_tuples=boundary_tuples,
        conditions=conditions,
        sensors=sensors,
        size=size,
        per_class=per_class,
        network=network,
        distance=distance,
        risk=risk,
        seed=seed,
        device=device,
        learner=learner,
        quick=quick,
    )
    distill_one(pde, protocol, out, options, resume, overwrite)


@app.command(epilog="Example: pinndd study burgers --protocol retrain --full --out runs/burgers")
def study(
    pdes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PDE|TASK...",
            help="Names of packaged PDEs, or paths of your own modules; or one stated task, a folder or .npz of images, or a .toml of "
            "hospitals.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every packaged PDE: the benchmark.")] = False,
    protocol: ProtocolName = None,
    points: Points = None,
    boundary_points: BoundaryPoints = None,
    tuples: Tuples = None,
    boundary_tuples: BoundaryTuples = None,
    conditions: Conditions = None,
    sensors: Annotated[
        str | None,
        typer.Option(metavar="M,M,...", help="Study the placement of sensors instead, at these numbers of them (sensors: 18)."),
    ] = None,
    size: Size = None,
    per_class: PerClass = None,
    network: Network = None,
    learner: Learner = None,
    distance: Distance = None,
    risk: Risk = None,
    judge: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Also train this learner on the set; may be given several times.")
    ] = None,
    no_judges: Annotated[
        bool, typer.Option("--no-judges", help="Train nothing but the learner that the set is distilled for.")
    ] = False,
    seeds: Annotated[int | None, typer.Option(metavar="N", help="Distillation seeds. Default: 2.")] = None,
    test_conditions: Annotated[int | None, typer.Option(metavar="N", help="Test conditions per shift. Default: 40.")] = None,
    seed: Seed = 0,
    device: Device = "auto",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Folder of the run. Default: runs/PDE; of several runs: runs/all, one below it each."
        ),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where benchmark.json takes up the summary. Default: of one PDE, nowhere; of several, benchmarks/results in a "
            "checkout, the folder of the runs elsewhere and with --quick.",
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", help="Processes, which share studies and their seeds. Default: one.", show_default=False),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Run on the workers of this Dask scheduler, such as tcp://10.0.0.1:8786.")
    ] = None,
    cell: Annotated[int | None, typer.Option(metavar="K", help="Of several PDEs: the K-th share of --of M, in this process.")] = None,
    of: Annotated[int | None, typer.Option(metavar="M", help="Shares that the studies fall into, as for a job array.")] = None,
    quick: Quick = False,
    full: Annotated[bool, typer.Option("--full", help="Five seeds and every judge, DeepXDE included.")] = False,
    curve: Annotated[bool, typer.Option("--curve", help="Repeat at other numbers of points.")] = False,
    sensitivity: Annotated[
        bool, typer.Option("--sensitivity", help="Of a stated task: distill for the other tasks, distances and risks it names, too.")
    ] = False,
    resume: Resume = False,
    overwrite: Overwrite = False,
) -> None:
    """Distill, train on the result and on every baseline, and write tables, pictures and a report.

    Several PDEs are studied in processes of their own, here or on a cluster, and so are the seeds of each where a process is free; a
    study that fails is reported, and the others go on.
    """
    named = list(pdes or ())
    if every == bool(named):
        raise _USAGE_ERROR(
            "Give names or --all, not both" if named else "Missing argument 'PDE': name one, several, or --all"
        )

    from pinndd.terminal.settings import Options

    options = Options(
        points=points,
        boundary_points=boundary_points,
        seeds=seeds,
        test_conditions=test_conditions,
        tuples=tuples,
        boundary_tuples=boundary_tuples,
        conditions=conditions,
        sensors=sensors,
        size=size,
        per_class=per_class,
        network=network,
        distance=distance,
        risk=risk,
        seed=seed,
        device=device,
        learner=learner,
        judges=judge or (),
        no_judges=no_judges,
        curve=curve,
        quick=quick,
        full=full,
        sensitivity=sensitivity,
    )
    if len(named) == 1 and jobs is None and scheduler is None and cell is None and of is None:
        from pinndd.terminal.studying import study as run

        run(named[0], protocol, out, options, resume, overwrite, sys.argv[1:], results)
    else:
        from pinndd.terminal.studying_many import Place, study_many

        study_many(named, protocol, out, options, resume, overwrite, Place(jobs, scheduler, cell, of), results)


@app.command(epilog="Example: pinndd evaluate heat-retrain.npz --judge deepxde --test-conditions 4")
def evaluate(
    data: DataArgument,
    judge: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who trains. Default: the learner it was distilled with.")
    ] = None,
    shift: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this shift (none: in distribution); may be given several times."),
    ] = None,
    test_conditions: Annotated[
        int | None, typer.Option(metavar="N", help="Test conditions per shift. Default: 40; 4 with --judge deepxde.")
    ] = None,
    solutions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Solved fields of the exported conditions (protocol solved).")
    ] = None,
    pde: Annotated[str | None, typer.Option(metavar="PDE", help="Module of its PDE or task, if it has moved or was edited.")] = None,
    distance: Distance = None,
    device: Device = "auto",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write the results as CSV.")] = None,
) -> None:
    """Train on a distilled set for boundary conditions that were never seen, and print the errors."""
    from pinndd.terminal.evaluating import evaluate as run
    from pinndd.terminal.settings import Options

    options = Options(test_conditions=test_conditions, distance=distance, device=device)
    run(data, pde, judge, shift or (), solutions, out, options)


@app.command(epilog="Example: pinndd solve heat --values mine.csv --plot field.png --out field.nc")
def solve(
    pde: PDEArgument,
    values: Annotated[
        list[str],
        typer.Option(
            metavar="VALUES",
            help="Boundary values: a .csv of samples (condition, coordinates, value) or of coefficients, a .py file with a function "
            "or number per condition, or NAME=NUMBER. Repeat it for other conditions.",
        ),
    ],
    data: Annotated[
        Path | None, typer.Option(metavar="DATA", help="Train on the points of this distilled set. Default: as many as needed.")
    ] = None,
    tolerance: Annotated[
        float | None, typer.Option(metavar="X", help="Add points and features until the estimated relative error is X.")
    ] = None,
    device: Device = "auto",
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the solution, a .png file.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the solution on a grid: .nc (NetCDF), .csv, .vtu (ParaView).")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Solve a PDE for boundary values of your own, with an estimate of the error; no reference is needed."""
    from pinndd.terminal.solving import solve as run

    run(pde, values, data, tolerance, device, plot, out, overwrite)


@app.command(epilog="Example: pinndd explore heat-retrain.npz")
def explore(
    what: Annotated[
        str, typer.Argument(metavar="DATA|PDE", help="A distilled set, an .npz file; or a PDE, by name or path, on many points.")
    ],
    pde: Annotated[str | None, typer.Option(metavar="PDE", help="Module of its PDE or task, if it has moved.")] = None,
    port: Annotated[int | None, typer.Option(metavar="N", help="Port to listen on. Default: a free one.")] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address, open nothing.")] = False,
) -> None:
    """Move boundary values on a page and see the field at once; only this machine reaches the page. Ctrl-C ends it."""
    from pinndd.terminal.exploring import explore as run

    run(what, pde, port, not no_browser)


@app.command(epilog="Example: pinndd export heat-retrain.npz --out points.csv")
def export(
    data: DataArgument,
    pde: Annotated[str | None, typer.Option(metavar="PDE", help="Module of its PDE or task, if it has moved or was edited.")] = None,
    to: Annotated[
        str, typer.Option(metavar="FORM", help="csv; or a script that trains on the points: deepxde, torch.")
    ] = "csv",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File to write. Default: DATA.csv, or DATA-FORM.py with its points.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a distilled set as plain CSV: points with their conditions and weights, or the conditions to be solved; or as a script."""
    from pinndd.terminal.exporting import export as run

    run(data, pde, to, out, overwrite)


@app.command(epilog="Example: pinndd plot runs/heat")
def plot(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    pde: Annotated[str | None, typer.Option(metavar="PDE", help="Module of its PDE or task, if it has moved or was edited.")] = None,
) -> None:
    """Draw the pictures of a run anew, and write its report anew."""
    from pinndd.terminal.studying import plot as draw

    draw(run, pde)


@app.command(epilog="Example: pinndd cache --clear")
def cache(clear: Annotated[bool, typer.Option("--clear", help="Delete them.")] = False) -> None:
    """Show where true solutions and bodies are kept for the next run, how many and how large."""
    from pinndd.terminal.caching import cache as run

    run(clear)


@table_app.callback()
def _table() -> None:
    """Tables of hospitals, which 'pinndd check' and 'pinndd study' take as a TOML file."""


@table_app.command(epilog="Example: pinndd table describe north.csv south.csv --out hospitals.toml")
def describe(
    files: Annotated[list[Path], typer.Argument(metavar="CSV...", help="Tables of patients, a file per hospital, with a header.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="TOML file to write. Default: it is printed.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a first TOML file of hospitals from their tables; what is guessed is marked, for you to correct."""
    from pinndd.terminal.describing_tables import describe as run

    run(files, out, overwrite)


def main() -> None:
    """Run the command line; wrong usage ends like any other bad input, with one line and the exit code 2."""
    from pinndd.first_signals import INTERRUPTED
    from pinndd.terminal.errors import BAD_INPUT, report, unexpected

    # read when torch is imported: the matrices are small, and a second thread costs more than it brings
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    arguments = sys.argv[1:] or ["--help"]
    try:
        # made once: it takes 30 ms
        command = typer.main.get_command(app)
        _require_each_once(command, arguments)
        code = command(arguments, prog_name="pinndd", standalone_mode=False)
    except typer.Abort:
        report("stopped")
        code = INTERRUPTED
    except _USAGE_ERROR as error:
        report(f"{_text(error)} (see: {' '.join(['pinndd', *_command(arguments), '--help'])})")
        code = BAD_INPUT
    except Exception as error:
        code = unexpected(error)
    sys.exit(code or 0)


def _require_each_once(command: Any, arguments: list[str]) -> None:
    """Refuse an option that is given twice, of which the last would count without a word, unless it is there to be repeated."""
    for word in _command(arguments):
        command = command.commands[word]
    once = {name for each in command.params if not getattr(each, "multiple", False) for name in each.opts}
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    given = [word.partition("=")[0] for word in options if word.startswith("--")]
    for name in given:
        if name in once and given.count(name) > 1:
            raise _USAGE_ERROR(f"{name} is given more than once, and one value counts: give it once")


def _text(error: Exception) -> str:
    """What typer would print in a box: the parameter, the value and what was expected."""
    full = getattr(error, "format_message", None)
    return str(full() if full else error)


def _command(arguments: list[str]) -> list[str]:
    """The command among the arguments, if there is one, with that of its group."""
    if arguments[0] == "table":
        return arguments[: 1 + (arguments[1:2] == ["describe"])]
    names = {c.name or getattr(c.callback, "__name__", "") for c in app.registered_commands}
    return arguments[:1] if arguments[0] in names else []
