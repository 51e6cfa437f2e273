"""The curves of an evaluation, as PNG."""

from collections.abc import Mapping
from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from streams.evaluation import Calibration, Evaluation

DOTS_PER_INCH = 140
INK, GRID = "#22303c", "#dde3e8"
COLOURS = ("#0b6e99", "#d9730d", "#448361", "#ad1a72", "#6940a5", "#9f6b53", "#d44c47", "#64748b")
DASHES = ("-", "--", ":")
SHORTEST_MINUTES = 1.0
TICKS = {"1 min": 1, "10 min": 10, "1 h": 60, "6 h": 360, "1 day": 1_440, "7 days": 10_080, "28 days": 40_320}


def charts(found: Evaluation) -> Mapping[str, bytes]:
    """PNG images by name: `precision_recall`, `reliability`, and `detection` (how soon accounts are limited).

    One of which there is nothing to draw is left out.
    """
    drawn = {}
    if found.precision_recall:
        figure, axes = _figure("Precision and recall over accounts, by score", "recall", "precision")
        axes.step(
            [0.0, *(point.x for point in found.precision_recall)],
            [found.precision_recall[0].y, *(point.y for point in found.precision_recall)],
            where="pre",
            color=COLOURS[0],
            linewidth=2,
        )
        axes.set(xlim=(0, 1.02), ylim=(0, 1.04))
        drawn["precision_recall"] = _png(figure)
    if found.calibration is not None:
        drawn["reliability"] = _reliability(found.calibration)
    curves = {name: points for name, points in found.detection.items() if points}
    if curves:
        figure, axes = _figure("Accounts limited, by time from their first exchange", "", "share of accounts")
        longest = max(points[-1].x for points in curves.values())
        for place, (name, points) in enumerate(curves.items()):
            axes.step(
                [SHORTEST_MINUTES, *(max(SHORTEST_MINUTES, point.x) for point in points), max(longest, 1.0)],
                [0.0, *(point.y for point in points), points[-1].y],
                where="post",
                label=name,
                color=COLOURS[place % len(COLOURS)],
                linestyle=DASHES[place // len(COLOURS) % len(DASHES)],
                linewidth=1.8,
            )
        axes.set_xscale("log")
        axes.set_xticks(list(TICKS.values()), list(TICKS), minor=False)
        axes.set_xticks([], minor=True)
        axes.set_xlim(SHORTEST_MINUTES, max(60.0, longest * 1.1))
        axes.set(ylim=(0, 1.04))
        axes.legend(frameon=False, fontsize=8, loc="upper left")
        drawn["detection"] = _png(figure)
    return drawn


def _reliability(found: Calibration) -> bytes:
    """Mean score and share guilty of each bin, with exact intervals, against the diagonal where scores are true."""
    figure, axes = _figure("Reliability: share of accounts that are guilty, by score", "score", "share guilty")
    shares = [it.guilty.share for it in found.bins]
    below = [it.guilty.share - it.guilty.low for it in found.bins]
    above = [it.guilty.high - it.guilty.share for it in found.bins]
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle="--")
    means = [it.mean_score for it in found.bins]
    axes.errorbar(means, shares, (below, above), color=COLOURS[0], marker="o", markersize=4, linewidth=1.5, capsize=3)
    for it in found.bins:
        axes.annotate(
            f"{it.guilty.of:,}", (it.mean_score, it.guilty.share), (5, -10), textcoords="offset points", size=7
        )
    axes.set(xlim=(0, 1.02), ylim=(0, 1.04))
    return _png(figure)


def _figure(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    axes.tick_params(colors=INK, labelsize=8)
    axes.grid(color=GRID, linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _png(figure: Figure) -> bytes:
    out = BytesIO()
    figure.savefig(out, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return out.getvalue()
