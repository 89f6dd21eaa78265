#!/usr/bin/env python3
"""A training step of PyTorch's, for comparison with gpu_step_bench: JSON on standard output.

The network 9-128-256-128-1 with ReLU, binary cross-entropy from logits, Adam with ε 1e-7 (fused), rows that lie on the
device already: forward, backward and update, and no gathering of rows, which millrace's step includes. Ways: eager;
torch.compile; the step in a CUDA graph; compiled and in a graph. Mathematics: float32, TF32, and bfloat16 through
autocast. A way that PyTorch refuses is a row with its reason; where there is no PyTorch that reaches a GPU, `status`
is `absent`.
"""

import argparse
import json
import statistics
import sys
import time

BATCHES = (32, 256, 1024, 8192, 65536)
MATHS = ("fp32", "tf32", "bf16")
WAYS = ("eager", "compiled", "graphed", "compiled and graphed")
WIDTHS = (9, 128, 256, 128, 1)
ROUNDS = 9
ROUND_S = 0.05  # steps are timed in rounds of about this long


def make_step(torch, device, batch, mathematics, way):
    """A function that makes one step."""
    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_tf32 = mathematics == "tf32"
    layers = []
    for inputs, outputs in zip(WIDTHS, WIDTHS[1:]):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers[:-1]).to(device)
    on_gpu = device.type == "cuda"
    options = {"fused": True, "capturable": True} if on_gpu else {}
    adam = torch.optim.Adam(network.parameters(), lr=1e-3, eps=1e-7, **options)
    rows = torch.randint(1, 11, (batch, WIDTHS[0]), device=device).float()
    labels = torch.randint(0, 2, (batch, 1), device=device).float()
    loss_of = torch.nn.BCEWithLogitsLoss()

    def loss():
        with torch.autocast(device.type, torch.bfloat16, enabled=mathematics == "bf16"):
            logits = network(rows)
        return loss_of(logits.float(), labels)

    if "compiled" in way:
        loss = torch.compile(loss)
        torch._dynamo.reset()  # else what it compiled for other batches counts, and it makes shapes dynamic

    def step():
        adam.zero_grad(set_to_none=True)  # the next gradient is written, not added
        loss().backward()
        adam.step()

    if "graphed" not in way:
        return step
    if not on_gpu:
        raise RuntimeError("CUDA graphs need a GPU")
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(5):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def clock(torch, device):
    """A function that times a function in seconds, by the device's own events where it has them."""
    if device.type != "cuda":

        def by_host(run):
            begin = time.perf_counter()
            run()
            return time.perf_counter() - begin

        return by_host

    def by_device(run):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1000

    return by_device


def measure(torch, device, batch, mathematics, way):
    step = make_step(torch, device, batch, mathematics, way)
    timed = clock(torch, device)
    for _ in range(10):
        step()
    steps = max(1, min(2000, int(ROUND_S / max(timed(step), 1e-6))))

    def round_of_steps():
        for _ in range(steps):
            step()

    times = [timed(round_of_steps) / steps * 1e6 for _ in range(ROUNDS)]
    step_us = statistics.median(times)
    return {"step_us": step_us, "best_step_us": min(times), "rows_per_s": batch / step_us * 1e6}


def rows_of(torch, device, batches):
    for mathematics in MATHS:
        for batch in batches:
            for way in WAYS:
                row = {"batch": batch, "math": mathematics, "way": way}
                try:
                    row.update(measure(torch, device, batch, mathematics, way))
                except Exception as refused:  # whatever PyTorch has to say against it
                    row["failed"] = str(refused).strip().split("\n")[0] or type(refused).__name__
                print(json.dumps(row), file=sys.stderr)
                yield row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", default=",".join(map(str, BATCHES)), help="rows per step")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: only to try this program")
    arguments = parser.parse_args()
    result = {"status": "absent", "reason": None, "torch": None, "cuda": None, "rows": []}
    try:
        import torch
    except ImportError as error:
        result["reason"] = f"no PyTorch in {sys.executable}: {error} (--python names another)"
    else:
        result["torch"] = torch.__version__
        result["cuda"] = torch.version.cuda
        if arguments.device == "cuda" and not torch.cuda.is_available():
            result["reason"] = f"PyTorch {torch.__version__} reaches no GPU"
        else:
            batches = [int(batch) for batch in arguments.batches.split(",")]
            result["rows"] = list(rows_of(torch, torch.device(arguments.device), batches))
            result["status"] = "passed" if any("step_us" in row for row in result["rows"]) else "refused"
            result["reason"] = None if result["status"] == "passed" else result["rows"][0]["failed"]
    print(json.dumps(result))


if __name__ == "__main__":
    main()
