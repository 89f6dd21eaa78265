"""A results file as a table for people, with the goals and whether they were reached."""

from . import figures


def text_of(results):
    stages = results["stages"]
    parts = [head(results)]
    for part in (step, end_to_end, shares, ingest, latency):
        text = part(stages)
        if text:
            parts.append(text)
    failed = [f"  {sentence}" for sentence in results["failures"]]
    if failed:
        parts.append("\n".join(["Failed:"] + failed))
    return "\n\n".join(parts) + "\n"


def head(results):
    machine = results["machine"]
    load = results["load_before"]
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB; {machine['system']}",
        f"commit {results['commit'] or 'unknown'}; medians of {results['rounds']} rounds, of steps the fastest; "
        f"{load:.1f} processes wanted a core before",
    ]
    return "\n".join(lines)


def columns(rows):
    """Left-aligned names, right-aligned figures."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append(("  " + "  ".join(cells)).rstrip())
    return "\n".join(lines)


def or_dash(value, form):
    return "-" if value is None else form.format(value)


def verdict(times, goal):
    if times is None or goal is None:
        return "-"
    return f"{goal} x: {'reached' if times >= goal else 'missed'}"


def step(stages):
    rows = list(figures.step_rows(stages))
    if not rows:
        return None
    table = [("", "millrace us", "PyTorch us", "times", "goal", "rewritten us", "times", "PyTorch's best setting")]
    for row in rows:
        table.append(
            (
                f"batch {row['batch']}, {figures.threads_of(row['threads'])}",
                f"{row['millrace_us']:.0f}",
                or_dash(row["torch_us"], "{:.0f}"),
                or_dash(row["times"], "{:.2f} x"),
                verdict(row["times"], row["goal"]),
                or_dash(row["rewritten_us"], "{:.0f}"),
                or_dash(row["times_rewritten"], "{:.2f} x"),
                row["torch_way"] or "-",
            )
        )
    return "A step: forward, backward, Adam; float32\n" + columns(table)


def end_to_end(stages):
    rows = figures.stream_rows(stages)
    if not rows:
        return None
    guide = next((row["rows_per_s"] for row in rows if row["name"] == figures.GUIDE), None)
    table = [("", "rows/s", "epochs", "times the guide's")]
    for row in rows:
        times = row["rows_per_s"] / guide if guide else None
        table.append((row["name"], f"{row['rows_per_s']:.0f}", str(row["epochs"]), or_dash(times, "{:.1f} x")))
    text = "From one partition to weights\n" + columns(table)
    for math, goal in figures.END_TO_END_GOALS.items():
        times = figures.end_to_end_times(stages, math)
        if times is not None:
            text += f"\n  {math}: goal {verdict(times, goal)} ({times:.1f} x)"
    return text


def shares(stages):
    rows = list(figures.shares(stages))
    if not rows:
        return None
    return "Shares of bounds\n" + columns(
        [("", "share", "bound")] + [(name, f"{100 * share:.1f} %", bound) for name, share, bound in rows]
    )


def ingest(stages):
    table = [("", "rows/s", "records/s", "librdkafka alone, records/s", "first window ms")]
    for who, name in figures.INGESTS.items():
        ours = figures.measured(stages, "ingest", who)
        if not ours:
            continue
        table.append(
            (
                name.replace("ingest", "millrace, decoded into windows"),
                f"{ours['rows_per_s']:.0f}",
                f"{ours['records_per_s']:.0f}",
                f"{ours['bound_records_per_s']:.0f}",
                or_dash(ours.get("first_window_ms"), "{:.0f}"),
            )
        )
    if len(table) == 1:
        return None
    peer = figures.measured(stages, "ingest", "librdkafka")
    for row in peer["results"] if peer else []:
        table.append((row["name"], "-", f"{row['rows_per_s']:.0f}", "-", "-"))
    return "Reading from four partitions\n" + columns(table)


def latency(stages):
    found = figures.measured(stages, "latency", "millrace")
    if not found:
        return None
    return (
        f"From a record's timestamp to its weight update, {found['rate_rows_per_s']:.0f} rows/s\n"
        f"  p50 {found['p50_ms']:.1f} ms, p99 {found['p99_ms']:.1f} ms"
    )
