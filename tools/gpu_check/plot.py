"""The benchmark as an SVG of its own: rows per second by rows per step, a panel for each mathematics."""

import html
import math

PANEL = (270, 260)  # width and height of the plotted area
MARGIN = {"left": 64, "top": 58, "between": 26, "bottom": 48, "legend": 200}
MATHS = ("fp32", "tf32", "bf16")
# Colour and dashes of each series, in the legend's order.
STYLES = {
    "millrace, tuned": ("#0b6e4f", ""),
    "millrace": ("#16a37a", ""),
    "millrace, no graph": ("#16a37a", "5 4"),
    "PyTorch, compiled and graphed": ("#b3261e", ""),
    "PyTorch, graphed": ("#e0693e", ""),
    "PyTorch, compiled": ("#b3261e", "5 4"),
    "PyTorch, eager": ("#e0693e", "5 4"),
}


def series_of(results):
    """{mathematics: {series: [(batch, rows per second)]}}"""
    found = {}

    def add(row, name):
        if row.get("rows_per_s"):
            found.setdefault(row["math"], {}).setdefault(name, []).append((row["batch"], row["rows_per_s"]))

    for row in results["benchmark"]["rows"]:
        way = ", tuned" if row["tuned"] else "" if row["graphs"] else ", no graph"
        add(row, "millrace" + way)
    for row in results["peers"]["torch"].get("rows", []):
        add(row, f"PyTorch, {row['way']}")
    for panel in found.values():
        for points in panel.values():
            points.sort()
    return found


def short(number):
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= unit:
            return f"{number / unit:g}{name}"
    return f"{number:g}"


class Scale:
    """From the logarithms of values to places."""

    def __init__(self, values, begin, end):
        self.low, self.high = math.log10(min(values)), math.log10(max(values))
        if self.high == self.low:
            self.low, self.high = self.low - 0.5, self.high + 0.5
        self.begin, self.end = begin, end

    def __call__(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return round(self.begin + share * (self.end - self.begin), 1)


def svg_of(results):
    panels = series_of(results)
    names = [name for name in STYLES if any(name in panel for panel in panels.values())]
    points = [point for panel in panels.values() for line in panel.values() for point in line]
    batches = sorted({batch for batch, _ in points}) or [1]
    rates = [rate for _, rate in points] or [1]
    decades = [10.0**power for power in range(math.floor(math.log10(min(rates))), math.ceil(math.log10(max(rates))) + 1)]
    width = MARGIN["left"] + 3 * (PANEL[0] + MARGIN["between"]) + MARGIN["legend"]
    height = MARGIN["top"] + PANEL[1] + MARGIN["bottom"]
    bottom = MARGIN["top"] + PANEL[1]
    y = Scale(decades, bottom, MARGIN["top"])
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12" fill="#222">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        text(MARGIN["left"], 22, f"Training rows per second on {results['device']['name']}", 'font-size="15"'),
    ]
    for number, mathematics in enumerate(MATHS):
        left = MARGIN["left"] + number * (PANEL[0] + MARGIN["between"])
        x = Scale(batches, left + 12, left + PANEL[0] - 12)
        out.append(text(left, MARGIN["top"] - 10, mathematics, 'font-weight="bold"'))
        for decade in decades:
            out.append(f'<path d="M{left} {y(decade)}h{PANEL[0]}" stroke="#ddd"/>')
            if number == 0:
                out.append(text(left - 8, y(decade) + 4, short(decade), 'text-anchor="end"'))
        for batch in batches:
            out.append(text(x(batch), bottom + 18, str(batch), 'text-anchor="middle"'))
        for name in names:
            line = panels.get(mathematics, {}).get(name, [])
            out += drawn(name, [(x(batch), y(rate)) for batch, rate in line])
    middle = MARGIN["left"] + 1.5 * PANEL[0] + MARGIN["between"]
    out.append(text(middle, bottom + 38, "rows per step", 'text-anchor="middle"'))
    left = width - MARGIN["legend"] - MARGIN["between"] + 16
    for number, name in enumerate(names):
        at = MARGIN["top"] + 10 + 22 * number
        out += drawn(name, [(left, at), (left + 22, at)], dots=False)
        out.append(text(left + 28, at + 4, name, 'font-size="10"'))
    return "\n".join([*out, "</svg>"]) + "\n"


def text(x, y, content, attributes=""):
    return f'<text x="{x}" y="{y}" {attributes}>{html.escape(content)}</text>'


def drawn(name, places, dots=True):
    if not places:
        return []
    colour, dashes = STYLES[name]
    path = "M" + "L".join(f"{x} {y}" for x, y in places)
    out = [f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes or "none"}"/>']
    if dots:
        out += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in places]
    return out
