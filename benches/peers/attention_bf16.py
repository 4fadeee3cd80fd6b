import torch
from torch.nn.functional import scaled_dot_product_attention


def attention(n, d, causal):
    q, k, v = (torch.randn(1, 8, n, d).bfloat16() for _ in range(3))
    return lambda: scaled_dot_product_attention(q, k, v, is_causal=causal)


CASES = {
    f"attention bf16 {mask} 1,8,{n},{d}": lambda n=n, d=d, mask=mask: attention(n, d, mask == "causal")
    for mask in ["full", "causal"]
    for n, d in [(1024, 64), (2048, 64), (1024, 128)]
}
