#!/usr/bin/env python3
"""Trains the small model and writes weights.safetensors and golden.json beside this file.

    python3 -m pip install torch numpy safetensors
    python3 src/tiny/train.py

Takes some minutes on two cores, without a GPU. Everything random comes from SEED; another version of
PyTorch or another processor rounds otherwise, and so ends at other weights of the same loss.

The corpus is that of corpus.rs, which says what it is; golden.json holds what both must agree on.
"""

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

SEED = 20260101
STEPS, BATCH, WARM_UP, PEAK_LR = 1200, 32, 100, 3e-3
HELD_OUT = 1 << 32  # the first stream that no training batch comes from

# ---- The corpus: corpus.rs, for many sequences at once. ------------------------------------------
SEPARATOR, LETTERS, SEGMENT, GAP, LENGTH = 0, 32, 8, 24, 128
NAMES = 31
VOCAB = 1 + LETTERS + NAMES
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mix(x):
    """SplitMix64's output function (Steele, Lea and Flood 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def below(draw, n):
    """A number from 0 to n - 1, from the upper half of a draw."""
    return ((draw >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32)


def sequences(first, count, length=LENGTH):
    """Tokens [count length] of the streams from `first` on."""
    seed = mix(np.arange(first, first + count, dtype=np.uint64) * GOLDEN)
    rows = np.arange(count)
    deck = np.tile(np.arange(NAMES), (count, 1))
    tokens = np.zeros((count, length), dtype=np.int64)
    left = np.full(count, SEGMENT)  # names still to come
    a = b = np.zeros(count, dtype=np.uint64)  # the last two letters
    for t in range(1, length):
        draw = mix(seed + np.uint64(t * int(GOLDEN) % 2**64))
        if t <= SEGMENT:
            other = t - 1 + below(draw, NAMES - (t - 1)).astype(np.int64)
            deck[rows, t - 1], deck[rows, other] = deck[rows, other], deck[rows, t - 1].copy()
        name = 1 + LETTERS + deck[rows, np.minimum(SEGMENT - left, SEGMENT - 1)]
        ends = below(draw, GAP) == 0
        bits = draw & np.uint64(7)
        slot = np.where(bits < 4, 0, np.where(bits < 6, 1, bits - np.uint64(4))).astype(np.uint64)
        state = mix(a * np.uint64(LETTERS) + b + np.uint64(1))
        letter = (state + slot * ((state >> np.uint64(32)) | np.uint64(1))) % np.uint64(LETTERS)
        copying = left > 0
        tokens[:, t] = np.where(copying, name, np.where(ends, SEPARATOR, 1 + letter.astype(np.int64)))
        resets = copying | ends
        a, b = np.where(resets, np.uint64(0), b), np.where(resets, np.uint64(0), letter)
        left = np.where(copying, left - 1, np.where(ends, SEGMENT, 0))
    return tokens


# ---- The model: Hugging Face's Llama, with its names. --------------------------------------------
EPS, THETA = 1e-5, 10000.0


@dataclass(frozen=True)
class Config:
    hidden_size: int = 128
    intermediate_size: int = 256
    num_hidden_layers: int = 4
    num_attention_heads: int = 4


def rotate(x):
    """RoPE on [b h n d] in the layout of rotate_half."""
    n, d = x.shape[-2:]
    inv_freq = THETA ** (-torch.arange(0, d, 2, dtype=torch.float64) / d)
    angles = torch.outer(torch.arange(n, dtype=torch.float64), inv_freq)
    cos, sin = (f(angles).to(x.dtype).repeat(1, 2) for f in (torch.cos, torch.sin))
    half = torch.cat([-x[..., d // 2:], x[..., : d // 2]], dim=-1)
    return x * cos + half * sin


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads, hidden = config.num_attention_heads, config.hidden_size
        for name in ["q_proj", "k_proj", "v_proj", "o_proj"]:
            setattr(self, name, nn.Linear(hidden, hidden, bias=False))

    def forward(self, x):
        heads = lambda y: y.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        q, k, v = heads(self.q_proj(x)), heads(self.k_proj(x)), heads(self.v_proj(x))
        out = F.scaled_dot_product_attention(rotate(q), rotate(k), v, is_causal=True)
        return self.o_proj(out.transpose(1, 2).flatten(-2))


class Mlp(nn.Module):
    def __init__(self, config):
        super().__init__()
        hidden, inner = config.hidden_size, config.intermediate_size
        self.gate_proj = nn.Linear(hidden, inner, bias=False)
        self.up_proj = nn.Linear(hidden, inner, bias=False)
        self.down_proj = nn.Linear(inner, hidden, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.self_attn, self.mlp = Attention(config), Mlp(config)
        self.input_layernorm = nn.RMSNorm(config.hidden_size, eps=EPS)
        self.post_attention_layernorm = nn.RMSNorm(config.hidden_size, eps=EPS)

    def forward(self, x):
        x = x + self.self_attn(self.input_layernorm(x))
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(VOCAB, config.hidden_size)
        self.model.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.model.norm = nn.RMSNorm(config.hidden_size, eps=EPS)
        self.lm_head = nn.Linear(config.hidden_size, VOCAB, bias=False)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                nn.init.normal_(weight, std=0.02)

    def hidden_states(self, tokens):
        """The embeddings, then what each layer hands on: one more than there are layers."""
        states = [self.model.embed_tokens(tokens)]
        for layer in self.model.layers:
            states.append(layer(states[-1]))
        return states

    def logits(self, state):
        return self.lm_head(self.model.norm(state))

    def forward(self, tokens):
        return self.logits(self.hidden_states(tokens)[-1])


def cross_entropy(logits, tokens):
    """The mean over the tokens that are predicted: all but the first of a sequence."""
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())


def loss(model, tokens):
    return cross_entropy(model(tokens), tokens)


# ---- Training. -----------------------------------------------------------------------------------
def train(parameters, batches, loss):
    """Lowers loss(batch) over the batches, once each."""
    steps = len(batches)
    groups = [
        {"params": [p for p in parameters if p.ndim == 2], "weight_decay": 0.1},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=PEAK_LR, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps)),
    )
    start = time.time()
    for step, batch in enumerate(batches):
        optimizer.zero_grad(set_to_none=True)
        now = loss(batch)
        now.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0 or step == steps - 1:
            print(f"step {step:5} loss {now.item():.4f} {time.time() - start:6.1f} s", flush=True)


def train_teacher():
    torch.manual_seed(SEED)
    model = Llama(Config())
    batches = torch.from_numpy(sequences(0, STEPS * BATCH)).split(BATCH)
    train(list(model.parameters()), batches, lambda batch: loss(model, batch))
    return model


def rounded(model):
    """The model as a reader of its file has it: weights of bf16, as they are published, computing in f64."""
    return model.bfloat16().double().eval()


def save(model, path, **settings):
    """Writes a rounded model."""
    weights = {name: w.to(torch.bfloat16) for name, w in model.state_dict().items()}
    config = {
        "num_attention_heads": model.config.num_attention_heads, "rms_norm_eps": EPS,
        "rope_theta": THETA, "batch": BATCH, "length": LENGTH, **settings,
    }
    save_file(weights, path, {name: str(value) for name, value in config.items()})

def main():
    here = Path(__file__).parent
    model = rounded(train_teacher())
    save(model, here / "weights.safetensors", seed=SEED, steps=STEPS)
    with torch.no_grad():
        held_out = torch.from_numpy(sequences(HELD_OUT, 64))
        print(f"held-out loss {loss(model, held_out).item():.4f}")
        golden = {
            "tokens": held_out[:3].tolist(),
            "loss": loss(model, held_out[:3]).item(),
            # Every 16th position of the first sequence.
            "logits": [[float(f"{x:.9g}") for x in row] for row in model(held_out[:1])[0, ::16].tolist()],
        }
    (here / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
