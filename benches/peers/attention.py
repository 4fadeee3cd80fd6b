import torch
from torch.nn.functional import scaled_dot_product_attention


def attention(n, d, dtype=torch.float32, causal=False):
    q, k, v = (torch.randn(1, 8, n, d).to(dtype) for _ in range(3))
    return lambda: scaled_dot_product_attention(q, k, v, is_causal=causal)


CASES = {
    f"attention f32 full 1,8,{n},{d}": lambda n=n, d=d: attention(n, d)
    for n, d in [(1024, 64), (2048, 64), (1024, 128)]
}
