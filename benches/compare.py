"""Our kernels beside PyTorch's, in one run that alternates between the two processes.

    python benches/compare.py [PART OF A NAME] [--runs 15] [--threads 2] [--gpu]

Needs PyTorch (BENCHMARKS.md says of which version its figures are) and cargo. Prints medians and the ratio
PyTorch / llmlab: above 1, ours is the faster. Both sides write to outputs that exist already where
PyTorch has such a call, and use the same number of threads. A turn is a short sleep, in which the
other side's threads stop spinning for work, runs for 30 ms that warm caches and threads, and the run that
counts. With --gpu, the run that counts is a row of launches between two events on the GPU.
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
GPU_PEERS = ["gpu_attention", "gpu_quant", "gpu_gemm", "gpu_streams"]
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
    parser.add_argument("--gpu", action="store_true", help="the CUDA kernels")
    parser.add_argument("--program", help="the built bench program; cargo builds it otherwise")
    return parser.parse_args()


def built(bench):
    command = f"cargo bench --locked --no-default-features --features terminal --bench {bench} --no-run".split()
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
            raise RuntimeError(answer or "the bench program ended; run it alone with this name") from None


def theirs(run):
    time.sleep(SETTLE)
    start = time.perf_counter()
    while time.perf_counter() - start < WARM:
        run()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


# Launches in one run on a GPU: enough that the events between which they lie cost nothing beside them.
LAUNCHES = 20


class OnGpu:
    """Times launches by the GPU's own clock, recorded as a graph so that Python's time does not count."""

    def __init__(self, run):
        import torch

        self.torch = torch
        for _ in range(3):
            run()
        torch.cuda.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            for _ in range(LAUNCHES):
                run()

    def seconds(self):
        time.sleep(SETTLE)
        start, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
        began = time.perf_counter()
        while time.perf_counter() - began < WARM:
            self.graph.replay()
            self.torch.cuda.synchronize()
        start.record()
        self.graph.replay()
        end.record()
        self.torch.cuda.synchronize()
        return start.elapsed_time(end) / 1e3 / LAUNCHES


def main():
    options = arguments()
    try:
        import torch
    except ModuleNotFoundError:
        sys.exit("PyTorch is not installed here; `pip install torch` brings it")
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    sys.path.insert(0, str(HERE))
    program = options.program or str(HERE.parent / built("gpu" if options.gpu else "kernels"))
    ours = Ours(program, options.threads)
    where = torch.cuda.get_device_name() if options.gpu else f"{options.threads} threads"
    print(f"PyTorch {torch.__version__}, {where}, median of {options.runs}; {ours.machine}\n")
    print("| case | PyTorch ms | llmlab ms | llmlab GFLOP/s | of the limit | PyTorch / llmlab |")
    print("|---|---|---|---|---|---|")
    for peer in GPU_PEERS if options.gpu else PEERS:
        for name, prepare in importlib.import_module(f"peers.{peer}").CASES.items():
            if options.part not in name:
                continue
            try:
                run = prepare()
                with torch.inference_mode():
                    turn = OnGpu(run).seconds if options.gpu else lambda: theirs(run)
                    pairs = [(turn(), ours.run(name)) for _ in range(options.runs)]
            except RuntimeError as error:
                # One case that fails leaves the others.
                print(f"| {name} | not measured: {str(error).splitlines()[0]} | | | | |", flush=True)
                ours = Ours(program, options.threads)
                continue
            finally:
                run = turn = None
                if options.gpu:
                    torch.cuda.empty_cache()
            peer_s = statistics.median(peer for peer, _ in pairs)
            own_s, flops, of_limit = sorted(own for _, own in pairs)[len(pairs) // 2]
            row = f"| {name} | {peer_s * 1e3:.3f} | {own_s * 1e3:.3f} | {flops / own_s / 1e9:.1f} "
            print(row + f"| {of_limit:.0%} | {peer_s / own_s:.2f} |", flush=True)


if __name__ == "__main__":
    main()
