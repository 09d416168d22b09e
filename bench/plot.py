"""Findings as a picture: how far each is from its bar, on a logarithmic scale; samples as lines. SVG as text: it needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from .bars import Bar, Finding, bar_of

ROW_PX, LABEL_PX, WIDTH_PX, MARGIN_PX = 20, 420, 900, 30
DECADES = 2
"""Shown on each side of the bar; what is farther ends at the edge."""
GOOD, BAD = "#2e7d32", "#c62828"


def svg(findings: Sequence[Finding]) -> str:
    """One line each: green to the right of the middle is better than its bar, red to the left is worse."""
    shown = [(finding, bar) for finding in findings if (bar := bar_of(finding)) is not None and bar.value > 0]
    height = MARGIN_PX * 2 + ROW_PX * len(shown)
    middle = (LABEL_PX + WIDTH_PX) / 2
    lines = [_line(finding, bar, MARGIN_PX + ROW_PX * index, middle) for index, (finding, bar) in enumerate(shown)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_PX}" height="{height}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="{WIDTH_PX}" height="{height}" fill="white"/>\n'
        f"{_scale(middle, height)}\n" + "\n".join(lines) + "\n</svg>\n"
    )


def goodness(value: float, bar: Bar) -> float:
    """How many times as good as the bar asks; 1 is just so. Nothing at all counts as far beyond."""
    if value <= 0:
        return 0.0 if bar.is_floor else math.inf
    return value / bar.value if bar.is_floor else bar.value / value


def _offset(times: float, middle: float) -> float:
    """Pixels from the middle."""
    decades = DECADES if times == math.inf else -DECADES if times == 0 else math.log10(times)
    return max(-DECADES, min(DECADES, decades)) / DECADES * (WIDTH_PX - MARGIN_PX - middle)


def _line(finding: Finding, bar: Bar, top: int, middle: float) -> str:
    times = goodness(finding.value, bar)
    offset = _offset(times, middle)
    size = f" ({finding.size:,})" if finding.size else ""
    label = escape(f"{finding.quantity}{size}, {finding.mode}")
    colour = GOOD if times >= 1 else BAD
    return (
        f'<text x="{LABEL_PX - 8}" y="{top + 14}" text-anchor="end">{label}</text>'
        f'<rect x="{min(middle, middle + offset):.1f}" y="{top + 3}" width="{max(abs(offset), 1):.1f}" height="{ROW_PX - 6}" '
        f'fill="{colour}"/>'
    )


def _scale(middle: float, height: int) -> str:
    marks = []
    for decade in range(-DECADES, DECADES + 1):
        x = middle + _offset(10.0**decade, middle)
        text = "bar" if decade == 0 else f"{10.0**decade:g} x"
        marks.append(f'<line x1="{x:.1f}" y1="{MARGIN_PX - 6}" x2="{x:.1f}" y2="{height - 10}" stroke="#ccc"/>')
        marks.append(f'<text x="{x:.1f}" y="{MARGIN_PX - 10}" text-anchor="middle">{text}</text>')
    return "\n".join(marks)


# --- something over time -----------------------------------------------------------------------------------------------

STRIP_PX, GAP_PX = 60, 14
LINE = "#1565c0"


def lines_svg(times_s: Sequence[float], samples: Mapping[str, Sequence[float]]) -> str:
    """One strip for each quantity, from nothing to its highest value, over the same time."""
    height = MARGIN_PX * 2 + (STRIP_PX + GAP_PX) * len(samples)
    strips = [
        _strip(quantity, times_s, values, MARGIN_PX + (STRIP_PX + GAP_PX) * index)
        for index, (quantity, values) in enumerate(samples.items())
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_PX}" height="{height}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="{WIDTH_PX}" height="{height}" fill="white"/>\n' + "\n".join(strips) + "\n"
        f'<text x="{WIDTH_PX - MARGIN_PX}" y="{height - 10}" text-anchor="end">{times_s[-1] / 60:.1f} minutes</text>\n</svg>\n'
    )


def _strip(quantity: str, times_s: Sequence[float], values: Sequence[float], top: int) -> str:
    left, right, highest = LABEL_PX / 2, WIDTH_PX - MARGIN_PX, max(values) or 1.0
    points = " ".join(
        f"{left + (right - left) * time_s / times_s[-1]:.1f},{top + STRIP_PX * (1 - value / highest):.1f}"
        for time_s, value in zip(times_s, values, strict=True)
    )
    return (
        f'<text x="{left - 8}" y="{top + 14}" text-anchor="end">{escape(quantity)}</text>'
        f'<text x="{left - 8}" y="{top + 32}" text-anchor="end" fill="#666">up to {highest:.4g}</text>'
        f'<line x1="{left}" y1="{top + STRIP_PX}" x2="{right}" y2="{top + STRIP_PX}" stroke="#ccc"/>'
        f'<polyline points="{points}" fill="none" stroke="{LINE}"/>'
    )
