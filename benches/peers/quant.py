import torch

N = K = 4096
aten = torch.ops.aten


def int4(m, group):
    # PyTorch's products return a new tensor: there is no variant that writes to one. Its weight is (q − 8)·scale + zero.
    x = torch.randn(m, K).bfloat16()
    w = aten._convert_weight_to_int4pack_for_cpu(torch.randint(0, 16, (N, K), dtype=torch.int32), 1)
    scales_and_zeros = torch.randn(K // group, N, 2).bfloat16()
    return lambda: aten._weight_int4pack_mm_for_cpu(x, w, group, scales_and_zeros)


def int8(m):
    x = torch.randn(m, K).bfloat16()
    w = torch.randint(-128, 128, (N, K), dtype=torch.int8)
    scales = torch.randn(N).bfloat16()
    return lambda: aten._weight_int8pack_mm(x, w, scales)


CASES = {
    f"W4A16 g{group} {kind} {m},{N},{K}": lambda m=m, group=group: int4(m, group)
    for m, group, kind in [
        (1, 128, "zeros"),
        (1, 128, "symmetric"),
        (1, 32, "zeros"),
        (16, 128, "zeros"),
        (16, 128, "symmetric"),
        (16, 32, "zeros"),
        (256, 128, "zeros"),
    ]
} | {f"W8A16 {m},{N},{K}": lambda m=m: int8(m) for m in [1, 4, 16, 256]}
