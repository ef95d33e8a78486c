"""Training steps in PyTorch with sparse gradients: a user and an item table under a perceptron of one
hidden layer, binary cross-entropy, Adagrad on the tables, Adam on the perceptron.

Prints one line of JSON for every line of standard input, each for a few steps.
"""

import argparse
import json
import sys
import time

import numpy as np
import torch
from zipf import TRAFFIC

LEARNING_RATE = 1e-3


class Model(torch.nn.Module):
    def __init__(self, n_rows, dim, hidden):
        super().__init__()
        self.users = torch.nn.Embedding(n_rows, dim, sparse=True)
        self.items = torch.nn.Embedding(n_rows, dim, sparse=True)
        for table in (self.users, self.items):
            torch.nn.init.normal_(table.weight, std=0.1)
        self.scorer = torch.nn.Sequential(
            torch.nn.Linear(2 * dim, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, 1)
        )

    def forward(self, users, items):
        return self.scorer(torch.cat([self.users(users), self.items(items)], 1)).squeeze(1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000, help="of each table")
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=8192)
    parser.add_argument("--traffic", choices=list(TRAFFIC), default="zipf")
    parser.add_argument("--steps", type=int, default=4, help="timed, for every line of input")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    # Off is the default too, and the faster; said aloud it is not warned about.
    torch.sparse.check_sparse_tensor_invariants.disable()
    random = np.random.default_rng(arguments.seed)
    model = Model(arguments.rows, arguments.dim, arguments.hidden)
    tables = torch.optim.Adagrad([model.users.weight, model.items.weight], lr=LEARNING_RATE)
    dense = torch.optim.Adam(model.scorer.parameters(), lr=LEARNING_RATE)
    loss_of = torch.nn.BCEWithLogitsLoss()

    def ids():
        return TRAFFIC[arguments.traffic](arguments.rows, random, arguments.batch_size)

    for _ in sys.stdin:
        seconds, touched = [], 0
        # The first is not timed: it brings the model back into the caches that other programs have filled.
        for step in range(1 + arguments.steps):
            users, items = ids(), ids()
            labels = random.integers(2, size=arguments.batch_size).astype(np.float32)
            # From ids on the host to an updated model. The tensors share the memory of the arrays.
            start = time.perf_counter()
            logits = model(torch.from_numpy(users), torch.from_numpy(items))
            loss = loss_of(logits, torch.from_numpy(labels))
            value = loss.item()
            tables.zero_grad()
            dense.zero_grad()
            loss.backward()
            tables.step()
            dense.step()
            time_taken = time.perf_counter() - start
            if step > 0:
                seconds.append(time_taken)
                touched += len(np.unique(users)) + len(np.unique(items))
        reply = {"seconds": seconds, "loss": value, "rows_touched": touched // arguments.steps}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
