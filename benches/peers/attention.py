import torch
from torch.nn.functional import scaled_dot_product_attention


def attention(b, h, kv_heads, n, m, d, **options):
    q = torch.randn(b, h, n, d)
    k, v = (torch.randn(b, kv_heads, m, d) for _ in range(2))
    return lambda: scaled_dot_product_attention(q, k, v, enable_gqa=kv_heads < h, **options)


def square(n, d, **options):
    return attention(1, 8, 8, n, n, d, **options)


def window(n, d, size):
    """A window has no option of its own: a mask, made beforehand."""
    behind = torch.arange(n)[:, None] - torch.arange(n)[None, :]
    mask = torch.zeros(n, n).masked_fill((behind < 0) | (behind >= size), -torch.inf)
    return square(n, d, attn_mask=mask)


def alibi(n, d):
    behind = torch.arange(n)[:, None] - torch.arange(n)[None, :]
    slopes = 2.0 ** -torch.arange(1.0, 9.0)
    mask = (-slopes[:, None, None] * behind).masked_fill(behind < 0, -torch.inf)
    return square(n, d, attn_mask=mask[None])


CASES = {}
for n, d in [(1024, 64), (2048, 64), (1024, 128)]:
    CASES[f"attention f32 full 1,8,{n},{d}"] = lambda n=n, d=d: square(n, d)
    CASES[f"attention f32 causal 1,8,{n},{d}"] = lambda n=n, d=d: square(n, d, is_causal=True)
CASES["attention f32 window 256 1,8,2048,64"] = lambda: window(2048, 64, 256)
CASES["attention f32 alibi 1,8,1024,64"] = lambda: alibi(1024, 64)
CASES["attention f32 causal gqa 1,32/8,1024,128"] = lambda: attention(1, 32, 8, 1024, 1024, 128, is_causal=True)
# The newest query sees every key: no mask is the best call.
CASES["attention f32 decode 8,32/8,4096,128"] = lambda: attention(8, 32, 8, 1, 4096, 128)
CASES["attention f32 decode 1,32/8,16384,128"] = lambda: attention(1, 32, 8, 1, 16384, 128)
CASES["attention f32 decode 8,8/8,4096,128"] = lambda: attention(8, 8, 8, 1, 4096, 128)
