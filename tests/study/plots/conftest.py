"""Pictures of three awkward domains, and the measures of what can be read in them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.transforms import Bbox

from pinndd.pinn.declare.loading import load_pde
from pinndd.pinn.declare.pde import BoundaryValues
from pinndd.pinn.sets.collocation import collocation_data
from pinndd.pinn.sets.samplers import sample_points
from pinndd.pinn.solving.solution import Solution
from pinndd.study.plots.conditions import draw_conditions
from pinndd.study.plots.fields import draw_field_row, draw_fields
from pinndd.study.plots.points import draw_points
from pinndd.study.plots.sensors import draw_placement, measured_conditions
from pinndd.study.plots.solution import draw_solution
from pinndd.study.plots.style import house_style
from pinndd.study.protocols.sections import section_of
from pinndd.study.results.standing import Standing

MODULES = ("wire", "plate", "mixture")
STANDING = Standing("none", "midpoint-grid", "midpoint-grid", "loss", "0.83 (0.71 to 0.94)")


@pytest.fixture(scope="session")
def awkward():
    """The three modules, by name."""
    return {name: load_pde(str(Path(__file__).parent / "modules" / f"{name}.py")) for name in MODULES}


@pytest.fixture(scope="session")
def example_on():
    """An example of a PDE: its exact solution, and two predictions that are off by smooth errors."""

    def make(pde, side=64):
        section = section_of(pde, side)
        codes = pde.ensemble().sample(1, torch.Generator().manual_seed(3))
        truth = pde.reference(BoundaryValues(pde.ensemble(), codes), section.points)[0].reshape(len(section.points), -1)
        low, high = (torch.tensor(b, dtype=torch.float64) for b in (pde.box.low, pde.box.high))
        ripple = torch.sin(7 * (section.points - low) / (high - low)).prod(-1, keepdim=True)
        size = truth.abs().amax(0)
        predictions = {"midpoint-grid": truth + 0.09 * size * ripple, "distilled": truth + 0.02 * size * ripple.square()}
        return section.example("none", truth, predictions)

    return make


def exact_solution(pde):
    """Two solutions by the reference, with made-up estimates."""
    values = BoundaryValues(pde.ensemble(), pde.ensemble().sample(2, torch.Generator().manual_seed(3)))

    def field(points):
        return pde.reference(values, points).reshape(2, len(points), -1)

    return Solution(pde, field, np.array([1e-3, 2e-3]), np.zeros(2), np.array([0.01, 0.01]), 100, (10, 10), 0.1)


@pytest.fixture(scope="session")
def picture_of(awkward, example_on):
    """Draw a picture of a kind for a module: ``picture_of("plate", "fields")``."""

    def draw(name, kind):
        pde = awkward[name]
        data, rival = (collocation_data(pde, *sample_points(pde, how, 60, 27, 1)) for how in ("sobol", "midpoint-grid"))
        with house_style():
            if kind == "fields":
                return draw_fields(pde, example_on(pde), STANDING)
            if kind == "row":
                return draw_field_row(pde, example_on(pde), STANDING)
            if kind == "points":
                return draw_points(pde, data, rival, STANDING, example_on(pde))
            if kind == "conditions":
                codes = pde.ensemble().sample(4, torch.Generator().manual_seed(0))
                return draw_conditions(pde, codes, codes.flip(0) * 0.8, STANDING)
            if kind == "solution":
                return draw_solution(exact_solution(pde), 1)
            return draw_placement(pde, measured_conditions(pde, data)[-3:], data, rival, STANDING)

    return draw


def drawn(figure):
    """Lay a figure out as it is saved."""
    FigureCanvasAgg(figure).draw()
    return figure


def written(figure):
    """Every piece of text that is seen, with its box: ticks inside the view, labels, titles, legends, what stands in cells."""
    pieces = list(figure.texts)
    legends = list(figure.legends)
    for ax in every_axes(figure):
        pieces += [ax.title, *(t for t in ax.texts if not t.get_text().endswith("×"))]
        legends += [ax.get_legend()] if ax.get_legend() else []
        for axis, low, high in ((ax.xaxis, ax.bbox.x0, ax.bbox.x1), (ax.yaxis, ax.bbox.y0, ax.bbox.y1)):
            pieces += [axis.label, axis.get_offset_text()]
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                at = ax.transData.transform([tick.get_loc()] * 2)[0 if axis is ax.xaxis else 1]
                if low - 1 <= at <= high + 1:
                    pieces += [label for label in (tick.label1, tick.label2) if label.get_visible()]
    for legend in legends:
        pieces += [*legend.get_texts(), legend.get_title()]
    return [(p.get_text(), p.get_window_extent()) for p in pieces if p.get_visible() and p.get_text().strip()]


def every_axes(figure):
    """All axes, insets among them."""
    return list(dict.fromkeys(a for ax in figure.axes for a in (ax, *ax.child_axes)))


def overlaps(figure):
    """Pairs of texts that lie on one another by more than a pixel."""
    found = written(figure)
    return [
        (a, b)
        for k, (a, one) in enumerate(found)
        for b, two in found[k + 1 :]
        if min(one.x1, two.x1) - max(one.x0, two.x0) > 1 and min(one.y1, two.y1) - max(one.y0, two.y0) > 1
    ]


def cut_off(figure):
    """Texts and markers that the edge of the figure cuts."""
    low, high = figure.bbox.get_points()
    texts = [
        t
        for t, box in written(figure)
        if (box.get_points()[0] < low - 0.5).any() or (box.get_points()[1] > high + 0.5).any()
    ]
    for ax in every_axes(figure):
        for marks in (c for c in ax.collections if isinstance(c, PathCollection)):
            radius = np.sqrt(marks.get_sizes().max()) / 2 * figure.dpi / 72
            at = ax.transData.transform(np.asarray(marks.get_offsets()))
            if ((at - radius < low) | (at + radius > high)).any():
                texts.append(f"markers {marks.get_label()}")
            if marks.get_clip_on() and ((at - radius < ax.bbox.p0) | (at + radius > ax.bbox.p1)).any():
                texts.append(f"markers {marks.get_label()} at the edge of a panel")
    return texts


def tall_bars(figure):
    """Colour bars that are higher than the panel of their map, or than all panels that they were made for."""
    found = []
    for ax in every_axes(figure):
        for bar in (map_.colorbar for map_ in (*ax.collections, *ax.images) if map_.colorbar is not None):
            panels = getattr(bar.ax, "_colorbar_info", {}).get("parents", [ax])
            served = Bbox.union([panel.get_window_extent() for panel in panels])
            if bar.ax.get_window_extent().height > served.height + 1:
                found.append(bar.ax.get_ylabel())
    return found


def empty_share(figure):
    """Share of the figure on which nothing stands: no panel, label, title or legend."""
    grid = np.zeros((100, 100), dtype=bool)
    boxes = [ax.get_tightbbox() for ax in every_axes(figure)]
    boxes += [legend.get_window_extent() for legend in figure.legends] + [box for _, box in written(figure)]
    for box in boxes:
        (x0, y0), (x1, y1) = figure.transFigure.inverted().transform(box.get_points()) * 100
        grid[max(0, int(y0)) : int(np.ceil(y1)), max(0, int(x0)) : int(np.ceil(x1))] = True
    return 1 - grid.mean()


@pytest.fixture(scope="session")
def faults():
    """What is wrong with a figure, as a list of sentences; empty where it can be read."""

    def find(figure):
        drawn(figure)
        said = [f"{a!r} lies on {b!r}" for a, b in overlaps(figure)]
        said += [f"{text!r} is cut off" for text in cut_off(figure)]
        said += [f"the bar {name!r} is higher than its panel" for name in tall_bars(figure)]
        said += [f"{100 * empty_share(figure):.0f} % are empty"] if empty_share(figure) > 0.3 else []
        return said

    return find
