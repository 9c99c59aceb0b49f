"""Run cells on the workers of a Dask cluster: processes of this machine, or those of whatever cluster somebody started.

A cell is a function of one text that answers with a text, so that nothing is sent but a name of ours and JSON. One worker computes one
cell at a time, with one thread. A cell whose worker dies is begun again on another; what dies with it three times is given up, and the
others go on.
"""

from __future__ import annotations

import logging
import pkgutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask
import psutil
from distributed import Client, Future, KilledWorker, LocalCluster

from pinndd import __version__
from pinndd.stopping import at_forced_stop, ctrl_c_is_for_this_process

ANSWER = 10.0
"""Seconds that a scheduler has to answer."""

DEATHS = 3
"""Deaths of its worker after which a cell is given up, on workers that are started here; others do what their scheduler says."""

GPU = {"GPU": 1.0}
"""What a cell asks for that computes on a GPU, as in ``dask worker --resources GPU=1``."""

_SILENT = logging.CRITICAL + 1
"""Level of what is logged about workers that were killed: nothing."""

_LOOK = 5.0
"""Seconds between two looks at who has joined."""

_ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


class ClusterError(ValueError):
    """A cluster that does not answer, or whose workers cannot do what they are asked."""


@dataclass(frozen=True)
class Cell:
    """Something to be computed.

    Attributes:
        name: for people; no two cells have the same.
        specification: all that it depends on, a text.
        helps: name of the cell that it computes a part of, which that one computes otherwise; empty for a cell of its own.
    """

    name: str
    specification: str
    helps: str = ""


@dataclass(frozen=True)
class Ended:
    """How a cell ended.

    Attributes:
        cell: which one.
        answer: what it returned; empty if nothing.
        failure: why it returned nothing; empty if it did.
        seconds: from its begin, or that of its last repetition.
    """

    cell: Cell
    answer: str
    failure: str
    seconds: float


@contextmanager
def local_workers(
    count: int, resources: Mapping[str, float], environment: Mapping[str, str], *, dashboard: bool
) -> Iterator[Client]:
    """Start worker processes on this machine, which nobody reaches from another one, and end them.

    Args:
        count: of the processes.
        resources: that each of them has.
        environment: variables that each of them gets.
        dashboard: whether there is a page that shows what they do, which needs bokeh.
    """
    settings = {
        # a cell may start processes that solve
        "distributed.worker.daemon": False,
        # it interrupts the computation a hundred times per second
        "distributed.worker.profile.enabled": False,
        # what else stands there slows the allocation of memory down
        "distributed.nanny.pre-spawn-environ": _ONE_THREAD,
    }
    starting = ThreadPoolExecutor(1)
    with dask.config.set(settings):
        with ctrl_c_is_for_this_process():
            coming = starting.submit(
                LocalCluster,
                host="127.0.0.1",
                n_workers=count,
                threads_per_worker=1,
                memory_limit=0,
                env={**_ONE_THREAD, **environment},
                resources=dict(resources),
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"allowed_failures": DEATHS - 1, "dashboard": dashboard},
                silence_logs=logging.CRITICAL,
            )
        # this thread sees Ctrl-C meanwhile
        cluster = coming.result()
        starting.shutdown()
        client = Client(cluster)
    done = False
    try:
        with at_forced_stop(lambda: _kill(cluster)):
            yield client
        done = True
    finally:
        if done:
            client.close()
            cluster.close()
        else:  # what is closed no longer answers, and may not be waited for
            _kill(cluster)
            with suppress(TimeoutError):
                client.close(timeout=0.3)
            with suppress(TimeoutError):
                cluster.close(timeout=0.3)


@contextmanager
def workers_of(address: str, resources: Mapping[str, float], folder: Path) -> Iterator[Client]:
    """Connect with a scheduler that runs already.

    Args:
        address: of the scheduler, such as ``tcp://10.0.0.1:8786``.
        resources: that cells will ask for.
        folder: that exists and into which they will write.

    Raises:
        ClusterError: the address is none, nobody answers there within `ANSWER` seconds, or a worker has another version of
            pinndd, several threads, or another file system; or none has the resources.
    """
    if not address.startswith(("tcp://", "tls://")):
        raise ClusterError(f"--scheduler {address}: expected an address such as tcp://10.0.0.1:8786")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout=ANSWER, set_as_default=False)
    except ValueError as error:
        raise ClusterError(f"--scheduler {address}: expected an address such as tcp://10.0.0.1:8786 ({error})") from error
    except (OSError, ImportError) as error:  # ImportError: tls without certificates
        raise ClusterError(
            f"--scheduler {address}: no scheduler answers there within {ANSWER:g} seconds; start one with 'dask scheduler'"
        ) from error
    try:
        _require_able(client, address, resources, folder)
        yield client
    finally:
        client.close(timeout=1)


def _require_able(client: Client, address: str, resources: Mapping[str, float], folder: Path) -> None:
    """Look at the workers that have joined.

    Raises:
        ClusterError: see `workers_of`.
    """
    for worker, threads in client.nthreads().items():
        if threads != 1:
            raise ClusterError(
                f"--scheduler {address}: the worker {worker} has {threads} threads, and a process computes one cell at a time: start "
                "it with --nthreads 1, and several of them with --nworkers"
            )
    # of the standard library, so that any version of ours, or none, can be asked
    for worker, version in client.run(pkgutil.resolve_name, "pinndd:__version__", on_error="return").items():
        if version != __version__:
            theirs = f"pinndd {version}" if isinstance(version, str) else f"no pinndd ({version})"
            raise ClusterError(f"--scheduler {address}: the worker {worker} has {theirs}, this is {__version__}: install the same")
    for worker, seen in client.run(Path.is_dir, folder).items():
        if not seen:
            raise ClusterError(
                f"--scheduler {address}: the worker {worker} does not see the folder {folder}: name one with --out that they all share"
            )
    if client.nthreads() and not _able(client, resources):
        wanted = " ".join(f"{name}={amount:g}" for name, amount in resources.items())
        raise ClusterError(f"--scheduler {address}: no worker has a {wanted}: start some with --resources {wanted}")


def run_cells(
    client: Client,
    run: Callable[[str], str],
    cells: Sequence[Cell],
    resources: Mapping[str, float],
    started: Callable[[Cell], None],
    ended: Callable[[Ended], None],
    waiting_for_workers: Callable[[], None] = lambda: None,
    can_help: Callable[[Cell], bool] = lambda cell: True,
) -> None:
    """Run cells, as many at a time as there are workers; one that fails does not stop the others.

    A cell that helps another one begins while that one runs, when all cells of their own have begun. Nobody waits for it: the end has
    come when those have ended.

    Args:
        client: of the cluster.
        run: a function of this package that takes the specification of a cell and returns a text.
        cells: in the order in which they begin.
        resources: that each of them asks for.
        started: called when a cell is given to the workers.
        ended: called when a cell has ended, however.
        waiting_for_workers: called once where there are none.
        can_help: whether a cell that helps may begin.

    Raises:
        RuntimeError: the scheduler is gone.
    """
    waiting = [cell for cell in cells if not cell.helps]
    helpers = [cell for cell in cells if cell.helps]
    running: dict[str, tuple[Cell, Future[str], float]] = {}
    able, looked, told = 0, -_LOOK, False
    while waiting or any(not cell.helps for cell, _, _ in running.values()):
        if time.monotonic() - looked > _LOOK or not able:
            able, looked = _able(client, resources), time.monotonic()
            if not able and not told:
                told = True
                waiting_for_workers()
        # no more than workers, so that none dies of another one's cell
        while len(running) < able and (cell := _next(waiting, helpers, running, can_help)):
            key = f"{cell.name}-{time.time_ns():x}"
            future = client.submit(run, cell.specification, key=key, pure=False, resources=dict(resources) or None)
            running[cell.name] = (cell, future, time.monotonic())
            started(cell)
        time.sleep(0.1 if able else 1.0)
        for name, (cell, future, since) in list(running.items()):
            if future.status == "cancelled" or client.status in ("closing", "closed"):
                raise RuntimeError("the scheduler is gone, and with it what was not finished")
            if future.done():
                del running[name]
                ended(_ended(cell, future, time.monotonic() - since))
    for _, future, _ in running.values():
        future.cancel()


def _next(waiting: list[Cell], helpers: list[Cell], running: Collection[str], can_help: Callable[[Cell], bool]) -> Cell | None:
    """Take the next cell that may begin from one of the lists."""
    if waiting:
        return waiting.pop(0)
    helpers[:] = [cell for cell in helpers if cell.helps in running]
    for k, cell in enumerate(helpers):
        if can_help(cell):
            return helpers.pop(k)
    return None


def _able(client: Client, resources: Mapping[str, float]) -> int:
    """Return how many workers have what a cell asks for."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    return sum(all(w["resources"].get(name, 0) >= amount for name, amount in resources.items()) for w in workers)


def _ended(cell: Cell, future: Future[str], seconds: float) -> Ended:
    error: Any = future.exception()
    if error is None:
        return Ended(cell, str(future.result()), "", seconds)
    if isinstance(error, KilledWorker):
        deaths = error.allowed_failures + 1
        return Ended(cell, "", f"its worker died {deaths} times, as one does where memory is short", seconds)
    return Ended(cell, "", f"{type(error).__name__}: {error}", seconds)


def _kill(cluster: LocalCluster) -> None:
    """End all processes that were started from here at once: workers, one that just takes the place of another, what they started."""
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("distributed"):
            logging.getLogger(name).setLevel(_SILENT)
    for nanny in list(cluster.workers.values()):
        nanny.close_gracefully()  # no worker follows it
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "resource_tracker" not in " ".join(process.cmdline()):  # it cleans up behind the others, and ends with them
                process.kill()
