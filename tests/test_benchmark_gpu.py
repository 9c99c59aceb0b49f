"""The benchmark of a GPU measures everything it says; what it writes stands on the page of cost."""

import importlib.util
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def gpu(monkeypatch):
    # it sets both before torch is imported, and the tests have them already
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PINNDD_CACHE", "off")
    monkeypatch.setattr(sys, "path", [*sys.path])
    spec = importlib.util.spec_from_file_location("benchmark_gpu", BENCHMARKS / "gpu.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "benchmark_gpu", module)
    monkeypatch.delitem(sys.modules, "scaling", raising=False)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("scaling", None)


def test_every_measurement_runs_at_a_tiny_size_and_is_printed_on_the_page(gpu, capsys, monkeypatch):
    monkeypatch.setattr(gpu, "POINTS", 6)
    monkeypatch.setattr(gpu, "ADAM_STEPS", 2)
    found = gpu.measured(("cpu", "cpu"), seconds=0.0, most=1)
    assert set(found) == set(gpu.measurements(None))
    assert all(row["gpu"] > 0 and row["cpu"] > 0 for row in found.values())
    assert capsys.readouterr().out.count(" times one core") == len(found)
    row = {"unit": "networks", "gpu": 1234.0, "cpu": 12.0, "batch": 512}
    results = {
        "measured": {"mlp-lm": row}, "seconds": 400.0,
        "hardware": {"accelerator": "Imagined H100", "processor": "Some CPU"}, "versions": {"torch": "2.13.0"},
    }  # fmt: skip
    lines = gpu.scaling.gpu_lines(results)
    assert "| mlp-lm | networks | 1.2e+03 | 12 | 103 |" in lines
    assert any("Imagined H100" in line and "Some CPU" in line for line in lines)
    assert "Not measured on a GPU" in " ".join(gpu.scaling.gpu_lines({}))


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a CUDA device")
def test_without_a_gpu_nothing_is_written(gpu, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    monkeypatch.setattr(gpu, "write_json", lambda *given: pytest.fail("written"))
    with pytest.raises(SystemExit) as ended:
        gpu.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_page_is_what_the_files_say(gpu):
    assert gpu.scaling.PAGE.read_text(encoding="utf-8") == gpu.scaling.page(*gpu.scaling.stored())


def test_an_outer_loop_of_so_many_steps_or_a_fit_is_measured_and_all_is_drawn(gpu, monkeypatch):
    size, asked = {"points": 8, "conditions": 4, "width": 8}, []
    monkeypatch.setattr(gpu.scaling, "distill", lambda *given, settings, **more: asked.append((settings.steps, settings.batch)))
    for steps in (12, 0):
        assert gpu.scaling.fit("ridge", steps=steps, **size).keys() == {"seconds", "mib"}
    assert asked == [(12, gpu.scaling.BATCH)]
    figure = gpu.scaling.draw(gpu.scaling.stored()[0])
    assert [panel.get_xlabel() for panel in figure.axes if panel.get_xlabel()] == [*gpu.scaling.AXES]
    plt.close(figure)
