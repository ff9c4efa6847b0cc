"""Draw a revisit grid as a map: coast, swaths, number of passes, and shares of the sea beside the colours."""

import argparse
from datetime import datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import shapely
from area import Area, read_area
from grid_file import NOT_IN_AREA, Grid, read_grid
from inputs import parse_utc, read_json, run
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from raster import Raster, read_raster

SEA, LAND, COAST, INK, FAINT = "#e9eff3", "#ddd8cd", "#6d675b", "#1d2b36", "#64727d"
UNSEEN = "#ffffff"
WIDTH = 12.5  # inches; with 160 dots per inch the picture is 2000 pixels wide
HIGHEST = 15.0  # inches


def frame(area: Area) -> tuple[float, float, float, float]:
    """Return west, south, east and north of the map: the area and a margin about it, degrees."""
    west, south, east, north = area.bounds
    # At most 0.9 degrees: the land raster reaches 1.5 degrees beyond the area.
    margin = min(0.9, 0.1 * max(east - west, north - south))
    return west - margin, south - margin, east + margin, north + margin


def colours(most: int) -> ListedColormap:
    """Return white for 0 and one colour for each number of passes up to ``most``, darker for more."""
    shades = mpl.colormaps["YlGnBu"](np.linspace(0.18, 0.92, max(most, 1)))
    return ListedColormap([UNSEEN, *shades])


def period_text(begin: datetime, end: datetime) -> str:
    """Write a period as its first and last day, with what both have in common written once."""
    last = f"{end.day} {end:%B %Y}"
    if (begin.year, begin.month) == (end.year, end.month):
        return f"{begin.day} to {last}"
    if begin.year == end.year:
        return f"{begin.day} {begin:%B} to {last}"
    return f"{begin.day} {begin:%B %Y} to {last}"


def degrees(value: float, positive: str, negative: str) -> str:
    """Write a latitude or longitude with its letter, none for 0."""
    letter = positive if value > 0 else negative if value < 0 else ""
    return f"{abs(value):g}°{letter}"


def rings(geometry: dict[str, Any]) -> list[np.ndarray]:
    """Return the outer rings of a GeoJSON polygon or multipolygon as (n, 2) arrays."""
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    return [np.array(polygon[0]) for polygon in polygons]


def draw_field(axes: Axes, grid: Grid, most: int, spacing: float) -> Any:
    """Draw the number of passes in the area and return what the colour bar needs."""
    limits = np.arange(-0.5, max(most, 1) + 1)
    west, south = grid.longitude[0] - spacing / 2, grid.latitude[0] - spacing / 2
    east, north = grid.longitude[-1] + spacing / 2, grid.latitude[-1] + spacing / 2
    shown = np.ma.masked_equal(grid.count, NOT_IN_AREA)
    palette = colours(most)
    return axes.imshow(
        shown, cmap=palette, norm=BoundaryNorm(limits, palette.N), extent=(west, east, south, north),
        origin="lower", interpolation="nearest", zorder=1, aspect="auto",
    )  # fmt: skip


def draw_land(axes: Axes, land: Raster) -> None:
    """Draw land over the field, and the coast where half of a cell is land."""
    field = (land.longitude, land.latitude, land.values)
    axes.contourf(*field, levels=[50, 200], colors=[LAND], zorder=3)
    axes.contour(*field, levels=[50], colors=[COAST], linewidths=0.55, zorder=4)


def draw_swaths(axes: Axes, features: list[dict[str, Any]], area: Area) -> None:
    """Draw the outlines of the swaths and the outline of the area."""
    edges = [ring for feature in features for ring in rings(feature["geometry"])]
    axes.add_collection(LineCollection(edges, colors="#0d2f4d", linewidths=0.35, alpha=0.45, zorder=2))
    for part in shapely.get_parts(area.geometry):
        x, y = np.array(part.exterior.coords).T
        axes.plot(x, y, color=INK, linewidth=0.9, linestyle=(0, (6, 3)), zorder=5)


def label_passes(axes: Axes, features: list[dict[str, Any]]) -> None:
    """Write each pass number where the pass leaves the area: ascending north, descending south."""
    ends: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for feature in features:
        points = np.concatenate(rings(feature["geometry"]))
        properties = feature["properties"]
        up = properties["direction"] == "ascending"
        point = points[points[:, 1].argmax() if up else points[:, 1].argmin()]
        ends.setdefault((properties["cycle"], properties["pass"]), []).append(tuple(point))
    halo = [withStroke(linewidth=2, foreground="white", alpha=0.85)]
    for (_, number), points_of_pass in ends.items():
        x, y = np.mean(points_of_pass, axis=0)
        axes.annotate(
            f"{number}", (x, y), xytext=(0, 7 if number % 2 else -7), textcoords="offset points", ha="center",
            va="center", fontsize=6.2, color=INK, path_effects=halo, zorder=7, annotation_clip=True,
        )  # fmt: skip


def finish_axes(axes: Axes, area: Area) -> None:
    """Set limits, true proportions at the middle latitude, graticule and tick labels."""
    west, south, east, north = frame(area)
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    axes.set_aspect(1 / np.cos(np.radians((south + north) / 2)))
    axes.set_facecolor(SEA)
    axes.xaxis.set_major_formatter(lambda value, _: degrees(value, "E", "W"))
    axes.yaxis.set_major_formatter(lambda value, _: degrees(value, "N", "S"))
    axes.grid(color="white", linewidth=0.5, alpha=0.7, zorder=2.5)
    axes.tick_params(colors=FAINT, labelsize=8, length=0)
    for spine in axes.spines.values():
        spine.set_color("#b8c2ca")


def draw(grid: Grid, land: Raster, collection: dict[str, Any], area: Area, summary: dict[str, Any]) -> Figure:
    """Compose the whole figure."""
    west, south, east, north = frame(area)
    shrink = np.cos(np.radians((south + north) / 2))
    height = min(WIDTH * 0.84 * (north - south) / (east - west) / shrink + 1.35, HIGHEST)
    figure = Figure(figsize=(WIDTH, height), dpi=160, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.045, 0.5 / height, 0.84, 1 - 1.35 / height))
    spacing = float(grid.latitude[1] - grid.latitude[0])
    image = draw_field(axes, grid, summary["most_revisits"], spacing)
    draw_swaths(axes, collection["features"], area)
    draw_land(axes, land)
    if summary["surface"] != "sea":
        image.set_zorder(3.5)  # an area without sea: its land is what the statistics are of
    label_passes(axes, collection["features"])
    finish_axes(axes, area)

    bar = figure.colorbar(image, cax=figure.add_axes((0.905, 0.5 / height, 0.018, 1 - 1.35 / height)))
    bar.set_ticks(
        [entry["revisits"] for entry in summary["histogram"]],
        labels=[f"{entry['revisits']}  ({entry['share']:.0%})" for entry in summary["histogram"]],
    )
    bar.minorticks_off()
    bar.ax.tick_params(colors=INK, labelsize=9.5, length=0)
    bar.outline.set_edgecolor("#b8c2ca")
    bar.ax.set_title(f"passes\n(share of {summary['surface']})", fontsize=8, color=FAINT, loc="left", pad=6)

    title, facts, note = texts(summary)
    figure.text(0.045, 1 - 0.36 / height, title, fontsize=17, fontweight="bold", color=INK, va="center")
    figure.text(0.045, 1 - 0.66 / height, facts, fontsize=10.5, color=FAINT, va="center")
    figure.text(0.045, 0.16 / height, note, fontsize=7.5, color=FAINT, va="center")
    return figure


def texts(summary: dict[str, Any]) -> tuple[str, str, str]:
    """Return the title, the line of facts below it, and the note below the map."""
    begin, end = (parse_utc(text) for text in summary["period"])
    facts = [period_text(begin, end)]
    # Cycle 0 means that the passes have no mission numbers.
    cycles = [str(cycle) for cycle in summary["cycles"] if cycle]
    if cycles:
        facts.append(f"cycle {', '.join(cycles)}")
    facts.append(f"{summary['passes']} {'pass' if summary['passes'] == 1 else 'passes'}")
    facts.append(
        f"{summary['observed_share']:.1%} of the {summary['surface']} seen,"
        f" on average {summary['mean_revisits']:.1f} times"
    )
    note = (
        "Outlines: swaths on both sides of nadir. Numbers: passes where they leave the area (odd ascending, "
        f"even descending). Orbit: SGP4 from the elements of {summary['elements_epoch'][:10]}. Land: GLOBE."
    )
    return f"{summary['satellite']} revisits, {summary['area']}", "  ·  ".join(facts), note


def main() -> None:
    """Read the grid and what it was made from; write a PNG picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("grid", type=Path, help="revisit grid (NetCDF)")
    parser.add_argument("land", type=Path, help="land percentage about the area (BIL with header)")
    parser.add_argument("swaths", type=Path, help="swaths (GeoJSON)")
    parser.add_argument("area", type=Path, help="area of interest (GeoJSON)")
    parser.add_argument("summary", type=Path, help="summary of the grid (JSON)")
    parser.add_argument("--output", type=Path, required=True, help="PNG file to write")
    arguments = parser.parse_args()
    grid, _ = read_grid(arguments.grid)
    figure = draw(grid, read_raster(arguments.land), read_json(arguments.swaths), read_area(arguments.area),
                  read_json(arguments.summary))  # fmt: skip
    # Without the software's version in the file, equal maps are equal files.
    figure.savefig(arguments.output, metadata={"Software": None})


if __name__ == "__main__":
    run("draw_map", main)
