import torch


def step(n):
    p = torch.nn.Parameter(torch.zeros(n))
    p.grad = torch.rand(n) * 2 - 1
    optimizer = torch.optim.AdamW([p], lr=1e-5, weight_decay=0.0, fused=True)
    return optimizer.step


CASES = {f"AdamW 8-bit (PyTorch: f32, fused) {1 << 24}": lambda: step(1 << 24)}
