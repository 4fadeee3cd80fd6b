"""Our kernels beside PyTorch's, in one run that alternates between the two processes.

    python benches/compare.py [PART OF A NAME] [--runs 15] [--threads 2]

Needs PyTorch (the figures in BENCHMARKS.md are of 2.15) and cargo. Prints medians and the ratio
PyTorch / llmlab: above 1, ours is the faster. Both sides write to outputs that exist already where
PyTorch has such a call, and use the same number of threads. A turn is a short sleep, in which the
other side's threads stop spinning for work, runs for 30 ms that warm caches and threads, and the run that
counts.
"""

import argparse
import importlib
import os
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).parent
PEERS = ["attention", "attention_bf16", "gemm", "quant", "adam", "streams"]
# Seconds: longer than the threads of OpenMP wait actively.
SETTLE = 0.03
# Seconds that a case runs before the run that counts: the system takes some milliseconds to give
# threads that were asleep a core each. The same in kernels.rs.
WARM = 0.03


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", default="")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--program", help="the built bench program; cargo builds it otherwise")
    return parser.parse_args()


def built():
    command = "cargo bench --locked --no-default-features --features terminal --bench kernels --no-run".split()
    words = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True)
    if words.returncode:
        sys.exit(words.stderr)
    return words.stderr.rsplit("(", 1)[1].split(")")[0]


class Ours:
    def __init__(self, program, threads):
        environment = dict(os.environ, LLMLAB_THREADS=str(threads))
        self.process = subprocess.Popen(
            [program, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.machine = self.process.stdout.readline().strip()

    def run(self, name):
        time.sleep(SETTLE)
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        try:
            return [float(word) for word in answer.split(" ")]
        except ValueError:
            sys.exit(f"{name}: {answer or 'the bench program ended'}")


def theirs(run):
    time.sleep(SETTLE)
    start = time.perf_counter()
    while time.perf_counter() - start < WARM:
        run()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main():
    options = arguments()
    try:
        import torch
    except ModuleNotFoundError:
        sys.exit("PyTorch is not installed here; `pip install torch` brings it")
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    sys.path.insert(0, str(HERE))
    program = options.program or str(HERE.parent / built())
    ours = Ours(program, options.threads)
    print(f"PyTorch {torch.__version__}, {options.threads} threads, median of {options.runs}; {ours.machine}\n")
    print("| case | PyTorch ms | llmlab ms | llmlab GFLOP/s | of the limit | PyTorch / llmlab |")
    print("|---|---|---|---|---|---|")
    for peer in PEERS:
        for name, prepare in importlib.import_module(f"peers.{peer}").CASES.items():
            if options.part not in name:
                continue
            run = prepare()
            with torch.inference_mode():
                pairs = [(theirs(run), ours.run(name)) for _ in range(options.runs)]
            peer_s = statistics.median(peer for peer, _ in pairs)
            own_s, flops, of_limit = sorted(own for _, own in pairs)[len(pairs) // 2]
            row = f"| {name} | {peer_s * 1e3:.3f} | {own_s * 1e3:.3f} | {flops / own_s / 1e9:.1f} "
            print(row + f"| {of_limit:.0%} | {peer_s / own_s:.2f} |", flush=True)


if __name__ == "__main__":
    main()
