"""The five user preference models in PyTorch, and what they compute: the reference of the parity tests.

For each model three files beside this one:

- `<model>/weights.safetensors`: the state dict;
- `<model>/inputs.safetensors`: one batch, its labels, and for `dhe` the encoding of its users;
- `<model>/expected.safetensors`: `logits`, `loss` (binary cross-entropy summed over batch and tasks) and
  the gradient of every parameter `key` as `grad.key`. Of an embedding table only the touched rows are
  kept: `grad_ids.key`, ascending, and `grad_rows.key`.

Models are in evaluation mode: nothing is dropped. The addressing layer of `cohort-top1` has no gradient
here, as a choice of the largest has none, so none is kept.

    python3 -m venv .venv && .venv/bin/pip install -r tests/reference/requirements.txt
    .venv/bin/python tests/reference/generate.py

The files come out the same, byte for byte, on one kind of processor.
"""

import argparse
import math
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

N_TASKS = 3
N_USERS = 1024
N_ITEMS = 200
D_USER = 50
D_ITEM = 30
D_CROSS = 128
N_FEATURES = 10
N_COHORTS = 256
D_USER_HASH = 60
BATCH = 16
# A backend that rounds otherwise must not decide otherwise.
LEAST_MARGIN = 1e-4


class MultiTaskEstimator(nn.Module):
    """Logits of the tasks, linear in vectors of user, item and context."""

    def __init__(self):
        super().__init__()
        self.item_id_embedding_arch = nn.Embedding(N_ITEMS, D_ITEM)
        self.user_features_layer = nn.Linear(N_FEATURES, D_USER)
        self.item_features_layer = nn.Linear(N_FEATURES, D_ITEM)
        self.cross_features_layer = nn.Linear(N_FEATURES, D_CROSS)
        self.task_arch = nn.Linear(2 * D_USER + 2 * D_ITEM + D_CROSS, N_TASKS)

    def user_vector(self, batch):
        raise NotImplementedError

    def forward(self, batch):
        parts = [
            self.user_vector(batch),
            self.user_features_layer(batch["user_features"]),
            self.item_id_embedding_arch(batch["item_id"]),
            self.item_features_layer(batch["item_features"]),
            self.cross_features_layer(batch["cross_features"]),
        ]
        return self.task_arch(torch.cat(parts, dim=1))


class IdEstimator(MultiTaskEstimator):
    """A user is a row of a table."""

    def __init__(self):
        super().__init__()
        self.user_id_embedding_arch = nn.Embedding(N_USERS, D_USER)

    def user_vector(self, batch):
        return self.user_id_embedding_arch(batch["user_id"])


def dhe_stack(d_input):
    """From codes to user vectors."""
    layers = [nn.Linear(d_input, D_USER)]
    for _ in range(3):
        layers += [nn.ReLU(), nn.Linear(D_USER, D_USER)]
    return nn.Sequential(*layers)


class DeepHashEstimator(MultiTaskEstimator):
    """A user is decoded from hashes of the id, which the batch brings along."""

    def __init__(self):
        super().__init__()
        self.dhe_stack = dhe_stack(D_USER_HASH)

    def user_vector(self, batch):
        return self.dhe_stack(batch["user_hash"])


class CohortEstimator(MultiTaskEstimator):
    """A user belongs to cohorts, by the user's features: to all a little, or to one."""

    def __init__(self, only_the_first):
        super().__init__()
        self.only_the_first = only_the_first
        self.cohort_embedding_matrix = nn.Parameter(torch.empty(N_COHORTS, D_USER))
        self.cohort_addressing_layer = nn.Sequential(nn.Linear(N_FEATURES, N_COHORTS), nn.Dropout(0.1))
        self.dhe_stack = dhe_stack(D_USER)

    def user_vector(self, batch):
        affinities = self.cohort_addressing_layer(batch["user_features"])
        if self.only_the_first:
            weights = functional.one_hot(affinities.argmax(dim=1), N_COHORTS).to(affinities.dtype)
        else:
            weights = affinities.softmax(dim=1)
        return self.dhe_stack(weights @ self.cohort_embedding_matrix)


class MixtureEstimator(CohortEstimator):
    """A user is a row of a table and a member of cohorts; features say how much of each."""

    def __init__(self):
        super().__init__(only_the_first=False)
        self.user_id_embedding_arch = nn.Embedding(N_USERS, D_USER)
        self.mixture_layer = nn.Sequential(nn.Linear(N_FEATURES, 2), nn.Dropout(0.8), nn.ReLU())

    def user_vector(self, batch):
        weights = self.mixture_layer(batch["user_features"]).softmax(dim=1)
        row = self.user_id_embedding_arch(batch["user_id"])
        return weights[:, :1] * row + weights[:, 1:] * super().user_vector(batch)


MODELS = {
    "id": IdEstimator,
    "dhe": DeepHashEstimator,
    "cohort": lambda: CohortEstimator(only_the_first=False),
    "cohort-top1": lambda: CohortEstimator(only_the_first=True),
    "mixture": MixtureEstimator,
}


def fill(model, random):
    """Values of a size at which every layer matters: with PyTorch's own, the user hardly changes a logit."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                scale = 0.1
            elif "embedding" in name:
                scale = 1.0
            else:
                gain = math.sqrt(2) if name.startswith("dhe_stack") else 1.0
                scale = gain / math.sqrt(parameter.shape[1])
            parameter.copy_(scale * torch.randn(parameter.shape, generator=random))


def make_batch(random):
    """Users and items repeat, so that gradients of rows are sums."""
    users = torch.randint(N_USERS, (BATCH,), generator=random, dtype=torch.int32)
    items = torch.randint(N_ITEMS, (BATCH,), generator=random, dtype=torch.int32)
    users[:4] = torch.tensor([0, N_USERS - 1, 7, 7])
    users[-1] = 7
    items[:4] = torch.tensor([N_ITEMS - 1, 0, 3, 3])
    items[-2] = 3
    batch = {"user_id": users, "item_id": items}
    for name in ("user_features", "item_features", "cross_features"):
        batch[name] = torch.randn(BATCH, N_FEATURES, generator=random)
    # The same user has the same features.
    of_seven = (users == 7).nonzero().flatten()
    batch["user_features"][of_seven] = batch["user_features"][of_seven[0]].clone()
    # No part of these models; it stands in every input all the same.
    batch["position"] = torch.randint(1, 11, (BATCH,), generator=random, dtype=torch.int32)
    batch["labels"] = torch.randint(2, (BATCH, N_TASKS), generator=random).to(torch.float32)
    return batch


def make_user_hashes(users, random):
    """Encodings in -1..1, the same for the same user."""
    of_user = {user: 2 * torch.rand(D_USER_HASH, generator=random) - 1 for user in sorted(set(users.tolist()))}
    return torch.stack([of_user[user] for user in users.tolist()])


def watch_margins(model):
    """The smallest distances at which the model would decide otherwise: at the bend of a ReLU, and
    between the first and the second cohort."""
    margins = []
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda _, inputs, __: margins.append(inputs[0].abs().min().item()))
    if getattr(model, "only_the_first", False):

        def gap(_, __, affinities):
            first, second = affinities.topk(2, dim=1).values.unbind(1)
            margins.append((first - second).min().item())

        model.cohort_addressing_layer.register_forward_hook(gap)
    return margins


def gradients(model, batch):
    tables = {"user_id_embedding_arch.weight": "user_id", "item_id_embedding_arch.weight": "item_id"}
    for key, parameter in model.named_parameters():
        if parameter.grad is None:
            assert key.startswith("cohort_addressing_layer") and model.only_the_first, key
        elif key in tables:
            touched = batch[tables[key]].unique(sorted=True)
            rows = parameter.grad[touched]
            assert parameter.grad.count_nonzero() == rows.count_nonzero(), key
            yield f"grad_ids.{key}", touched
            yield f"grad_rows.{key}", rows
        else:
            yield f"grad.{key}", parameter.grad


def make(name, seed):
    """State dict, inputs and expected values of a model; nothing if a margin is too small."""
    random = torch.Generator().manual_seed(seed)
    model = MODELS[name]().eval()
    fill(model, random)
    batch = make_batch(random)
    if name == "dhe":
        batch["user_hash"] = make_user_hashes(batch["user_id"], random)
    margins = watch_margins(model)
    logits = model(batch)
    if margins and min(margins) < LEAST_MARGIN:
        return None
    loss = functional.binary_cross_entropy_with_logits(logits, batch["labels"], reduction="sum")
    loss.backward()
    expected = {"logits": logits.detach(), "loss": loss.detach(), **dict(gradients(model, batch))}
    return {"weights": model.state_dict(), "inputs": batch, "expected": expected}


def main():
    parser = argparse.ArgumentParser(description="Writes the reference values of the parity tests.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    out = parser.parse_args().out

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for number, name in enumerate(MODELS):
        seeds = range(1000 * (number + 1), 1000 * (number + 2))
        seed, files = next((seed, files) for seed in seeds if (files := make(name, seed)))
        (out / name).mkdir(parents=True, exist_ok=True)
        for file, tensors in files.items():
            tensors = {key: tensor.contiguous() for key, tensor in tensors.items()}
            save_file(tensors, out / name / f"{file}.safetensors")
        loss, logits = files["expected"]["loss"].item(), files["expected"]["logits"]
        print(f"{name}: seed {seed}, loss {loss:.4f}, logits {logits.min():.3f} to {logits.max():.3f}")


if __name__ == "__main__":
    main()
