"""Small problems, and derivatives to compare with, for the tests of learners and hypergradients."""

import importlib.util
import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, NamedTuple

import pytest
import torch
from PIL import Image
from torch import Tensor

from pinndd.cli import main
from pinndd.data import SyntheticData
from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import PDE, BoundaryValues
from pinndd.pinn.jets.deepxde import import_deepxde
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.pinn.solving.cache import CACHE
from pinndd.pinn.solving.parts import PROCESSES
from pinndd.pinn.tasks.episodes import BoundaryEpisodes

torch.set_num_threads(1)
os.environ[CACHE] = "off"  # no test reads what an earlier run kept
os.environ[PROCESSES] = "1"  # the tests themselves run in several processes

EXAMPLES = Path(__file__).parent.parent / "examples"

Setting = tuple[PDE, SyntheticData, BoundaryEpisodes]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let each process take neighbouring tests, which share fixtures, and take over from others when it has done its own."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log) if config.getvalue("dist") == "load" else None


@pytest.fixture(scope="session")
def setting() -> Callable[..., Setting]:
    """Build ``(pde, data, episodes)`` of a named PDE: few points, a smooth field in place of the true solution."""

    def build(name: str, conditions: int, points: int, boundary_points: int) -> Setting:
        pde = load_pde(name)
        interior, boundary = sample_points(pde, "sobol", points, boundary_points, seed=3)
        data = collocation_data(pde, interior, boundary, 3.0, interior_weight=0.5)
        ensemble = pde.ensemble()
        values = BoundaryValues(ensemble, ensemble.sample(conditions, torch.Generator().manual_seed(0)))
        asked = pde.box.scale(torch.rand((12, 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64))
        truth = torch.stack([torch.sin((3 + k) * asked.sum(-1) + 0.5) for k in range(conditions)])
        return pde, data, BoundaryEpisodes(values, asked, truth[..., None], seed=5)

    return build


@pytest.fixture(scope="session")
def central_differences() -> Callable[..., Tensor]:
    """Differentiate a function of one tensor, entry by entry, to fourth order in the step."""

    @torch.no_grad()
    def differentiate(function: Callable[[Tensor], Tensor], at: Tensor, step: float = 1e-4) -> Tensor:
        gradient = torch.zeros_like(at)
        for k in range(at.numel()):
            shift = torch.zeros_like(at)
            shift.view(-1)[k] = step
            near = function(at + shift) - function(at - shift)
            far = function(at + 2 * shift) - function(at - 2 * shift)
            gradient.view(-1)[k] = (8 * near - far) / (12 * step)
        return gradient

    return differentiate


@pytest.fixture(scope="session")
def example() -> Callable[[str], ModuleType]:
    """Import an example by its name."""

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look their module up
        spec.loader.exec_module(module)
        return module

    return load


class Said(NamedTuple):
    """What a call of the command line returned and printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Call the command line in the folder of the test: ``call("list", "heat")``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["pinndd", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Said(ended.value.code, printed.out, printed.err)

    return invoke


@pytest.fixture
def unrendered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every picture be one white pixel: rendering takes most of the time of tests that look at files, not at pictures."""

    def pixel(figure: object, file: BinaryIO, **keywords: object) -> None:
        Image.new("L", (1, 1), 255).save(file, "png")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", pixel)


def _numbers() -> list[tuple[ModuleType, str, Any]]:
    """Numbers of conditions that a study has, and of points where solutions are compared, with fewer in their place."""
    from pinndd.study.protocols import conditions, retrain, sensors

    return [
        (conditions, "TESTED_AT", 200),
        (conditions, "ASKED_AT", 100),
        (retrain, "COMPARED_AT", 100),
        (retrain, "CONDITIONS", {True: (96, 32), False: (64, 16)}),
        (sensors, "COMPARED_AT", 100),
        (sensors, "CONDITIONS", {"ridge": (96, 32), "gauss-newton": (48, 12)}),
    ]


@pytest.fixture(scope="session")
def usually() -> Callable[[pytest.MonkeyPatch], None]:
    """Give studies as many conditions as usual: ``usually(monkeypatch)``."""
    usual = [(place, name, getattr(place, name)) for place, name, _ in _numbers()]

    def restore(patch: pytest.MonkeyPatch) -> None:
        for change in usual:
            patch.setattr(*change)

    return restore


@pytest.fixture(scope="module")
def few_conditions(usually: Callable[[pytest.MonkeyPatch], None]) -> Iterator[None]:
    """Let the studies of a module have few conditions, whose solutions are compared at few points."""
    with pytest.MonkeyPatch.context() as patch:
        for change in _numbers():
            patch.setattr(*change)
        yield


@pytest.fixture
def usual_conditions(
    few_conditions: None, usually: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let the studies of a test have as many as usual after all."""
    usually(monkeypatch)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a GPU that torch believes to be there, with a byte less than 8 GiB free; nothing can be computed on it."""
    name = "Imagined H100"
    import_deepxde()  # which would compute there
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *device: name)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda *device: (2**33 - 1, 2**34))
    return name


@pytest.fixture
def two_hospitals(tmp_path: Path) -> None:
    """Two tables of patients as people have them: ``north.csv`` and ``south.csv`` in the folder of the test."""
    draw = random.Random(0)
    north, south = ["nr;Age;smoke;ill"], ["AGE,ILL"]
    for k in range(90):
        smoke = draw.random() < 0.4
        ill, age = draw.random() < 0.2 + 0.5 * smoke, f"{draw.gauss(55, 10):.1f}"
        north.append(f"N{k};{age.replace('.', ',')};{draw.choice(['NA', *['yes' if smoke else 'no'] * 9])};{int(ill)},0")
        south.append(f"{age},{int(draw.random() < 0.4)}.0")
    (tmp_path / "north.csv").write_bytes(("\ufeff" + "\r\n".join(north)).encode())
    (tmp_path / "south.csv").write_text("\n".join(south[:60]))
