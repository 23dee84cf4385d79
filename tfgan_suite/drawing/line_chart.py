"""Line charts as SVG text, for the report and as files: axes, labels, and a legend, with nothing to load."""

import html
import math

WIDTH, HEIGHT = 460, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 40, 44
_MAX_POINTS = 400
# Standalone charts need the rules that the report's style sheet provides for charts inside it.
_STYLE = """
svg { font: 12px system-ui, sans-serif; background: #fff; --axis: #d5d8de; --series-1: #1f5fbf; --series-2: #d1571b;
  --series-3: #2a8a4a; --series-4: #8a3fa8; --series-5: #7a6a1f; }
text { fill: #5a616d; } line { stroke: var(--axis); } .middle { text-anchor: middle; } .end { text-anchor: end; }
.chart-title { fill: #1a1d23; font-size: 13.5px; font-weight: 600; }
"""


def line_chart(series, *, title, x_label, y_label):
    """Draws series over a common axis.

    Args:
        series: Dict that maps legend text to a list of `(x, y)`. Non-finite points are left out.
        title: String. Shown above the chart, and read by screen readers.
        x_label: String. Shown below the axis.
        y_label: String. Shown left of the axis.

    Returns:
        String. An `<svg>` element, whose colors are the CSS variables `--series-1`, `--series-2`, ..., `--axis`, and
        `--text`; empty if there is nothing to draw.

    Example:

    >>> line_chart({"loss": [(0, 1.0), (10, 0.5)]}, title="Loss", x_label="steps", y_label="loss")[:4]
    '<svg'
    """
    series = {
        name: _thin([point for point in points if all(map(math.isfinite, point))]) for name, points in series.items()
    }
    series = {name: points for name, points in series.items() if points}
    points = [point for one in series.values() for point in one]
    if not points:
        return ""
    x_ticks = axis_ticks(min(0, *(x for x, _ in points)), max(x for x, _ in points))
    y_ticks = axis_ticks(min(y for _, y in points), max(y for _, y in points))

    def place(x, y):
        across = (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0])
        up = (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return (
            _LEFT + across * (WIDTH - _LEFT - _RIGHT),
            HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM),
        )

    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(title)}">',
        *_grid(x_ticks, y_ticks, place),
        _text(_LEFT, 14, title, "chart-title"),
        _text((WIDTH + _LEFT) / 2, HEIGHT - 6, x_label, "middle"),
        f'<text class="middle" transform="translate(12 {(_TOP + HEIGHT - _BOTTOM) / 2:.0f}) rotate(-90)">'
        f"{html.escape(y_label)}</text>",
    ]
    legend_x = _LEFT
    for number, (name, line) in enumerate(series.items(), start=1):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in line))
        color = f"var(--series-{number})"
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.8"/>')
        if len(series) > 1:
            parts.append(f'<rect x="{legend_x}" y="23" width="12" height="3" fill="{color}"/>')
            parts.append(_text(legend_x + 17, 29, name, ""))
            legend_x += 30 + 6.6 * len(name)
    return "".join([*parts, "</svg>"])


def standalone(svg):
    """Returns a chart as the text of an `.svg` file, with its own colors.

    Example:

    >>> standalone(line_chart({"loss": [(0, 1.0), (1, 0.5)]}, title="Loss", x_label="x", y_label="y")).count("<style>")
    1
    """
    opening, rest = svg.split(">", 1)
    return f'{opening} xmlns="http://www.w3.org/2000/svg" width="{2 * WIDTH}"><style>{_STYLE}</style>{rest}\n'


def axis_ticks(low, high):
    """Returns three to seven round numbers that enclose `low` and `high`.

    Example:

    >>> axis_ticks(0.2, 3.7)
    [0.0, 1.0, 2.0, 3.0, 4.0]
    """
    if high <= low:
        low, high = low - 0.5, high + 0.5
    magnitude = 10.0 ** math.floor(math.log10((high - low) / 4))
    step = next(magnitude * factor for factor in (1, 2, 5, 10, 20) if (high - low) / (magnitude * factor) <= 5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def format_number(value):
    """Formats a number in short form: `250,000` as `250k`, small numbers as they are.

    Example:

    >>> [format_number(value) for value in (0.25, 1500, 250_000, 2_000_000)]
    ['0.25', '1.5k', '250k', '2M']
    """
    for size, suffix in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{suffix}"
    return f"{value:g}"


def _grid(x_ticks, y_ticks, place):
    parts = []
    for y in y_ticks:
        left, level = place(x_ticks[0], y)
        parts.append(f'<line x1="{left:.1f}" x2="{WIDTH - _RIGHT}" y1="{level:.1f}" y2="{level:.1f}"/>')
        parts.append(_text(left - 6, level + 4, format_number(y), "end"))
    for x in x_ticks:
        across, bottom = place(x, y_ticks[0])
        parts.append(f'<line x1="{across:.1f}" x2="{across:.1f}" y1="{bottom:.1f}" y2="{bottom + 4:.1f}"/>')
        parts.append(_text(across, bottom + 18, format_number(x), "middle"))
    return parts


def _text(x, y, text, css_class):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{css_class}">{html.escape(text)}</text>'


def _thin(points):
    if len(points) <= _MAX_POINTS:
        return points
    step = math.ceil(len(points) / _MAX_POINTS)
    return [*points[::step], points[-1]]
