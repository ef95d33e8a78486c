"""Training epochs of a multi-task estimator in PyTorch: users by a mixture of an id table and cohorts,
binary cross-entropy, Adagrad with sparse gradients on the tables, Adam on the rest.

Prints one line of JSON for every line of standard input, each for one epoch.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import Linear, ReLU, Sequential


class Estimator(torch.nn.Module):
    def __init__(self, arguments, shape):
        super().__init__()
        dim, n_user_features = arguments.dim, shape["user_features"]
        self.users = torch.nn.Embedding(arguments.users, dim, sparse=True)
        self.items = torch.nn.Embedding(arguments.items, dim, sparse=True)
        self.cohorts = torch.nn.Parameter(torch.empty(arguments.cohorts, dim))
        for table in (self.users.weight, self.items.weight, self.cohorts):
            torch.nn.init.normal_(table, std=0.1)
        self.addressing = Linear(n_user_features, arguments.cohorts)
        self.decoder = Sequential(
            Linear(dim, dim), ReLU(), Linear(dim, dim), ReLU(), Linear(dim, dim), ReLU(), Linear(dim, dim)
        )
        self.gate = Sequential(Linear(n_user_features, arguments.dim_gate), ReLU(), Linear(arguments.dim_gate, 2))
        self.user_features = Linear(n_user_features, dim)
        self.item_features = Linear(shape["item_features"], dim)
        self.cross_features = Linear(shape["cross_features"], arguments.dim_cross)
        d_row = 4 * dim + arguments.dim_cross
        self.heads = Sequential(
            Linear(d_row, arguments.hidden), ReLU(), Linear(arguments.hidden, shape["labels"])
        )

    def forward(self, user_vectors, item_vectors, user_features, item_features, cross_features):
        cohorts = torch.softmax(self.addressing(user_features), 1) @ self.cohorts
        weights = torch.softmax(self.gate(user_features), 1)
        users = weights[:, :1] * user_vectors + weights[:, 1:] * self.decoder(cohorts)
        parts = [
            users,
            self.user_features(user_features),
            item_vectors,
            self.item_features(item_features),
            self.cross_features(cross_features),
        ]
        return self.heads(torch.cat(parts, 1))


def read(folder):
    """The columns in memory, and their widths."""
    shape = json.loads((folder / "shape.json").read_text())
    n_rows = shape["n_rows"]
    columns = [np.fromfile(folder / name, dtype="<i8") for name in ("user_ids", "item_ids")]
    for name in ("user_features", "item_features", "cross_features", "labels"):
        columns.append(np.fromfile(folder / name, dtype="<f4").reshape(n_rows, shape[name]))
    return [torch.from_numpy(column) for column in columns], shape


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", type=Path, help="folder of the columns")
    for name in ("users", "items", "batch-size", "dim", "dim-cross", "cohorts", "dim-gate", "hidden", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    # Off is the default too, and the faster; said aloud it is not warned about.
    torch.sparse.check_sparse_tensor_invariants.disable()
    columns, shape = read(arguments.rows)
    n_rows = shape["n_rows"]
    model = Estimator(arguments, shape)
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    by_table = {id(model.users.weight), id(model.items.weight)}
    dense = [parameter for parameter in model.parameters() if id(parameter) not in by_table]
    tables = torch.optim.Adagrad(
        [model.users.weight, model.items.weight], lr=arguments.learning_rate, eps=1e-8
    )
    dense = torch.optim.Adam(dense, lr=arguments.learning_rate)
    loss_of = torch.nn.BCEWithLogitsLoss()
    network = torch.compile(model) if arguments.compile else model

    for _ in sys.stdin:
        total = 0.0
        start = time.perf_counter()
        for rows in torch.randperm(n_rows).split(arguments.batch_size):
            users, items, *features, labels = (column.index_select(0, rows) for column in columns)
            tables.zero_grad()
            dense.zero_grad()
            loss = loss_of(network(model.users(users), model.items(items), *features), labels)
            loss.backward()
            tables.step()
            dense.step()
            total += loss.item() * len(rows)
        seconds = time.perf_counter() - start
        reply = {"seconds": seconds, "loss": total / n_rows, "n_rows": n_rows, "n_parameters": n_parameters}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
