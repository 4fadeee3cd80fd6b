import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

BACKENDS = {"cudnn": SDPBackend.CUDNN_ATTENTION, "flash": SDPBackend.FLASH_ATTENTION}


def attention(backend, b, h, kv_heads, n, m, d, causal=False):
    draw = lambda *sizes: torch.randn(*sizes, device="cuda", dtype=torch.bfloat16)
    q, k, v = draw(b, h, n, d), draw(b, kv_heads, m, d), draw(b, kv_heads, m, d)

    def run():
        with sdpa_kernel(BACKENDS[backend]):
            return scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=kv_heads < h)

    return run


CASES = {}
for backend in BACKENDS:
    for b, h, n, d in [(2, 16, 8192, 128), (4, 16, 2048, 128), (2, 16, 8192, 64)]:
        for rule in ["full", "causal"]:
            CASES[f"attention {backend} {rule} {b},{h},{n},{d}"] = (
                lambda backend=backend, b=b, h=h, n=n, d=d, rule=rule: attention(
                    backend, b, h, h, n, n, d, rule == "causal"
                )
            )
    CASES[f"attention {backend} causal gqa 2,32/8,8192,128"] = lambda backend=backend: attention(
        backend, 2, 32, 8, 8192, 8192, 128, True
    )
    # The newest query sees every key: no mask is the best call.
    CASES[f"decode {backend} 16,32/8,8192,128"] = lambda backend=backend: attention(backend, 16, 32, 8, 1, 8192, 128)
CASES["decode flash 1,32/8,65536,128"] = lambda: attention("flash", 1, 32, 8, 1, 65536, 128)
CASES["decode flash 16,32/8,8192,64"] = lambda: attention("flash", 16, 32, 8, 1, 8192, 64)
