import torch


def product(size, dtype, transposed=False):
    a, b = (torch.rand(size, size, device="cuda").mul(2).sub(1).to(dtype) for _ in range(2))
    out = torch.empty(size, size, device="cuda", dtype=dtype)
    b = b.T if transposed else b
    return lambda: torch.mm(a, b, out=out)


CASES = (
    {f"gemm bf16 {size}": lambda size=size: product(size, torch.bfloat16) for size in (1024, 2048, 4096, 8192)}
    | {f"gemm bf16 transposed {size}": lambda size=size: product(size, torch.bfloat16, True) for size in (4096, 8192)}
    | {"gemm f16 4096": lambda: product(4096, torch.float16)}
)
