"""What scripts that learn from a topic have in common: their arguments, rounds and report."""

import argparse
import json
import statistics
import sys
import time

import kafka_rows


def arguments_of(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--rows", type=int, default=60_336, help="rows of a round, at most")
    parser.add_argument("--seconds", type=float, default=4, help="time of a round, at most")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def rate(arguments, window_rows, learn):
    """Rows per second from the end of the first window to that of the last; `learn` takes a list of (value, key)."""
    rows = kafka_rows.Rows(arguments.brokers, arguments.topic)
    window, learned, begin = [], 0, None
    try:
        for row in rows:
            window.append(row)
            if len(window) < window_rows:
                continue
            learn(window)
            if begin is None:
                begin = time.perf_counter()
            else:
                learned += len(window)
                seconds = time.perf_counter() - begin
                if learned >= arguments.rows or seconds >= arguments.seconds:
                    return learned, learned / seconds
            window = []
    finally:
        rows.close()


def measured(name, arguments, window_rows, make_learner, **about):
    rates, rows = [], 0
    try:
        for _ in range(arguments.rounds):
            rows, rows_per_s = rate(arguments, window_rows, make_learner())
            rates.append(rows_per_s)
            print(f"{name}: {rows_per_s:.0f} rows/s of {rows} rows", file=sys.stderr, flush=True)
    except Exception as error:
        return {"name": name, "failed": (str(error).strip() or type(error).__name__).split("\n")[0]}
    return {"name": name, **about, "rows": rows, "rows_per_s": statistics.median(rates), "rounds": rates}


def report(versions, results):
    print(json.dumps({"versions": versions, "results": results}))
