import torch
from torch.nn.functional import linear


def product(size, dtype):
    a, b = (torch.rand(size, size).mul(2).sub(1).to(dtype) for _ in range(2))
    out = torch.empty(size, size, dtype=dtype)
    return lambda: torch.mm(a, b, out=out)


def few_rows(m, n, k):
    # `linear` has no `out=`; mm with a transposed view is slower.
    x, w = (torch.rand(*shape).mul(2).sub(1).to(torch.bfloat16) for shape in ((m, k), (n, k)))
    return lambda: linear(x, w)


CASES = {
    f"gemm {name} {size}": lambda size=size, dtype=dtype: product(size, dtype)
    for name, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16))
    for size in (1024, 2048)
} | {f"linear bf16 {m},4096,4096": lambda m=m: few_rows(m, 4096, 4096) for m in (1, 16)}
