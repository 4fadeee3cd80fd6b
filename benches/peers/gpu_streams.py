"""Peers of gpu_cases/streams.rs: torch.compile of what a person would write, and PyTorch's own fused AdamW."""

import torch
import torch.nn.functional as F

BF16, F32 = torch.bfloat16, torch.float32


def noise(*shape, dtype):
    return torch.empty(*shape, dtype=dtype, device="cuda").uniform_(-8, 8)


def compiled(f, *operands):
    torch._dynamo.reset()
    f = torch.compile(f, dynamic=False)
    return lambda: f(*operands)


def softmax(rows, m, dtype):
    return compiled(lambda x: torch.softmax(x, -1), noise(rows, m, dtype=dtype))


def layer_norm(rows, d, dtype):
    x, gamma, beta = noise(rows, d, dtype=dtype), noise(d, dtype=dtype), noise(d, dtype=dtype)
    return compiled(lambda x, gamma, beta: F.layer_norm(x, (d,), gamma, beta, 1e-5), x, gamma, beta)


def rms_norm(rows, d, dtype):
    x, gamma = noise(rows, d, dtype=dtype), noise(d, dtype=dtype)
    return compiled(lambda x, gamma: F.rms_norm(x, (d,), gamma, 1e-5), x, gamma)


def angles(n, d, dtype):
    inv_freq = 1e4 ** (-torch.arange(0, d, 2, dtype=torch.float64, device="cuda") / d)
    angles = torch.outer(torch.arange(n, dtype=torch.float64, device="cuda"), inv_freq)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rope_half_split(dtype, d=128):
    x = noise(4, 32, 8192, d, dtype=dtype)
    cos, sin = (torch.cat([table, table], -1)[None, None] for table in angles(8192, d, dtype))

    def rotate(x, cos, sin):
        half = torch.cat((-x[..., d // 2 :], x[..., : d // 2]), dim=-1)
        return (x * cos) + (half * sin)

    return compiled(rotate, x, cos, sin)


def rope_interleaved(dtype, d=128):
    x = noise(4, 32, 8192, d, dtype=dtype)
    cos, sin = (table[None, None] for table in angles(8192, d, F32))

    def rotate(x, cos, sin):
        x0, x1 = x.float().unflatten(-1, (-1, 2)).unbind(-1)
        return torch.stack([x0 * cos - x1 * sin, x0 * sin + x1 * cos], -1).flatten(-2).to(x.dtype)

    return compiled(rotate, x, cos, sin)


def labels(rows, classes):
    target = torch.arange(rows, device="cuda") * 7919 % classes
    return target, torch.rand(classes, device="cuda") + 1


def cross_entropy(rows, classes, dtype):
    target, weight = labels(rows, classes)
    loss = lambda z, target, weight: F.cross_entropy(z.float(), target, weight=weight)
    return compiled(loss, noise(rows, classes, dtype=dtype), target, weight)


def cross_entropy_gradient(rows, classes, dtype, with_loss):
    target, weight = labels(rows, classes)
    z = noise(rows, classes, dtype=dtype)
    logsumexp = None if with_loss else torch.cat([torch.logsumexp(part.float(), -1) for part in z.split(512)])

    def gradient(z, logsumexp, target, weight):
        z = z.float()
        if with_loss:
            logsumexp = torch.logsumexp(z, -1)
        w = weight[target]
        hit = torch.arange(classes, device=z.device)[None] == target[:, None]
        slopes = ((z - logsumexp[:, None]).exp() - hit.float()) * (w / w.sum())[:, None]
        loss = (logsumexp - z.gather(1, target[:, None])[:, 0]) @ w / w.sum() if with_loss else None
        return slopes.to(dtype), loss

    return compiled(gradient, z, logsumexp, target, weight)


def distillation(rows, classes, dtype, with_gradient, t=2.0):
    student, teacher = noise(rows, classes, dtype=dtype), noise(rows, classes, dtype=dtype)

    def loss(student, teacher):
        log_q, log_p = (F.log_softmax(z.float() / t, -1) for z in (student, teacher))
        value = F.kl_div(log_q, log_p, reduction="batchmean", log_target=True) * t * t
        if not with_gradient:
            return value
        return value, ((log_q.exp() - log_p.exp()) * (t / rows)).to(dtype)

    return compiled(loss, student, teacher)


def mixup(rows, d, dtype):
    x, partners = noise(rows, d, dtype=dtype), (torch.arange(rows, device="cuda") * 5 + 4001) % rows
    return compiled(lambda x, partners: 0.3 * x + 0.7 * x[partners], x, partners)


def adam(n):
    # PyTorch has no states of 8 bits: this is its fused step with those of 32.
    p = torch.nn.Parameter(torch.zeros(n, device="cuda"))
    p.grad = torch.rand(n, device="cuda") * 2 - 1
    step = torch.optim.AdamW([p], lr=1e-5, weight_decay=0.0, fused=True, capturable=True).step
    return step


CASES = {
    "softmax bf16 16384,8192": lambda: softmax(16384, 8192, BF16),
    "softmax bf16 131072,1000": lambda: softmax(131072, 1000, BF16),
    "softmax bf16 131072,1001": lambda: softmax(131072, 1001, BF16),
    "softmax f32 32768,4096": lambda: softmax(32768, 4096, F32),
    "softmax f32 8192,16384": lambda: softmax(8192, 16384, F32),
    "softmax f32 1024,131072": lambda: softmax(1024, 131072, F32),
    "layer_norm bf16 16384,8192": lambda: layer_norm(16384, 8192, BF16),
    "layer_norm f32 131072,768": lambda: layer_norm(131072, 768, F32),
    "rms_norm bf16 16384,8192": lambda: rms_norm(16384, 8192, BF16),
    "rms_norm f32 16384,8192": lambda: rms_norm(16384, 8192, F32),
    "rope bf16 half-split 4,32,8192,128": lambda: rope_half_split(BF16),
    "rope bf16 interleaved 4,32,8192,128": lambda: rope_interleaved(BF16),
    "rope f32 half-split 4,32,8192,128": lambda: rope_half_split(F32),
    "cross_entropy bf16 weighted 8192,128256": lambda: cross_entropy(8192, 128256, BF16),
    "cross_entropy bf16 gradient 8192,128256": lambda: cross_entropy_gradient(8192, 128256, BF16, False),
    "cross_entropy bf16 loss and gradient 8192,128256": lambda: cross_entropy_gradient(8192, 128256, BF16, True),
    "cross_entropy f32 weighted 8192,32000": lambda: cross_entropy(8192, 32000, F32),
    "distillation bf16 loss 4096,128256": lambda: distillation(4096, 128256, BF16, False),
    "distillation bf16 loss and gradient 4096,128256": lambda: distillation(4096, 128256, BF16, True),
    "distillation f32 loss and gradient 4096,32000": lambda: distillation(4096, 32000, F32, True),
    "mixup bf16 16384,8192": lambda: mixup(16384, 8192, BF16),
    "mixup f32 16384,4096": lambda: mixup(16384, 4096, F32),
    "adam8bit f32 67108864": lambda: adam(1 << 26),
}
