import torch
from torch.nn.functional import linear

N = K = 8192
# Weights that launches take in turn: those of 4 bits alone would fit into L2.
COPIES = 4


def turns(calls):
    turn = 0

    def run():
        nonlocal turn
        turn += 1
        return calls[turn % len(calls)]()

    return run


def bf16(m):
    x = torch.randn(m, K, device="cuda", dtype=torch.bfloat16)
    weights = [torch.randn(N, K, device="cuda", dtype=torch.bfloat16) for _ in range(COPIES)]
    return turns([lambda w=w: linear(x, w) for w in weights])


def tinygemm(m):
    x = torch.randn(m, K, device="cuda", dtype=torch.bfloat16)
    pairs = torch.randint(0, 256, (N, K // 2), device="cuda", dtype=torch.int32).to(torch.uint8)
    weights = [torch.ops.aten._convert_weight_to_int4pack(pairs, 8) for _ in range(COPIES)]
    scales_and_zeros = torch.randn(K // 128, N, 2, device="cuda", dtype=torch.bfloat16)
    return turns([lambda w=w: torch.ops.aten._weight_int4pack_mm(x, w, 128, scales_and_zeros) for w in weights])


CASES = {
    f"{name} {m},{N},{K}": lambda m=m: bf16(m)
    for name, ms in [
        ("W4A16 g128 zeros", (1, 16, 64, 256)),
        ("W4A16 g128 symmetric", (1, 16)),
        ("W4A16 g32 zeros", (1, 16)),
        ("W4A16 version 1", (1,)),
        ("W4A16 version 2", (1,)),
        ("W4A16 version 3", (1, 32)),
        ("W4A16 version 4", (32,)),
        ("W8A16", (1, 16, 64, 256)),
    ]
    for m in ms
} | {f"W4A16 tinygemm {m},{N},{K}": lambda m=m: tinygemm(m) for m in (1, 16, 64)}
