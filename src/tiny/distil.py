#!/usr/bin/env python3
"""Trains the students: smaller models that learn from few sequences, with and without the teacher.

    python3 -m pip install torch numpy safetensors
    python3 src/tiny/distil.py               # writes student_*.safetensors and students.json beside this file
    python3 src/tiny/distil.py --ablations   # distillation done wrong, of the first seed; writes nothing

The teacher is weights.safetensors. Students of one seed start from the same weights and see the same
batches in the same order: only their losses differ. Each takes a minute or two on one thread.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from train import (
    BATCH, HELD_OUT, LETTERS, SEGMENT, Config, Llama, cross_entropy, rounded, save, sequences, train,
)

SEEDS = [1, 2, 3]
KEPT = 2  # the middle one, by its losses with labels and with logits
STUDENT = Config(hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4)
SEQUENCES, STEPS = 512, 600  # 600 batches of 32 from 512 of the teacher's 38 400 sequences
ALPHA, BETA, T = 0.5, 0.5, 2.0
GAMMA = 0.1  # on the hidden states

HERE = Path(__file__).parent


def teacher():
    model = Llama(Config())
    model.load_state_dict(load_file(HERE / "weights.safetensors"))
    return model.eval().requires_grad_(False)


class Batch(NamedTuple):
    """Sequences, and what the teacher makes of them."""
    tokens: torch.Tensor  # [b n]
    logits: torch.Tensor  # [b n vocab]
    states: list  # of [b n hidden_size]

    def rows(self, i):
        return Batch(self.tokens[i], self.logits[i], [state[i] for state in self.states])


def lessons(teacher):
    tokens = torch.from_numpy(sequences(0, SEQUENCES))
    with torch.no_grad():
        parts = [teacher.hidden_states(batch) for batch in tokens.split(BATCH)]
    states = [torch.cat(layer) for layer in zip(*parts)]
    with torch.no_grad():
        return Batch(tokens, teacher.logits(states[-1]), states)


def order():
    """STEPS batches of indices, shuffled anew in every epoch."""
    batches = []
    while len(batches) < STEPS:
        batches += torch.randperm(SEQUENCES).split(BATCH)
    return batches[:STEPS]


# ---- The losses, of the student's logits, its projected states, and the batch. -------------------
def kl(logits, batch, t, swapped=False):
    """KL(teacher ‖ student) at temperature t, the mean over the tokens that are predicted."""
    log_q, log_p = (F.log_softmax(z[:, :-1].flatten(0, 1) / t, -1) for z in (logits, batch.logits))
    if swapped:
        log_q, log_p = log_p, log_q
    return F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)


def labels(logits, _, batch):
    return cross_entropy(logits, batch.tokens)


def distilled(logits, _, batch, t=T, squared=True, swapped=False):
    soft = kl(logits, batch, t, swapped) * (t * t if squared else 1)
    return ALPHA * cross_entropy(logits, batch.tokens) + BETA * soft


def hinted(logits, projected, batch):
    """With the squared error of each state as a share of its target's square: the last is 10⁴ times the first."""
    targets = batch.states[:: (len(batch.states) - 1) // (len(projected) - 1)]
    hints = sum(F.mse_loss(p, h) / h.square().mean() for p, h in zip(projected, targets))
    return distilled(logits, projected, batch) + GAMMA * hints


STUDENTS = {"labels": labels, "logits": distilled, "states": hinted}
ABLATIONS = {
    "KL(student ‖ teacher)": partial(distilled, swapped=True),
    "T = 4": partial(distilled, t=4.0),
    "T = 4, without T²": partial(distilled, t=4.0, squared=False),
}


# ---- Training. -----------------------------------------------------------------------------------
def student(loss, batch, seed):
    torch.manual_seed(seed)
    model = Llama(STUDENT)
    # Dropped after training.
    projection = nn.Linear(STUDENT.hidden_size, Config.hidden_size, bias=False)

    def of_rows(rows):
        states = model.hidden_states(batch.tokens[rows])
        return loss(model.logits(states[-1]), [projection(s) for s in states], batch.rows(rows))

    train([*model.parameters(), *projection.parameters()], order(), of_rows)
    return rounded(model)


def held_out_losses(model, count):
    """The mean over all tokens, over letters, and over names that came before and are to be copied."""
    tokens = torch.from_numpy(sequences(HELD_OUT, count))
    with torch.no_grad():
        losses = F.cross_entropy(model(tokens)[:, :-1].transpose(1, 2), tokens[:, 1:], reduction="none")
    token, place = tokens[:, 1:], torch.arange(tokens.shape[1] - 1)
    letter = (token > 0) & (token <= LETTERS)
    copied = (token > LETTERS) & (place >= SEGMENT)
    return [losses[where].mean().item() for where in (token >= 0, letter, copied)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ablations", action="store_true")
    ablations = parser.parse_args().ablations
    # So that sums are added in the same order everywhere.
    torch.set_num_threads(1)
    batch = lessons(teacher())
    table, golden = [f"{'held-out loss':24}seed      all  letters   copied"], {}
    for name, loss in (ABLATIONS if ablations else STUDENTS).items():
        for seed in SEEDS[:1] if ablations else SEEDS:
            print(f"{name}, seed {seed}")
            model = student(loss, batch, seed)
            losses = "".join(f"{x:9.4f}" for x in held_out_losses(model, 32))
            table.append(f"{name:24}{seed:4}{losses}")
            if seed == KEPT and not ablations:
                save(model, HERE / f"student_{name}.safetensors", seed=seed, steps=STEPS, sequences=SEQUENCES)
                golden[name] = held_out_losses(model, 3)[0]
    if not ablations:
        (HERE / "students.json").write_text(json.dumps(golden) + "\n")
    print(*table, sep="\n")


if __name__ == "__main__":
    main()
