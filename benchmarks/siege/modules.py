"""Modules of users at random: numbers that are none, lines that are missing, names and functions that cannot be."""

from __future__ import annotations

import random
import re
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from siege.calling import call, folder
from siege.files import attempts
from siege.ledger import Row

MODULE = '''"""Heat on a rod with a reference in closed form."""
import numpy as np
import deepxde as dde
import torch
from pinndd import Dirichlet, Initial, PDE, families

RATE = 0.1


def residual(x, u):
    return dde.grad.jacobian(u, x, i=0, j=1) - RATE * dde.grad.hessian(u, x, i=0, j=0)


def reference(values, points):
    start = values["start"](points[:, :1])
    return start * torch.exp(-RATE * torch.pi**2 * points[:, 1])


pde = PDE(
    name="mutant",
    domain=dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 0.5)),
    residual=residual,
    conditions=[
        Dirichlet("left", at={"x": 0}, values=families.Zero()),
        Dirichlet("right", at={"x": 1}, values=families.Zero()),
        Initial("start", values=families.Sine(modes=1), joins=("left", "right")),
    ],
    reference=reference,
)
'''

VALUES = (
    *("0", "-1", "1e300", "1e-300", "float('nan')", "float('inf')", "None", "'x'", "[]", "10**9"),
    *("1j", "True", "(0, 1)", "np.ones(3)"),
)

POISON = (
    ("return dde.grad.jacobian(u, x, i=0, j=1) -", "return float('nan') * u -"),
    ("return dde.grad.jacobian(u, x, i=0, j=1) - RATE * dde.grad.hessian(u, x, i=0, j=0)", "return 0 * u"),
    ('name="mutant"', 'name="../../evil"'),
    ('name="mutant"', 'name=""'),
    ('Initial("start"', 'Initial("interior"'),
    ('Dirichlet("left"', 'Dirichlet("right"'),
    ("return start *", "raise SystemExit(0)\n    return start *"),
    ("return start *", "return float('nan') * start *"),
    ("return start *", "return 1j * start *"),
    ("return start *", "return 3 * start *"),
    ("RATE * dde", "torch.rand_like(u) * dde"),
    ("TimeDomain(0, 0.5)", "TimeDomain(0.5, 0)"),
    ("Interval(0, 1)", "Interval(1, 0)"),
    ("Interval(0, 1)", "Interval(0, float('nan'))"),
    ("pde = PDE(", "raise SystemExit(0)\npde = PDE("),
    ("import torch\n", "import torch\nimport sys\nsys.exit(0)\n"),
    ("residual=residual", "residual=lambda x, u: None"),
    ("residual=residual", "residual=None"),
    ("i=0, j=1)", "i=3, j=1)"),
)
"""What must never be fit for use."""


SECONDS = 60
"""Processor time that a check may take."""

MEMORY = 8 << 30
"""Bytes of addresses that a check may take; without a limit, a module that asks for more would harm others on this machine."""


class Endless(BaseException):
    """A check that lasts too long."""


@contextmanager
def memory(most: int) -> Iterator[None]:
    """In here this process gets no more addresses than that."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def mutant(text: str, draw: random.Random) -> str:
    """Return a module with one or two changes that nobody would make on purpose."""
    for _ in range(draw.choice((1, 1, 2))):
        lines = text.splitlines(keepends=True)
        kind, at = draw.choice(("number", "number", "line", "double", "swap", "name", "character")), draw.randrange(len(lines))
        if kind == "line":
            del lines[at]
        elif kind == "double":
            lines.insert(at, lines[at])
        elif kind == "swap":
            other = draw.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        else:
            pattern = {"number": r"\b\d+(\.\d+)?\b", "name": r"\b[a-z_]{2,}\b", "character": r"."}[kind]
            found = list(re.finditer(pattern, text))
            one = draw.choice(found)
            names = re.findall(r"\b[a-z_]{2,}\b", text)
            put = draw.choice({"number": VALUES, "name": names, "character": "(){}[]:,=+-*é\x00\t\"'\\"}[kind])
            lines = [text[: one.start()] + put + text[one.end() :]]
        text = "".join(lines)
    return text


def besiege_modules(count: int, where: Path) -> Row:
    """Check so many mutants, and all that must never be fit for use."""
    row = Row("mutated modules")

    def checked(text: str, number: int) -> tuple[str, object]:
        path = Path(f"mutant{number}.py")
        path.write_text(text, encoding="utf-8")

        def endless(*_: object) -> None:
            raise Endless

        before = signal.signal(signal.SIGPROF, endless)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            return path.name, call("check", f"./{path}")
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)
            path.unlink()

    with folder(where / "modules"), memory(MEMORY):
        for number, (old, new) in enumerate(POISON[: max(1, count)]):
            assert old in MODULE, old
            _, ending = checked(MODULE.replace(old, new, 1), number)
            fit = ending.code == 0  # type: ignore[attr-defined]
            row.count(ending, f"{new!r} for {old!r}", wrong="it is fit for use" if fit else "")  # type: ignore[arg-type]

        def attempt(draw: random.Random) -> None:
            text = mutant(MODULE, draw)
            _, ending = checked(text, row.tried)
            row.count(ending, text)  # type: ignore[arg-type]

        attempts(max(1, count - len(POISON)), 24, attempt)
    return row
