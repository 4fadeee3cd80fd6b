#!/usr/bin/env python3
"""Golden values from PyTorch for the lessons that the ONNX node tests do not cover.

Writes golden.json beside this file, which golden.rs compares with the lessons' references:

    python3 -m pip install torch numpy
    python3 tests/oracles/golden.py

Inputs are multiples of 1/16, so that f32 holds them exactly; PyTorch computes in f64. Wherever it
has the operator itself, that is called, and not a formula written out.
"""

import json
import math
import platform
import warnings
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
from torch import nn
from torch.ao.quantization import MovingAverageMinMaxObserver, PerChannelMinMaxObserver
from torch.nn.attention.bias import causal_lower_right
from torch.nn.attention.flex_attention import and_masks, create_mask, flex_attention
from torch.nn.utils import prune

SEED = 20260101
torch.manual_seed(SEED)
torch.set_default_dtype(torch.float64)
# That flex_attention runs uncompiled.
warnings.filterwarnings("ignore", message="torch.quantize_per")
warnings.filterwarnings("ignore", message="flex_attention called without torch.compile")
cases = []


def draw(*shape, scale=1.0):
    return (torch.randn(shape) * scale * 16).round() / 16


def plain(x):
    """A value of the JSON file: a number, or a tensor as its shape and its values."""
    if not isinstance(x, torch.Tensor):
        return x
    values = x.detach().flatten().tolist()
    if x.is_floating_point():
        values = [float(f"{v:.11g}") if math.isfinite(v) else str(v) for v in values]
    return {"shape": list(x.shape), "values": values}


def case(lesson, what, oracle, inputs, outputs, convention=None):
    new = {"lesson": lesson, "what": what, "oracle": oracle}
    if convention:
        new["convention"] = convention
    new["inputs"] = {name: plain(x) for name, x in inputs.items()}
    new["outputs"] = {name: plain(x) for name, x in outputs.items()}
    cases.append(new)


def lower_right(n, m):
    """Query i of n stands at position i + m - n."""
    return torch.ones(n, m, dtype=torch.bool).tril(m - n)


def set_weight(parameter, weight):
    """A linear layer of PyTorch multiplies with its weight's transpose; the lessons do not."""
    with torch.no_grad():
        parameter.copy_(weight.T if weight.ndim == 2 else weight)


def stable_softmax():
    x = draw(3, 5, scale=4.0)
    x[1] += 1000.0
    x[2, 1::2] = -math.inf
    outputs = {
        "softmax": x.softmax(-1),
        "log_softmax": x.log_softmax(-1),
        "logsumexp": x.logsumexp(-1),
    }
    case("stable-softmax", "large and masked entries", "torch.logsumexp", {"x": x}, outputs)


def position_wise_ffn():
    b, n, d, f = 2, 3, 4, 6
    x, w_up, b_up = draw(b, n, d), draw(d, f), draw(f)
    w_gate, w_down, b_down = draw(d, f), draw(f, d), draw(d)
    inputs = dict(x=x, w_up=w_up, b_up=b_up, w_gate=w_gate, w_down=w_down, b_down=b_down)
    swiglu = F.linear(F.silu(F.linear(x, w_gate.T)) * F.linear(x, w_up.T), w_down.T)
    for form, convention in [("none", None), ("tanh", "gelu-tanh")]:
        up, gelu, down = nn.Linear(d, f), nn.GELU(approximate=form), nn.Linear(f, d)
        for parameter, weight in zip([up.weight, up.bias, down.weight, down.bias],
                                     [w_up, b_up, w_down, b_down]):
            set_weight(parameter, weight)
        outputs = {"ffn": nn.Sequential(up, gelu, down)(x), "swiglu": swiglu}
        what = "GELU in its tanh form" if convention else "exact GELU, SwiGLU"
        case("position-wise-ffn", what, f"nn.GELU(approximate='{form}'), F.silu", inputs, outputs,
             convention)


def encoder_decoder_block():
    b, m, n, d, f = 2, 5, 4, 4, 6
    src, tgt, bos = draw(b, m, d), draw(b, n, d), draw(d)
    attn, up, down = draw(3, 4, d, d, scale=0.6), draw(2, d, f), draw(2, f, d, scale=0.6)
    gamma = 1 + draw(5, d, scale=0.3)
    src_mask = torch.ones(b, m, dtype=torch.int64)
    src_mask[1, 3:] = 0

    def copy(attention, w):
        set_weight(attention.in_proj_weight, torch.cat(list(w[:3]), dim=1))
        set_weight(attention.out_proj.weight, w[3])

    for pre in [False, True]:
        options = dict(dropout=0.0, batch_first=True, norm_first=pre, bias=False)
        encoder = nn.TransformerEncoderLayer(d, 1, f, **options)
        decoder = nn.TransformerDecoderLayer(d, 1, f, **options)
        copy(encoder.self_attn, attn[0])
        copy(decoder.self_attn, attn[1])
        copy(decoder.multihead_attn, attn[2])
        for i, layer in enumerate([encoder, decoder]):
            set_weight(layer.linear1.weight, up[i])
            set_weight(layer.linear2.weight, down[i])
        norms = [encoder.norm1, encoder.norm2, decoder.norm1, decoder.norm2, decoder.norm3]
        for norm, weight in zip(norms, gamma):
            set_weight(norm.weight, weight)
        padding = src_mask == 0
        memory = encoder(src, src_key_padding_mask=padding)
        shifted = torch.cat([bos.expand(b, 1, d), tgt[:, :-1]], dim=1)
        out = decoder(shifted, memory, tgt_mask=~lower_right(n, n), memory_key_padding_mask=padding)
        inputs = dict(src=src, tgt=tgt, src_mask=src_mask, bos=bos, attn=attn, up=up, down=down,
                      gamma=gamma, norm_first=float(pre))
        case("encoder-decoder-block", "pre-LN" if pre else "post-LN",
             "nn.TransformerEncoderLayer, nn.TransformerDecoderLayer", inputs,
             {"encoder": memory, "decoder": out})


def sliding_window_attention():
    b, h, n, m, d, dv = 1, 2, 4, 6, 4, 3
    for window, globals_, causal, n in [(2, 0, True, 4), (3, 1, True, 4), (1, 3, True, 6),
                                         (2, 1, False, 6)]:
        q, k, v = draw(b, h, n, d), draw(b, h, m, d), draw(b, h, m, dv)
        ones = torch.ones(n, m, dtype=torch.bool)
        mask = ones.triu(m - n - window + 1) & ones.tril(m - n + window - 1)
        mask[:, :globals_] = True
        mask[: max(0, globals_ - (m - n))] = True
        if causal:
            mask &= lower_right(n, m)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        inputs = dict(q=q, k=k, v=v, window=window, globals=globals_, causal=float(causal))
        what = f"window {window}, {globals_} global, {'causal' if causal else 'both directions'}"
        case("sliding-window-attention", what, "F.scaled_dot_product_attention(attn_mask=bool)",
             inputs, {"out": out})


def flash_attention():
    q, k, v = draw(1, 2, 4, 4), draw(1, 2, 6, 4), draw(1, 2, 6, 4)
    inputs = dict(q=q, k=k, v=v, block=4)
    out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v)
    case("flash-attention", "all keys", "aten._scaled_dot_product_flash_attention_for_cpu",
         inputs | {"causal": 0.0}, {"out": out, "lse": lse})
    # Cached keys; and more queries than keys, the first of which see none.
    for n, m in [(4, 6), (5, 3)]:
        q, k, v = draw(1, 2, n, 4), draw(1, 2, m, 4), draw(1, 2, m, 5)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=lower_right(n, m))
        scores = (q @ k.mT / math.sqrt(4)).masked_fill(~lower_right(n, m), -math.inf)
        case("flash-attention", f"causal, {n} queries, {m} keys",
             "F.scaled_dot_product_attention(attn_mask=bool), torch.logsumexp",
             dict(q=q, k=k, v=v, causal=1.0, block=2),
             {"out": out, "lse": scores.logsumexp(-1)})


def alibi():
    b = 2
    # The slopes as numbers: Press et al. 2021, section 3, for 4 and 8 heads; every second one of
    # those for 8 heads follows those for 4.
    four, eight = [2**-2, 2**-4, 2**-6, 2**-8], [2**-k for k in range(1, 9)]
    for slopes, n in [(four, 4), (four + eight[0:4:2], 3)]:
        m, slopes = 5, torch.tensor(slopes)
        scores, eye = draw(b, len(slopes), n, m, scale=2.0), torch.eye(m)

        def bias(score, b, h, i, j):
            score = score - slopes[h] * (i + m - n - j)
            return torch.where(j <= i + m - n, score, -math.inf)

        eye = eye.expand(b, len(slopes), m, m)
        weights = flex_attention(scores, eye, eye, score_mod=bias, scale=1.0)
        case("alibi", f"{len(slopes)} heads, {n} queries, {m} keys", "flex_attention(score_mod)",
             {"scores": scores}, {"weights": weights})


def multi_head_attention():
    b, n, d = 2, 4, 6
    x, w_q, w_o = draw(b, n, d), draw(d, d, scale=0.6), draw(d, d, scale=0.6)

    def heads(w, count):
        return (x @ w).unflatten(-1, (count, -1)).transpose(1, 2)

    # Groups of 3 heads on 2 heads of k and v, and 3 heads on one.
    for h, g, dk in [(6, 2, 1), (3, 1, 2)]:
        w_k, w_v = draw(d, g * dk), draw(d, g * dk)
        q, k, v = heads(w_q, h), heads(w_k, g), heads(w_v, g)
        read = F.scaled_dot_product_attention(q, k, v, enable_gqa=True)
        out = read.transpose(1, 2).flatten(2) @ w_o
        inputs = dict(x=x, w_q=w_q, w_k=w_k, w_v=w_v, w_o=w_o, h=h, mask=None)
        case("multi-head-attention", f"{h} query heads, {g} key/value heads",
             "F.scaled_dot_product_attention(enable_gqa=True)", inputs, {"out": out})

    w_k, w_v = draw(d, d, scale=0.6), draw(d, d)
    attention = nn.MultiheadAttention(d, 3, bias=False, batch_first=True)
    set_weight(attention.in_proj_weight, torch.cat([w_q, w_k, w_v], dim=1))
    set_weight(attention.out_proj.weight, w_o)
    out, weights = attention(x, x, x, attn_mask=~lower_right(n, n), average_attn_weights=False)
    mask = torch.zeros(n, n).masked_fill(~lower_right(n, n), -math.inf)
    inputs = dict(x=x, w_q=w_q, w_k=w_k, w_v=w_v, w_o=w_o, h=3, mask=mask)
    case("multi-head-attention", "3 heads, causal", "nn.MultiheadAttention", inputs,
         {"out": out, "weights": weights})


def cross_attention():
    for c, d, h, what in [(4, 6, 3, "another width of the source"), (4, 4, 2, "one width")]:
        cross_attention_of(c, d, h, f"padding, {what}")


def cross_attention_of(c, d, h, what):
    b, n, m = 2, 3, 5
    x, memory = draw(b, n, d), draw(b, m, c)
    w_q, w_k, w_v, w_o = draw(d, d, scale=0.6), draw(c, d), draw(c, d), draw(d, d)
    keep = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    attention = nn.MultiheadAttention(d, h, bias=False, kdim=c, vdim=c, batch_first=True)
    if c == d:
        set_weight(attention.in_proj_weight, torch.cat([w_q, w_k, w_v], dim=1))
    else:
        set_weight(attention.q_proj_weight, w_q)
        set_weight(attention.k_proj_weight, w_k)
        set_weight(attention.v_proj_weight, w_v)
    set_weight(attention.out_proj.weight, w_o)
    out, weights = attention(x, memory, memory, key_padding_mask=keep == 0,
                             average_attn_weights=False)
    inputs = dict(x=x, memory=memory, w_q=w_q, w_k=w_k, w_v=w_v, w_o=w_o, h=h, memory_mask=keep)
    case("cross-attention", what, "nn.MultiheadAttention(kdim, vdim)", inputs,
         {"out": out, "weights": weights})


def einsum_attention():
    b, n, m, d, c, h, k, e = 2, 3, 4, 5, 6, 2, 3, 1
    x, memory, mask = draw(b, n, d), draw(b, m, c), draw(h, n, m)
    w_q, w_k, w_v, w_o = draw(d, h, k), draw(c, h, k), draw(c, h, e), draw(h, e, d)

    def heads(x, w):
        return torch.tensordot(x, w, 1).transpose(1, 2)

    read = F.scaled_dot_product_attention(heads(x, w_q), heads(memory, w_k), heads(memory, w_v),
                                          attn_mask=mask)
    out = torch.tensordot(read.transpose(1, 2), w_o, 2)
    inputs = dict(x=x, memory=memory, w_q=w_q, w_k=w_k, w_v=w_v, w_o=w_o, mask=mask)
    case("einsum-attention", "a mask for every head",
         "torch.tensordot, F.scaled_dot_product_attention", inputs, {"out": out})


def attention_mask():
    right = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])
    left = torch.tensor([[0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]])
    for keep, n, window in [(right, 4, 0), (left, 6, 0), (left, 5, 3)]:
        name = "right" if keep is right else "left"
        b, m = keep.shape
        mods = [lambda b, h, i, j: j <= i + m - n, lambda b, h, i, j: keep[b, j] == 1]
        if window:
            mods.append(lambda b, h, i, j: i + m - n - j < window)
        seen = create_mask(and_masks(*mods), b, 1, n, m, device="cpu")
        mask = torch.zeros(b, 1, n, m).masked_fill(~seen, -math.inf)
        case("attention-mask", f"padding at the {name}, {n} queries, window {window}",
             "flex_attention.create_mask(and_masks)",
             dict(keep=keep, queries=n, window=window), {"mask": mask})


def turns(positions, d, theta):
    """A complex number of length 1 for every position [b n] and pair: [b n d/2]."""
    frequencies = theta ** (-torch.arange(0, d, 2) / d)
    return torch.polar(torch.tensor(1.0), positions[..., None] * frequencies)


def rotate(x, positions, theta):
    """Pairs of neighbours as complex numbers: x [b h n d], positions [b n]."""
    turn = turns(positions, x.shape[-1], theta)[:, None]
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * turn).flatten(-2)


def rope():
    q, k, theta = draw(2, 2, 3, 4), draw(2, 2, 3, 4), 5000.0
    positions = torch.tensor([[0, 7, 301], [4, 5, 6]])
    outputs = {"q_rot": rotate(q, positions, theta), "k_rot": rotate(k, positions, theta)}
    case("rope", "base 5000, positions up to 301", "torch.polar, complex product",
         dict(q=q, k=k, positions=positions, rope_theta=theta), outputs)


def sinusoidal_position():
    embeddings, positions = draw(2, 3, 6), torch.tensor([[0, 1, 301], [7, 8, 9]])
    turn = turns(positions, 6, 10000.0)
    encoding = torch.stack([turn.imag, turn.real], dim=-1).flatten(-2)
    case("sinusoidal-position", "positions up to 301", "torch.polar, its imaginary and real part",
         dict(embeddings=embeddings, positions=positions),
         {"out": math.sqrt(6) * embeddings + encoding})


def kv_cache():
    # One pass over the whole sequence: its last rows are what the cache must give.
    b, h, g, n, past, d, theta = 2, 4, 2, 2, 3, 4, 100.0
    q, k, v = draw(b, h, n, d), draw(b, g, n, d), draw(b, g, n, d)
    past_k, past_v = draw(b, g, past + n + 1, d), draw(b, g, past + n + 1, d)
    lengths, beam_idx = torch.tensor([past, past - 1]), torch.tensor([1, 0])
    out, present_k, present_v = torch.zeros_like(q), past_k[beam_idx], past_v[beam_idx]
    for row, start in enumerate(lengths[beam_idx].tolist()):
        positions = torch.arange(start, start + n)[None]
        turned = rotate(k[row : row + 1], positions, theta)[0]
        present_k[row, :, start : start + n] = turned
        present_v[row, :, start : start + n] = v[row]
        filled = slice(row, row + 1), slice(None), slice(0, start + n)
        out[row] = F.scaled_dot_product_attention(
            rotate(q[row : row + 1], positions, theta), present_k[filled], present_v[filled],
            attn_mask=causal_lower_right(n, start + n), enable_gqa=True)[0]
    case("kv-cache", "rows of 2 and 3 tokens, beams swapped, grouped heads",
         "F.scaled_dot_product_attention(causal_lower_right, enable_gqa=True), torch.polar",
         dict(q=q, k=k, v=v, past_k=past_k, past_v=past_v, lengths=lengths, beam_idx=beam_idx,
              rope_theta=theta),
         {"out": out, "present_k": present_k, "present_v": present_v})


def causal_lm_objective():
    b, n, v, ignored, size = 2, 4, 5, -100, 11.0
    logits, labels = draw(b, n, v, scale=2.0), torch.randint(0, v, (b, n))
    labels[1, 2] = ignored
    loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(),
                           ignore_index=ignored)
    total = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(),
                            ignore_index=ignored, reduction="sum")
    case("causal-lm-objective", "one ignored label", "F.cross_entropy on shifted labels",
         dict(logits=logits, labels=labels, ignore_index=float(ignored), bytes=size),
         {"loss": loss, "perplexity": loss.exp(), "bits_per_byte": total / math.log(2) / size})


def affine_quantization():
    torch.manual_seed(SEED + 1)
    # Scales that f32 holds exactly: PyTorch quantises in f32.
    for bits, low, high in [(8, [-1.0, -0.25, 2.0], [2.984375, 3.734375, 3.984375]),
                            (4, [-1.0, -3.5, 1.0], [2.75, 0.25, 3.75])]:
        most = 2**bits - 1
        low, high = torch.tensor(low), torch.tensor(high)
        x = 4 * torch.rand(3, 16) * (high - low)[:, None] + low[:, None] - 1.5 * (high - low)[:, None]
        x = (x * 256).round() / 256 + 1 / 1024
        x[:, 0] = 0.0
        observer = PerChannelMinMaxObserver(
            ch_axis=0, dtype=torch.quint8, quant_min=0, quant_max=most)
        observer(torch.stack([low, high], dim=1).float())
        scale, zero_point = observer.calculate_qparams()
        x_hat = torch.fake_quantize_per_channel_affine(
            x.float(), scale.float(), zero_point.int(), 0, 0, most)
        q = torch.quantize_per_channel(x.float(), scale.double(), zero_point.long(), 0, torch.quint8)
        q = q.int_repr().clamp(0, most)
        case("affine-quantization", f"{bits} bits, asymmetric",
             "PerChannelMinMaxObserver, fake_quantize_per_channel_affine, quantize_per_channel",
             dict(x=x, low=low, high=high, bits=float(bits), symmetric=0.0),
             {"scale": scale.double(), "zero_point": zero_point.double(), "q": q.double(),
              "x_hat": x_hat.double()})
    most, scale = 127, torch.tensor([1 / 64, 1 / 32, 1 / 128])
    low, high = -scale * most, scale * torch.tensor([most, 20.0, 90.0])
    x_hat = torch.fake_quantize_per_channel_affine(
        x.float(), scale.float(), torch.zeros(3).int(), 0, -most, most)
    case("affine-quantization", "8 bits, symmetric", "fake_quantize_per_channel_affine",
         dict(x=x, low=low, high=high, bits=8.0, symmetric=1.0),
         {"scale": scale, "x_hat": x_hat.double()})


def calibration():
    torch.manual_seed(SEED + 2)
    bits, bins, percentile, constant = 3, 32, 90.0, 0.25
    levels = 2 ** (bits - 1)
    # Bins are 1/8 wide, and no number is at an edge but the largest.
    x = (draw(3, 40) * torch.tensor([1.0, 2.0, 0.5])[:, None] * 16).round() / 16 + 1 / 32
    x = x.clamp(-3.0, 3.0)
    x[1, 7] = -4.0
    observer = MovingAverageMinMaxObserver(averaging_constant=constant)
    for batch in x:
        observer(batch.abs().float())
    sizes = x.abs().flatten()
    counts, edges = torch.histogram(sizes, bins, range=(0.0, 4.0))
    mse, divergence = [], []
    for kept in range(levels, bins + 1):
        scale = edges[kept] / (levels - 1)
        codes = torch.round(x / scale).clamp(1 - levels, levels - 1)
        mse.append(F.mse_loss(codes * scale, x))
        inside = counts[:kept]
        p, level = inside.clone(), torch.arange(kept) * levels // kept
        p[-1] += counts[kept:].sum()
        sums, used = torch.zeros(levels), torch.zeros(levels)
        sums.index_add_(0, level, inside)
        used.index_add_(0, level, (inside > 0).double())
        q = torch.where(inside > 0, (sums / used)[level], 0.0)
        pair = [torch.distributions.Categorical(probs=counts) for counts in [p, q]]
        exact = torch.distributions.kl_divergence(*pair)
        # Categorical clamps probabilities of 0.
        divergence.append(torch.tensor(math.inf) if ((p > 0) & (q == 0)).any() else exact)
    mse, divergence = torch.stack(mse), torch.stack(divergence)
    thresholds = torch.stack([sizes.max(), observer.max_val.double(),
                              sizes.quantile(percentile / 100),
                              edges[levels + mse.argmin()], edges[levels + divergence.argmin()]])
    case("calibration", "three batches, 3 bits",
         "MovingAverageMinMaxObserver, quantile, histogram, distributions.kl_divergence",
         dict(x=x, bits=float(bits), percentile=percentile, averaging_constant=constant,
              bins=float(bins)),
         {"thresholds": thresholds, "mse": mse, "divergence": divergence, "counts": counts})


def weight_only_int8():
    torch.manual_seed(SEED + 3)
    # Scales are powers of two, which PyTorch's f32 holds exactly.
    scale = torch.tensor([1 / 64, 1 / 8, 1 / 32])
    x, codes = draw(2, 10), torch.rand(3, 10) * 250 - 125
    codes = (codes * 4).round() / 4 + 1 / 8
    codes[torch.arange(3), torch.tensor([2, 5, 9])] = torch.tensor([127.0, -127.0, 127.0])
    w = codes * scale[:, None]
    stored = torch.quantize_per_channel(w.float(), scale, torch.zeros(3).long(), 0, torch.qint8)
    case("weight-only-int8", "three outputs", "quantize_per_channel, F.linear", dict(x=x, w=w),
         {"y": F.linear(x, stored.dequantize().double()), "q": stored.int_repr().double(),
          "scale": stored.q_per_channel_scales()})


def group_quant_int4():
    torch.manual_seed(SEED + 4)
    n, k, g = 3, 24, 8
    # Steps of each group, from -5 to 10, from 0 to 15 or from -15 to 0.
    steps = torch.rand(n, k // g, g) * 15 + torch.tensor([-5.0, 0.0, -15.0])[:, None, None]
    steps = (steps * 8).round() / 8 + 1 / 32
    low = torch.tensor([-5.0, 0.0, -15.0])[:, None].expand(n, k // g)
    steps = steps.clamp(low[..., None] + 1 / 4, low[..., None] + 15 - 1 / 4)
    steps[..., 1], steps[..., 6] = low, low + 15
    w = (steps * torch.tensor([1 / 4, 1 / 32, 1 / 8])[:, None]).reshape(n * k // g, g)
    x = draw(2, k)
    observer = PerChannelMinMaxObserver(ch_axis=0, dtype=torch.quint8, quant_min=0, quant_max=15)
    observer(w.float())
    scale, zero = observer.calculate_qparams()
    stored = torch.quantize_per_channel(w.float(), scale.double(), zero.long(), 0, torch.quint8)
    q = stored.int_repr().reshape(n, k)
    packed = q[:, 0::2] | q[:, 1::2] << 4
    groups = (n, k // g)
    case("group-quant-int4", "three groups a row", "PerChannelMinMaxObserver, quantize_per_channel",
         dict(x=x, w=w.reshape(n, k), group_size=float(g)),
         {"packed": packed.double(), "scale": scale.double().reshape(groups),
          "zero": zero.double().reshape(groups),
          "y": F.linear(x, stored.dequantize().double().reshape(n, k))})


def on_its_own(make):
    """Draws that do not depend on what was drawn before: cases may be added in any order."""
    torch.manual_seed(SEED + len(make.__name__))
    make()


def gptq():
    # By its definition: after each column the weights that are left are the least squares solution for
    # those that are fixed. No Cholesky, no recursion.
    r, c, n, bits, percdamp = 3, 6, 16, 3, 0.01
    most = 2 ** (bits - 1) - 1
    for group, act_order, dead in [(6, 0, False), (4, 0, True), (2, 1, False)]:
        weight = draw(r, c)
        x = ((draw(n, 2) @ draw(2, c) + draw(n, c)) * 16).round() / 16 * torch.arange(1, c + 1)
        if dead:
            x[:, 3] = 0
        gram = x.T @ x * 2 / n
        diagonal = gram.diag().clone()
        order = diagonal.argsort(descending=True) if act_order else torch.arange(c)
        w = weight.clone()
        w[:, diagonal == 0] = 0
        h = gram + torch.diag((diagonal == 0).double() + percdamp * diagonal.mean())
        w, h = w[:, order], h[order][:, order]
        fixed = torch.zeros(r, 0)
        for i in range(c):
            # min over the free weights f of the damped loss: H_ff (f - w_f) = -H_fk (q - w_k)
            moved = -torch.linalg.solve(h[i:, i:], h[i:, :i] @ (fixed - w[:, :i]).T).T
            now = w[:, i:] + moved
            if i % group == 0:
                scale = now[:, :group].abs().amax(1) / most
                scale[scale == 0] = 1
            q = (now[:, 0] / scale).round().clamp(-most, most) * scale
            fixed = torch.cat([fixed, q[:, None]], 1)
        case("gptq", f"groups of {group}, act-order {act_order}" + (", a dead input" if dead else ""),
             "torch.linalg.solve for the free weights after every column",
             dict(weight=weight, x=x, bits=float(bits), group_size=float(group),
                  percdamp=percdamp, act_order=float(act_order)),
             {"w_hat": fixed[:, order.argsort()]})


def logit_distillation():
    n, c, t, alpha, beta = 4, 5, 3.0, 0.25, 0.75
    student, teacher = draw(n, c, scale=2.0).requires_grad_(), draw(n, c, scale=2.0)
    for ignored in [False, True]:
        targets = torch.randint(0, c, (n,))
        keep = torch.ones(n, dtype=torch.bool)
        if ignored:
            targets[1], keep[1] = -100, False
        soft = F.kl_div(F.log_softmax(student[keep] / t, -1), F.softmax(teacher[keep] / t, -1),
                        reduction="batchmean") * t * t
        loss = alpha * F.cross_entropy(student, targets) + beta * soft
        case("logit-distillation", "a row ignored" if ignored else "all rows",
             "F.kl_div(batchmean)·T², F.cross_entropy, autograd",
             dict(student=student, teacher=teacher, targets=targets, temperature=t, alpha=alpha,
                  beta=beta),
             {"loss": loss, "grad": torch.autograd.grad(loss, student)[0]})


def hidden_state_distillation():
    l, m, n, p, q = 3, 7, 4, 3, 5
    student, teacher = draw(l, n, p), draw(m, n, q)
    projection = nn.Linear(p, q, bias=False)
    w = draw(p, q)
    projection.weight.data = w.T.contiguous()
    for mask in [torch.ones(n, dtype=torch.int64), torch.tensor([1, 1, 0, 0])]:
        keep = mask.bool()
        loss = sum(F.mse_loss(projection(student[i][keep]), teacher[3 * i][keep]) for i in range(l))
        grad = torch.autograd.grad(loss, projection.weight)[0].T
        case("hidden-state-distillation", f"2 layers of 6, {int(mask.sum())} of {n} tokens",
             "nn.Linear, F.mse_loss, autograd",
             dict(student=student, teacher=teacher, projection=w, mask=mask),
             {"loss": loss, "grad_projection": grad})


def w8a8_quantization():
    # PyTorch's own quantizer and product of integers, in between.
    n, c, r, alpha = 3, 6, 4, 0.5
    x, weight = draw(n, c) * torch.tensor([1, 1, 40, 1, 1, 1]), draw(r, c, scale=0.5)
    act_max = draw(c).abs() + torch.tensor([2, 2, 80, 2, 2, 2])
    smooth = act_max**alpha / weight.abs().amax(0) ** (1 - alpha)

    def quantize(rows):
        scale = rows.abs().amax(1) / 127
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            codes = torch.quantize_per_channel(rows.float(), scale, torch.zeros(len(rows)), 0,
                                               torch.qint8)
        return codes.int_repr(), scale

    (q_x, s_x), (q_w, s_w) = quantize(x / smooth), quantize(weight * smooth)
    sums = torch._int_mm(F.pad(q_x, (0, 10, 0, 29)), F.pad(q_w, (0, 10, 0, 4)).T)[:n, :r]
    case("w8a8-quantization", "an outlier of 40", "torch.quantize_per_channel, torch._int_mm",
         dict(x=x, weight=weight, act_max=act_max, alpha=alpha),
         {"y": sums.double() * s_x[:, None] * s_w})


def qat_fake_quant():
    # In f32, as PyTorch has it: with a scale, values and a factor that are exact.
    n, c, scale, zero_point, qmin, qmax = 4, 4, 0.25, 1, 0, 4
    x = ((torch.randn(n, c) * 16).round() / 16 + 1 / 32).float().requires_grad_()
    grad_out = draw(n, c).float()
    s = torch.tensor([scale], dtype=torch.float32, requires_grad=True)
    z = torch.tensor([float(zero_point)], dtype=torch.float32)
    factor = (n * c * qmax) ** -0.5
    learned = torch._fake_quantize_learnable_per_tensor_affine(x, s, z, qmin, qmax, factor)
    fixed = torch.fake_quantize_per_tensor_affine(x, scale, zero_point, qmin, qmax)
    assert torch.equal(learned, fixed)
    grad_scale = torch.autograd.grad((learned * grad_out).sum(), s)[0][0]
    grad_x = torch.autograd.grad((fixed * grad_out).sum(), x)[0]
    case("qat-fake-quant", "codes 0 to 4, zero-point 1",
         "torch.fake_quantize_per_tensor_affine, _fake_quantize_learnable_per_tensor_affine, autograd",
         dict(x=x, grad_out=grad_out, scale=scale, zero_point=float(zero_point), qmin=float(qmin),
              qmax=float(qmax)),
         {"x_hat": fixed, "grad_x": grad_x, "grad_scale": grad_scale})


def magnitude_pruning():
    layers, n, k, lr, momentum = 3, 4, 6, 0.125, 0.75
    # Different sizes, since PyTorch does not say which of equal weights goes.
    sizes = torch.randperm(layers * n * k).reshape(layers, n, k).double() / 16
    w = sizes * torch.randn(layers, n, k).sign() / torch.tensor([1.0, 2.0, 4.0])[:, None, None]
    velocity, grad = draw(layers, n, k), draw(layers, n, k)
    for sparsity in [0.5, 0.8125]:
        mask, pruned, after = torch.zeros_like(w), torch.zeros_like(w), torch.zeros_like(w)
        for i in range(layers):
            layer = nn.Linear(k, n, bias=False)
            layer.weight.data.copy_(w[i])
            prune.l1_unstructured(layer, "weight", amount=sparsity)
            mask[i], pruned[i] = layer.weight_mask, layer.weight.detach()
            optimizer = torch.optim.SGD([layer.weight_orig], lr=lr, momentum=momentum)
            layer.weight_orig.grad = grad[i].clone()
            optimizer.state[layer.weight_orig]["momentum_buffer"] = velocity[i].clone()
            optimizer.step()
            after[i] = layer.weight_orig.detach() * layer.weight_mask
        case("magnitude-pruning", f"sparsity {sparsity}",
             "prune.l1_unstructured, torch.optim.SGD(momentum)",
             dict(w=w, velocity=velocity, grad=grad, sparsity=sparsity, lr=lr, momentum=momentum),
             {"mask": mask, "pruned": pruned, "next": after})


def hessian_saliency():
    # Autograd's Hessian of the layer's own error, PyTorch's inverse, and the kept weights by a solver.
    n, k, t, percdamp = 2, 5, 12, 0.25
    w, grad, x = draw(n, k), draw(n, k), draw(t, k, scale=2.0)
    x[:, 1:] += x[:, :-1]
    mask = torch.tensor([[1, 0, 1, 0, 1], [0, 0, 1, 1, 1]]).double()

    def error(row):
        return F.mse_loss(x @ row, x @ w[0])

    hessian = torch.autograd.functional.hessian(error, w[0])
    hessian = hessian + percdamp * hessian.diagonal().mean() * torch.eye(k)
    inverse = torch.linalg.inv(hessian)
    pruned = torch.zeros_like(w)
    for row, kept, weights in zip(pruned, mask.bool(), w):
        delta = torch.linalg.solve(hessian[kept][:, kept], hessian[kept][:, ~kept] @ weights[~kept])
        row[kept] = weights[kept] + delta
    case("hessian-saliency", "correlated inputs",
         "torch.autograd.functional.hessian, torch.linalg.inv, torch.linalg.solve",
         dict(w=w, grad=grad, x=x, mask=mask, percdamp=percdamp),
         {"taylor": (grad * w).abs(), "obd": w**2 * hessian.diagonal() / 2,
          "obs": w**2 / inverse.diagonal() / 2, "pruned": pruned})


def structured_pruning():
    b, d, h, o, keep = 3, 4, 7, 2, 3
    x, w1, b1, w2, b2 = draw(b, d), draw(h, d), draw(h), draw(o, h), draw(o)
    first, second = nn.Linear(d, h), nn.Linear(h, o)
    for parameter, values in zip([first.weight, first.bias, second.weight, second.bias],
                                 [w1, b1, w2, b2]):
        parameter.data.copy_(values)
    # PyTorch's mask of rows; where row and bias are 0, SiLU passes 0 on.
    prune.ln_structured(first, "weight", amount=h - keep, n=2, dim=0)
    rows = first.weight_mask[:, 0].bool()
    first.bias.data *= rows
    y = nn.Sequential(first, nn.SiLU(), second)(x)
    case("structured-pruning", "three of seven units", "prune.ln_structured(n=2, dim=0), nn.SiLU",
         dict(x=x, w1=w1, b1=b1, w2=w2, b2=b2, keep=float(keep)),
         {"kept_w1": first.weight[rows], "kept_b1": b1[rows], "kept_w2": w2[:, rows], "y": y})


for make in [stable_softmax, position_wise_ffn, encoder_decoder_block, sliding_window_attention,
             flash_attention, alibi, multi_head_attention, cross_attention, attention_mask, rope,
             kv_cache, causal_lm_objective, einsum_attention, sinusoidal_position,
             affine_quantization, calibration, weight_only_int8, group_quant_int4]:
    make()
for make in [gptq, w8a8_quantization, qat_fake_quant, logit_distillation,
             hidden_state_distillation, magnitude_pruning, hessian_saliency, structured_pruning]:
    on_its_own(make)

made_with = (f"torch {torch.__version__}, numpy {numpy.__version__}, "
             f"Python {platform.python_version()}, float64, seed {SEED}")
lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in cases)
text = f'{{"made_with":{json.dumps(made_with)},\n"cases":[\n{lines}\n]}}\n'
path = Path(__file__).with_name("golden.json")
path.write_text(text)
print(f"{len(cases)} cases, {len(text)} bytes, {made_with}: {path}")
