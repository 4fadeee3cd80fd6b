import torch
import torch.nn.functional as F


def noise(*shape, dtype=torch.float32):
    return torch.empty(*shape).uniform_(-8, 8).to(dtype)


def softmax(rows, m, dtype=torch.float32):
    x, out = noise(rows, m, dtype=dtype), torch.zeros(rows, m, dtype=dtype)
    return lambda: torch.softmax(x, -1, out=out)


def layer_norm(rows, d):
    # native_layer_norm.out, which writes to an output that exists, is slower than this.
    x, gamma, beta = noise(rows, d), noise(d), noise(d)
    return lambda: F.layer_norm(x, (d,), gamma, beta, 1e-5)


def rms_norm(rows, d, dtype=torch.float32):
    # It has no call that writes to an output that exists.
    x, gamma = noise(rows, d, dtype=dtype), noise(d, dtype=dtype)
    return lambda: F.rms_norm(x, (d,), gamma, 1e-5)


def angles(n, d, dtype):
    inv_freq = 1e4 ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    angles = torch.outer(torch.arange(n, dtype=torch.float64), inv_freq)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rope_half_split(n, dtype=torch.float32, heads=32, d=128):
    # As models in Hugging Face's transformers write it.
    x = noise(1, heads, n, d, dtype=dtype)
    cos, sin = (torch.cat([table, table], -1)[None, None] for table in angles(n, d, dtype))

    def rotate_half(x):
        return torch.cat((-x[..., d // 2 :], x[..., : d // 2]), dim=-1)

    return lambda: (x * cos) + (rotate_half(x) * sin)


def rope_interleaved(n, heads=32, d=128):
    # As complex numbers, the way of Meta's LLaMA code.
    x = noise(1, heads, n, d)
    turn = torch.complex(*angles(n, d, torch.float32))[None, None]
    out = torch.zeros(1, heads, n, d // 2, dtype=torch.complex64)
    return lambda: torch.mul(torch.view_as_complex(x.view(1, heads, n, d // 2, 2)), turn, out=out)


def cross_entropy(rows, classes):
    logits, target = noise(rows, classes), torch.arange(rows) * 7919 % classes
    weight = torch.rand(classes) + 1
    return lambda: F.cross_entropy(logits, target, weight=weight)


def distillation(rows, classes, gradient, t=2.0):
    student, teacher = noise(rows, classes), noise(rows, classes)

    def loss():
        return F.kl_div(F.log_softmax(student / t, -1), F.softmax(teacher / t, -1), reduction="batchmean") * t * t

    def backward():
        with torch.inference_mode(False):
            leaf.grad = None
            value = F.kl_div(F.log_softmax(leaf / t, -1), F.softmax(fixed / t, -1), reduction="batchmean") * t * t
            value.backward()

    if gradient:
        leaf, fixed = student.requires_grad_(), teacher
    return backward if gradient else loss


def mixup(rows, d):
    x, out, other = noise(rows, d), torch.zeros(rows, d), torch.zeros(rows, d)
    partners = (torch.arange(rows) * 5 + 4001) % rows

    def run():
        torch.index_select(x, 0, partners, out=other)
        torch.lerp(other, x, 0.3, out=out)

    return run


CASES = {
    "softmax f32 8192,4096": lambda: softmax(8192, 4096),
    "softmax f32 256,131072": lambda: softmax(256, 131072),
    "softmax f32 65536,500": lambda: softmax(65536, 500),
    "softmax bf16 8192,8192": lambda: softmax(8192, 8192, torch.bfloat16),
    "layer_norm f32 8192,4096": lambda: layer_norm(8192, 4096),
    "layer_norm f32 43690,768": lambda: layer_norm(43690, 768),
    "rms_norm f32 8192,4096": lambda: rms_norm(8192, 4096),
    "rms_norm bf16 8192,8192": lambda: rms_norm(8192, 8192, torch.bfloat16),
    "rope f32 half-split 1,32,8192,128": lambda: rope_half_split(8192),
    "rope f32 interleaved 1,32,8192,128": lambda: rope_interleaved(8192),
    "rope bf16 half-split 1,32,16384,128": lambda: rope_half_split(16384, torch.bfloat16),
    "cross_entropy f32 weighted 4096,32000": lambda: cross_entropy(4096, 32000),
    "distillation f32 loss 4096,32000": lambda: distillation(4096, 32000, False),
    "distillation f32 loss and gradient 4096,32000": lambda: distillation(4096, 32000, True),
    "mixup f32 8192,4096": lambda: mixup(8192, 4096),
}
