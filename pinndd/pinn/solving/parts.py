"""Solve boundary conditions one by one, in several processes where that is faster.

The processes are those of loky, which scikit-learn uses too. Unlike `multiprocessing` with "spawn" it does not execute the user's
script once more in every process, so a script needs no ``if __name__ == "__main__"``; a process that dies is an error and no
endless wait; and the processes stay for the next batch. What is sent goes through cloudpickle, which knows lambdas in families.

A PDE itself is not sent. A process loads the module of the PDE, under the rule for files that name a module: it must have the text
that it had when this process loaded it. Where that is not so, and for a PDE that no module on disk defines, this process computes
alone. One thread computes a solution, here and there, so that the numbers are the same bit for bit.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pinndd.module_source import ModuleSource
from pinndd.pinn.declare.loading import MODULE, SOURCE, PDEModuleError, load_remembered
from pinndd.pinn.declare.pde import PDE, BoundaryValues
from pinndd.pinn.solving.telling import tell
from pinndd.stopping import ctrl_c_is_for_this_process, when_stopped

PROCESSES = "PINNDD_PROCESSES"
"""Environment variable: how many processes compute true solutions. Default: the processors that this process may use."""

WORTH = 6.0
"""Seconds of work for one process from which on others are started, which takes each of them about two seconds."""

SHOWN = 1.0
"""Seconds after which progress is shown."""

_IDLE = 60
"""Seconds after which a process without work ends."""

_elsewhere_seconds = [0.0]
"""Processor seconds that other processes have spent on solutions for this one."""

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

Array = np.ndarray[Any, Any]


class Solve(Protocol):
    """How one boundary condition is solved; an object that can be sent to another process."""

    def __call__(self, pde: PDE, values: BoundaryValues) -> Tensor:
        """Return a tensor whose first dimension is that of the conditions, float64."""


def process_count() -> int:
    """Return how many processes compute true solutions.

    Raises:
        ValueError: the environment variable `PROCESSES` is no whole number from 1 on.
    """
    said = os.environ.get(PROCESSES, "")
    if not said:
        return processors()
    if not said.isascii() or not said.isdigit() or int(said) < 1:
        raise ValueError(f"{PROCESSES}={said}: expected a whole number from 1 on; 1 computes true solutions in this process alone")
    return int(said)


def processor_seconds() -> float:
    """Return the processor time of this process and of those that computed true solutions for it, in seconds."""
    return time.process_time() + _elsewhere_seconds[0]


def processors() -> int:
    """Return the number of processors that this process may use."""
    # not on macOS and Windows
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread: sums are then in the same order in every process."""
    # scikit-learn brings it, and it looks at all libraries when it is imported
    from threadpoolctl import threadpool_limits

    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)


def solved_one_by_one(pde: PDE, solve: Solve, values: BoundaryValues) -> Tensor:
    """Solve boundary conditions one after the other; in several processes as soon as much is left to do.

    Args:
        pde: the equation.
        solve: solves one condition, without any difference between processes.
        values: the conditions.

    Returns:
        The answers of ``solve``, concatenated: the same bit for bit however many processes there are.

    Raises:
        ValueError: the environment variable `PROCESSES` is no whole number from 1 on.
        RuntimeError: a process died.
    """
    processes, count = process_count(), len(values)
    answers: list[Tensor] = []
    start = time.perf_counter()
    with one_thread():
        for k in range(count):
            spent = time.perf_counter() - start
            if k and spent > SHOWN:
                tell(_what(pde), k, count)
            if k and processes > 1 and count - k > 1 and spent / k * (count - k) > WORTH:
                found = _elsewhere(pde, solve, values, k, processes)
                if found is not None:
                    return torch.cat([*answers, *found])
                processes = 1
            answers.append(solve(pde, _one(values, k)))
        if time.perf_counter() - start > SHOWN:
            tell(_what(pde), count, count)
    return torch.cat(answers)


def _what(pde: PDE) -> str:
    return f"{pde.name}: true solutions"


def _one(values: BoundaryValues, k: int) -> BoundaryValues:
    return BoundaryValues(values.ensemble, values.coefficients[k : k + 1])


def _elsewhere(pde: PDE, solve: Solve, values: BoundaryValues, first: int, processes: int) -> list[Tensor] | None:
    """Solve the conditions from ``first`` on in other processes; None where these cannot have the same PDE."""
    # most commands need neither
    import cloudpickle
    from loky import get_reusable_executor

    count = len(values)
    if pde.source is None:
        return None
    try:
        sent = [cloudpickle.dumps((solve, _one(values, k))) for k in range(first, count)]
    except Exception:  # whatever a user's family raises that cannot be sent
        return None
    with ctrl_c_is_for_this_process():
        executor = get_reusable_executor(
            min(processes, len(sent)), timeout=_IDLE, env=dict.fromkeys(_THREADS, "1"), kill_workers=True
        )
        here = os.getcwd()
        futures: list[Future[tuple[Array, float] | None]] = [executor.submit(_solve_here, pde.source, here, each) for each in sent]
    found: list[Tensor] = []
    done = False
    when_stopped(lambda: _kill(executor))
    try:
        for future in futures:
            answer = future.result()
            if answer is None:
                break
            found.append(torch.from_numpy(np.array(answer[0])))
            _elsewhere_seconds[0] += answer[1]
            tell(_what(pde), first + len(found), count)
        done = True
    except BrokenProcessPool as error:
        raise RuntimeError(
            f"PDE {pde.name!r}: a process that computed its true solutions died, as it does where memory is short or where the "
            f"reference ends its process; set {PROCESSES}=1 to compute them in this process alone"
        ) from error
    finally:
        if not done:
            executor.shutdown(wait=False, kill_workers=True)
    return found if len(found) == len(sent) else None


def _kill(executor: Any) -> None:
    """End the processes of an executor at once."""
    for process in list((executor._processes or {}).values()):
        process.kill()


def _solve_here(source: ModuleSource, folder: str, sent: bytes) -> tuple[Array, float] | None:
    """Solve one condition in a process that was started for it, and count its seconds; None if the module is not as it was."""
    import cloudpickle

    started = time.process_time()
    os.chdir(folder)
    pde = _loaded(source)
    if pde is None:
        return None
    solve, values = cloudpickle.loads(sent)
    with one_thread():
        answer: Tensor = solve(pde, values)
    return answer.detach().numpy(), time.process_time() - started


@lru_cache(maxsize=4)
def _loaded(source: ModuleSource) -> PDE | None:
    """Load a module if it and what it needs are what they were."""
    try:
        pde = load_remembered({MODULE: source.module, SOURCE: source.checksum}, None)
    except PDEModuleError:
        return None
    return pde if pde.source == source else None
