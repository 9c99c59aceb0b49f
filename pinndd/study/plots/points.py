"""The distilled points over the domain, beside those of the best baseline."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pinndd.data import SyntheticData
from pinndd.pinn.collocation import INTERIOR
from pinndd.pinn.pde import PDE
from pinndd.study.outcome import FieldExample
from pinndd.study.plots.fields import coordinates
from pinndd.study.plots.style import CONDITION_COLOURS, FIELD_MAP, WIDTH, label, new_figure

_MARKERS = ("s", "^", "D", "P", "X", "v")


def draw_points(
    pde: PDE, distilled: SyntheticData, baseline: SyntheticData | None, baseline_name: str, example: FieldExample | None
) -> Figure:
    """Draw where the points lie.

    Args:
        pde: of two coordinates.
        distilled, baseline: collocation data (None: there is no baseline of this form).
        baseline_name: name of the baseline's method.
        example: whose solution stands behind the points.
    """
    sets = [("distilled", distilled)] + ([(baseline_name, baseline)] if baseline is not None else [])
    figure = new_figure(WIDTH, 4.6)
    axes = figure.subplots(1, len(sets), squeeze=False, sharey=True)[0]
    for ax, (name, data) in zip(axes, sets, strict=True):
        if example is not None:
            x, y = coordinates(pde, example.truth.numpy())
            image = ax.pcolormesh(x, y, example.truth.double().numpy().T, shading="gouraud", cmap=FIELD_MAP, rasterized=True)
        _scatter(pde, ax, data)
        count = sum(data[c.name].shape[0] for c in pde.valued)
        ax.set_title(f"{name}: {data[INTERIOR].shape[0]} interior, {count} boundary")
        ax.set_xlabel(label(pde, pde.box.names[0]))
    axes[0].set_ylabel(label(pde, pde.box.names[1]))
    if example is not None:
        figure.colorbar(image, ax=list(axes), label=f"solution {label(pde, 'u')} of one condition", fraction=0.04)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 5))
    figure.suptitle("Where the points went, beside the best baseline" if baseline is not None else "Where the points went")
    return figure


def _scatter(pde: PDE, ax: Axes, data: SyntheticData) -> None:
    interior = data[INTERIOR].detach().cpu()[:, : pde.box.dimension]
    ax.scatter(
        interior[:, 0].numpy(),
        interior[:, 1].numpy(),
        s=26,
        color="black",
        edgecolor="white",
        linewidth=0.8,
        label="interior",
        zorder=3,
    )
    for k, condition in enumerate(pde.valued):
        patch = pde.patches[condition.name]
        points = patch.points(data[condition.name].detach().cpu()[:, : patch.dimension])
        ax.scatter(
            points[:, 0].numpy(),
            points[:, 1].numpy(),
            s=36,
            color=CONDITION_COLOURS[k % len(CONDITION_COLOURS)],
            marker=_MARKERS[k % len(_MARKERS)],
            edgecolor="black",
            linewidth=0.7,
            label=condition.name,
            clip_on=False,
            zorder=4,
        )
    low, high = pde.box.low, pde.box.high
    ax.set_xlim(low[0], high[0])
    ax.set_ylim(low[1], high[1])
