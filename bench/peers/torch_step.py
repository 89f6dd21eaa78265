#!/usr/bin/env python3
"""A training step of PyTorch's, for comparison with gpu_step_bench: JSON on standard output.

The network 9-128-256-128-1 with ReLU, binary cross-entropy from logits, Adam with ε 1e-7 (fused), rows that lie on the
device already: forward, backward and update, and no gathering of rows, which millrace's step includes. Ways on a GPU:
eager; torch.compile; the step in a CUDA graph; compiled and in a graph. On a CPU: eager; torch.compile, where the step
is short; and two that are more than a setting, because they call operators that PyTorch keeps for itself: functional,
without modules and the optimizer's wrapping; and by hand, without autograd, written into memory that is there.
Mathematics: float32, TF32, and bfloat16 through autocast; on a CPU float32. A way that PyTorch refuses is a row with its
reason; where there is no PyTorch that reaches a GPU, `status` is `absent`.
"""

import argparse
import json
import statistics
import sys
import time

BATCHES = (32, 256, 1024, 8192, 65536)
MATHS = ("fp32", "tf32", "bf16")
WAYS = ("eager", "compiled", "graphed", "compiled and graphed")
CPU_WAYS = ("eager", "functional", "by hand", "compiled")
MOST_ROWS_COMPILED = 256  # above, a step on a CPU is its products, and compiling takes long
ADAM = {"amsgrad": False, "lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "weight_decay": 0, "eps": 1e-7, "maximize": False}
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
    options = {"fused": True, "capturable": True} if on_gpu else {"fused": True}
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


def make_functional_step(torch, batch):
    """Autograd alone, and Adam's kernel called directly."""
    torch.manual_seed(1)
    rows = torch.randint(1, 11, (batch, WIDTHS[0])).float()
    labels = torch.randint(0, 2, (batch, 1)).float()
    linear = torch.nn.functional.linear
    parameters = []
    for inputs, outputs in zip(WIDTHS, WIDTHS[1:]):
        layer = torch.nn.Linear(inputs, outputs)
        parameters += [layer.weight, layer.bias]
    moments = [[torch.zeros_like(p) for p in parameters] for _ in range(2)]
    counts = [torch.zeros(()) for _ in parameters]

    def step():
        hidden = rows
        for layer in range(0, len(parameters) - 2, 2):
            hidden = torch.relu(linear(hidden, parameters[layer], parameters[layer + 1]))
        logits = linear(hidden, parameters[-2], parameters[-1])
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)
        gradients = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            torch._foreach_add_(counts, 1)
            torch._fused_adam_(parameters, gradients, *moments, [], counts, **ADAM)

    return step


def make_step_by_hand(torch, batch):
    """No autograd, no allocation: every product into memory that is there, all parameters in one tensor."""
    torch.manual_seed(1)
    rows = torch.randint(1, 11, (batch, WIDTHS[0])).float()
    labels = torch.randint(0, 2, (batch, 1)).float()
    shapes = list(zip(WIDTHS, WIDTHS[1:]))
    parameters = torch.zeros(sum(inputs * outputs + outputs for inputs, outputs in shapes))
    gradients, *moments = (torch.zeros_like(parameters) for _ in range(3))
    count = torch.zeros(())

    def layers_of(flat):
        begin = 0
        for inputs, outputs in shapes:
            end = begin + inputs * outputs
            yield flat[begin:end].view(inputs, outputs), flat[end : end + outputs]
            begin = end + outputs

    layers, layer_gradients = list(layers_of(parameters)), list(layers_of(gradients))
    for weights, _ in layers:
        torch.nn.init.xavier_uniform_(weights)
    values = [torch.empty(batch, outputs) for outputs in WIDTHS[1:]]
    deltas = [torch.empty(batch, outputs) for outputs in WIDTHS[1:]]
    relu_backward = torch.ops.aten.threshold_backward.grad_input
    last = len(layers) - 1

    def step():
        hidden = rows
        for layer, (weights, bias) in enumerate(layers):
            torch.addmm(bias, hidden, weights, out=values[layer])
            hidden = values[layer].relu_() if layer < last else values[layer]
        torch.sigmoid(values[last], out=deltas[last]).sub_(labels).mul_(1 / batch)
        for layer in range(last, -1, -1):
            below = values[layer - 1] if layer > 0 else rows
            torch.mm(below.t(), deltas[layer], out=layer_gradients[layer][0])
            torch.sum(deltas[layer], 0, out=layer_gradients[layer][1])
            if layer > 0:
                torch.mm(deltas[layer], layers[layer][0].t(), out=deltas[layer - 1])
                relu_backward(deltas[layer - 1], below, 0, grad_input=deltas[layer - 1])
        count.add_(1)
        torch._fused_adam_([parameters], [gradients], *([m] for m in moments), [], [count], **ADAM)

    return torch.no_grad()(step)


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
    if way == "functional":
        step = make_functional_step(torch, batch)
    elif way == "by hand":
        step = make_step_by_hand(torch, batch)
    else:
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


def measured(torch, device, row):
    try:
        row.update(measure(torch, device, row["batch"], row["math"], row["way"]))
    except Exception as refused:  # whatever PyTorch has to say against it
        row["failed"] = str(refused).strip().split("\n")[0] or type(refused).__name__
    print(json.dumps(row), file=sys.stderr, flush=True)
    return row


def rows_of(torch, device, batches):
    for mathematics in MATHS:
        for batch in batches:
            for way in WAYS:
                yield measured(torch, device, {"batch": batch, "math": mathematics, "way": way})


def rows_of_cpu(torch, device, batches, threads):
    for count in threads:
        torch.set_num_threads(count)
        for batch in batches:
            for way in CPU_WAYS:
                if way != "compiled" or batch <= MOST_ROWS_COMPILED:
                    yield measured(torch, device, {"batch": batch, "math": "fp32", "way": way, "threads": count})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", default=",".join(map(str, BATCHES)), help="rows per step")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--threads", default="1", help="with --device cpu: how many, each in turn")
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
            device = torch.device(arguments.device)
            if arguments.device == "cpu":
                rows = rows_of_cpu(torch, device, batches, [int(count) for count in arguments.threads.split(",")])
            else:
                rows = rows_of(torch, device, batches)
            result["rows"] = list(rows)
            result["status"] = "passed" if any("step_us" in row for row in result["rows"]) else "refused"
            result["reason"] = None if result["status"] == "passed" else result["rows"][0]["failed"]
    print(json.dumps(result))


if __name__ == "__main__":
    main()
