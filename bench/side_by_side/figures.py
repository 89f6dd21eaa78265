"""What a results file says, put in order for the table and the plots. Pure functions of its JSON."""

# Ways to write the step anew, by operators that PyTorch keeps for itself; the others are settings.
REWRITTEN = ("functional", "by hand")
# Of PyTorch's best setting, by batch and threads; the other goals are shares of bounds.
STEP_GOALS = {(32, 1): 4, (32, 2): 7}
STEP_GOALS_ABOVE = {256: 2.8, 1024: 2.5, 8192: 2.2}
GUIDE = "tensorflow-io and Keras"
END_TO_END_GOALS = {"fp32": 20, "bf16": 30}
# How each way to read a topic is called, by its member of the stage.
INGESTS = {
    "millrace": "ingest",
    "millrace, two consumers": "ingest, two consumers",
    "millrace, packed": "ingest, packed",
}


def measured(stages, stage, who):
    """What was measured, or nothing where it was not or failed."""
    found = stages.get(stage, {}).get(who)
    return None if found is None or "failed" in found else found


def torch_steps(stages, batch, threads):
    """Microseconds of PyTorch on up to so many threads: (its best setting, which one, the best written anew)."""
    rows = (measured(stages, "step", "torch") or {"rows": []})["rows"]
    fitting = [r for r in rows if "failed" not in r and r["batch"] == batch and r["threads"] <= threads]
    usual = min((r for r in fitting if r["way"] not in REWRITTEN), key=lambda r: r["best_step_us"], default=None)
    rewritten = min((r["best_step_us"] for r in fitting if r["way"] in REWRITTEN), default=None)
    if usual is None:
        return None, None, rewritten
    return usual["best_step_us"], f"{usual['way']}, {threads_of(usual['threads'])}", rewritten


def threads_of(count):
    return "1 thread" if count == 1 else f"{count} threads"


def step_rows(stages):
    found = measured(stages, "step", "millrace")
    for row in found["results"] if found else []:
        usual, way, rewritten = torch_steps(stages, row["batch"], row["threads"])
        yield {
            "batch": row["batch"],
            "threads": row["threads"],
            "millrace_us": row["step_us"],
            "share": row["share"],
            "torch_us": usual,
            "torch_way": way,
            "rewritten_us": rewritten,
            "times": usual and usual / row["step_us"],
            "times_rewritten": rewritten and rewritten / row["step_us"],
            "goal": STEP_GOALS.get((row["batch"], row["threads"]), STEP_GOALS_ABOVE.get(row["batch"])),
        }


def stream_rows(stages):
    """Everybody's rows per second from the same topic to weights, the fastest first."""
    stage = stages.get("end-to-end", {})
    rows = [row for row in stage.get("train", []) if "failed" not in row]
    for who, found in stage.items():
        if who not in ("millrace", "train") and isinstance(found, dict):
            rows += [row for row in found.get("results", []) if "failed" not in row]
    return sorted(rows, key=lambda row: -row["rows_per_s"])


def is_millrace(row):
    return row["name"].startswith("millrace")


def end_to_end_times(stages, math):
    """How many times the guide's pipeline, or nothing where one of the two was not measured."""
    rows = stream_rows(stages)
    fitting = [row for row in rows if is_millrace(row) and row.get("math", "fp32") == math]
    ours = max((row["rows_per_s"] for row in fitting), default=None)
    guide = next((row["rows_per_s"] for row in rows if row["name"] == GUIDE), None)
    return ours / guide if ours and guide else None


def shares(stages):
    """(stage, share of its bound, what the bound is), of those that have one."""
    for row in step_rows(stages):
        yield f"step, batch {row['batch']}, {threads_of(row['threads'])}", row["share"], "peak of a matrix product"
    for row in (measured(stages, "decode", "millrace") or {"results": []})["results"]:
        yield f"decode {row['format']}, {row['values']}", row["share"], row.get("bound", "fast_float alone")
    bounded = [("ingest", who, name, "bare librdkafka drain") for who, name in INGESTS.items()]
    for stage, who, name, bound in [*bounded, ("end-to-end", "millrace", "end-to-end", "steps alone")]:
        found = measured(stages, stage, who)
        if found and found.get("share") is not None:
            yield name, found["share"], bound
