"""Training steps of LightGCN in PyTorch: propagation by sparse products, mean of layers, BPR with one negative a
pair, L2 on the vectors before propagation, Adam.

Prints one line of JSON for every line of standard input, each for a training from the start: the seconds and the
loss of every step after the first.
"""

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch


class Symmetric(torch.autograd.Function):
    """The product with a symmetric matrix: the way back is the same product, without a transpose."""

    @staticmethod
    def forward(context, matrix, x):
        context.matrix = matrix
        return matrix @ x

    @staticmethod
    def backward(context, gradient):
        return None, context.matrix @ gradient


def adjacency(users, items, n_users, n_nodes, layout):
    nodes = items + n_users
    indices = torch.stack([torch.cat([users, nodes]), torch.cat([nodes, users])])
    degrees = torch.bincount(indices[0], minlength=n_nodes).float()
    values = (degrees[indices[0]] * degrees[indices[1]]).rsqrt()
    matrix = torch.sparse_coo_tensor(indices, values, (n_nodes, n_nodes)).coalesce()
    return matrix.to_sparse_csr() if layout == "csr" else matrix


def train(arguments, users, items, matrix):
    n_users, n_items, layers = arguments.users, arguments.items, arguments.layers
    torch.manual_seed(1)
    user_table = torch.nn.Parameter(torch.randn(n_users, arguments.dim) * 0.1)
    item_table = torch.nn.Parameter(torch.randn(n_items, arguments.dim) * 0.1)
    adam = torch.optim.Adam([user_table, item_table], lr=arguments.learning_rate, fused=True)
    multiply = Symmetric.apply if arguments.layout == "csr" else torch.sparse.mm
    seconds, losses = [], []
    order = torch.randperm(len(users))
    for step in range(arguments.steps + 1):
        start = time.perf_counter()
        rows = order[step * arguments.batch_size :][: arguments.batch_size]
        user, positive = users[rows], items[rows]
        negative = torch.randint(n_items, (len(rows),))
        layer = torch.cat([user_table, item_table])
        mean = [layer]
        for _ in range(layers):
            layer = multiply(matrix, layer)
            mean.append(layer)
        mean = torch.stack(mean, 1).mean(1)
        user_vectors, item_vectors = torch.split(mean, [n_users, n_items])
        user_vectors = user_vectors[user]
        margin = (user_vectors * (item_vectors[positive] - item_vectors[negative])).sum(1)
        squares = user_table[user].square().sum()
        squares = squares + item_table[positive].square().sum() + item_table[negative].square().sum()
        ranking = torch.nn.functional.softplus(-margin).mean()
        loss = ranking + arguments.l2 * squares / (2 * len(rows))
        adam.zero_grad()
        loss.backward()
        adam.step()
        value = loss.item()
        if step > 0:
            seconds.append(time.perf_counter() - start)
            losses.append(value)
    return {"seconds": seconds, "losses": losses}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("pairs", type=Path, help="users and items, one after the other, little-endian u32")
    parser.add_argument("--layout", choices=["coo", "csr"], required=True)
    for name in ("users", "items", "batch-size", "dim", "layers", "steps", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("learning-rate", "l2"):
        parser.add_argument(f"--{name}", type=float, required=True)
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    # That compressed rows are in beta.
    warnings.filterwarnings("ignore", category=UserWarning)
    pairs = torch.from_numpy(np.fromfile(arguments.pairs, dtype="<u4").astype(np.int64))
    users, items = pairs[: len(pairs) // 2], pairs[len(pairs) // 2 :]
    n_nodes = arguments.users + arguments.items
    matrix = adjacency(users, items, arguments.users, n_nodes, arguments.layout)
    for _ in sys.stdin:
        print(json.dumps(train(arguments, users, items, matrix)), flush=True)


if __name__ == "__main__":
    main()
