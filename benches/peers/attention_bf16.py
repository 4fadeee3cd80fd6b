import torch

from .attention import attention

CASES = {
    f"attention bf16 {mask} 1,8,{n},{d}": lambda n=n, d=d, causal=mask == "causal": attention(n, d, torch.bfloat16, causal)
    for mask in ("full", "causal")
    for n, d in [(1024, 64), (2048, 64), (1024, 128)]
}
