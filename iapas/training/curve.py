"""The course of a loss, as a table and as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

Point = tuple[int, float]
"""A step, and the mean loss since the point before."""

_WIDTH, _HEIGHT, _LEFT, _TOP = 720, 360, 70, 20  # of the picture, and its margins, in pixels


def curve_csv(points: Sequence[Point]) -> str:
    """A line for each point, with a head."""
    return "step,loss\n" + "".join(f"{step},{loss:.6g}\n" for step, loss in points)


def curve_svg(points: Sequence[Point]) -> str:
    """A line over steps, the loss (> 0) in a logarithmic scale; needs nothing but itself."""
    kept = [(step, loss) for step, loss in points if loss > 0]
    first, last = (kept[0][0], kept[-1][0]) if kept else (0, 1)
    low, high = (min(loss for _, loss in kept), max(loss for _, loss in kept)) if kept else (0.1, 1.0)
    span = math.log(high / low) or 1.0
    right, bottom = _WIDTH - 20, _HEIGHT - 40

    def place(step: int, loss: float) -> str:
        x = _LEFT + (right - _LEFT) * (step - first) / max(last - first, 1)
        y = bottom - (bottom - _TOP) * math.log(loss / low) / span
        return f"{x:.1f},{y:.1f}"

    texts = [
        (_LEFT - 6, _TOP + 4, "end", f"{high:.3g}"),
        (_LEFT - 6, bottom + 4, "end", f"{low:.3g}"),
        (_LEFT, bottom + 18, "middle", str(first)),
        (right, bottom + 18, "end", str(last)),
        ((_LEFT + right) // 2, bottom + 30, "middle", "step; the loss is drawn in a logarithmic scale"),
    ]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif"'
        ' font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<path d="M{_LEFT},{_TOP}V{bottom}H{right}" fill="none" stroke="#888"/>',
        f'<polyline fill="none" stroke="#0645ad" points="{" ".join(place(*point) for point in kept)}"/>',
        *(f'<text x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>' for x, y, anchor, text in texts),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"
