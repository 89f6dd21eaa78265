"""A results file as SVG plots: bars with their figures, for light and dark pages."""

from xml.sax.saxutils import escape

from . import figures

WIDTH = 760
NAMES = 250  # for the names on the left
LETTER = 7.2  # width of one in the figures behind the bars, at most on average
BAR, GAP, GROUP_GAP = 18, 6, 12
TOP = 58
MARGIN = 14
LONGEST_SHARE = 1.5  # so that those below the bound keep room for their differences

# Transparent behind, so that the page's own colour shows; a page's colours are known by the reader's preference alone.
STYLE = """\
text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #24292f; }
.title { font-weight: 600; font-size: 15px; }
.quiet { fill: #57606a; }
.millrace { fill: #0969da; }
.peer { fill: #8c959f; }
.hand { fill: #c4cad1; }
.bound { stroke: #57606a; stroke-dasharray: 3 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .quiet { fill: #8d96a0; }
  .millrace { fill: #4493f8; }
  .peer { fill: #6e7681; }
  .hand { fill: #484f58; }
  .bound { stroke: #8d96a0; }
}
"""


def bars(title, subtitle, groups, limit=None):
    """`groups` are lists of (name, value, figure, class); a limit is drawn as a line, and figures stand behind it."""
    most = max([value for group in groups for _, value, _, _ in group] + ([limit] if limit else []))
    scale = (WIDTH - NAMES - max(len(figure) for group in groups for _, _, figure, _ in group) * LETTER - 12) / most
    parts, y = [], TOP
    for group in groups:
        for name, value, figure, kind in group:
            length = max(value * scale, 1)
            middle = y + BAR / 2 + 4.5
            parts.append(f'<text x="{NAMES - 8}" y="{middle:.1f}" text-anchor="end">{escape(name)}</text>')
            parts.append(f'<rect class="{kind}" x="{NAMES}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2"/>')
            behind = NAMES + max(length, (limit or 0) * scale) + 7
            parts.append(f'<text x="{behind:.1f}" y="{middle:.1f}">{escape(figure)}</text>')
            y += BAR + GAP
        y += GROUP_GAP
    height = y - GROUP_GAP - GAP + MARGIN
    if limit:
        x = NAMES + limit * scale
        parts.append(f'<line class="bound" x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height - MARGIN + 6}"/>')
    spoken = "; ".join(f"{name}: {figure}" for group in groups for name, _, figure, _ in group)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        f' role="img" aria-labelledby="title description">\n<title id="title">{escape(title)}</title>\n'
        f'<desc id="description">{escape(spoken)}</desc>\n<style>\n{STYLE}</style>\n'
        f'<text class="title" x="0" y="20">{escape(title)}</text>\n'
        f'<text class="quiet" x="0" y="41">{escape(subtitle)}</text>\n'
    )
    return head + "\n".join(parts) + "\n</svg>\n"


def machine_of(results):
    return f"{results['machine']['processor']}, {results['machine']['cores']} cores"


def short_name(row):
    if not figures.is_millrace(row):
        return row["name"]
    math = "" if row.get("math", "fp32") == "fp32" else f", {row['math']}"
    return f"millrace, {figures.threads_of(row['engine_threads'])}{math}"


def end_to_end(results):
    rows = figures.stream_rows(results["stages"])
    if not rows:
        return None
    group = []
    for row in rows:
        passes = "" if row["epochs"] == 3 else " (one pass)"
        kind = "millrace" if figures.is_millrace(row) else "peer"
        group.append((short_name(row), row["rows_per_s"], f"{row['rows_per_s']:,.0f}{passes}", kind))
    subtitle = f"Rows per second, three epochs in batches of 32; {machine_of(results)}"
    return bars("From a Kafka topic to trained weights", subtitle, [group])


def step(results):
    groups = []
    for row in figures.step_rows(results["stages"]):
        name = f"batch {row['batch']}, {figures.threads_of(row['threads'])}"
        times = [
            (f"{name}: millrace", row["millrace_us"], "millrace"),
            ("PyTorch", row["torch_us"], "peer"),
            ("PyTorch, rewritten by hand", row["rewritten_us"], "hand"),
        ]
        # By row, so that all batches fit one scale.
        groups.append([(who, us / row["batch"], f"{us:,.0f} µs", kind) for who, us, kind in times if us])
    if not groups:
        return None
    subtitle = f"Bars: time for a row; figures: for a step. Forward, backward, Adam; {machine_of(results)}"
    return bars("A training step beside PyTorch's best setting", subtitle, groups)


def share(results):
    group = []
    for name, share, bound in figures.shares(results["stages"]):
        cut = ", bar cut short" if share > LONGEST_SHARE else ""
        group.append((name, min(share, LONGEST_SHARE), f"{100 * share:.0f} % of {bound}{cut}", "millrace"))
    if not group:
        return None
    return bars("Share of each stage's bound", f"The line is the bound; {machine_of(results)}", [group], limit=1)


PLOTS = {"end-to-end": end_to_end, "step": step, "share": share}


def plots_of(results):
    """Name to SVG, of those that there are figures for."""
    drawn = {name: draw(results) for name, draw in PLOTS.items()}
    return {name: svg for name, svg in drawn.items() if svg is not None}
