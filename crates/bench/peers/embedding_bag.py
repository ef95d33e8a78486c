"""Pooled lookups in PyTorch: torch.nn.EmbeddingBag, the mean of equally many ids a bag.

Every line of standard input names what to do; the answer is one line of JSON for a few repetitions of it.
"""

import argparse
import json
import sys
import time

import numpy as np
import torch
from zipf import TRAFFIC

LEARNING_RATE = 1e-3


class Subject:
    """All works include the forward pass."""

    def __init__(self, n_rows, dim, n_bags, ids_a_bag):
        self.table = torch.nn.EmbeddingBag(n_rows, dim, mode="mean")
        torch.nn.init.normal_(self.table.weight, std=0.1)
        self.adagrad = torch.optim.Adagrad([self.table.weight], lr=LEARNING_RATE)
        self.offsets = torch.arange(0, n_bags * ids_a_bag, ids_a_bag)
        # The gradient of the pooled vectors.
        self.weights = torch.randn(n_bags, dim)
        self.works = {
            "forward": self.forward,
            "backward-dense": lambda ids: self.backward(ids, sparse=False),
            "backward-sparse": lambda ids: self.backward(ids, sparse=True),
            "backward-coalesced": self.coalesced,
            "update-adagrad": self.update,
        }

    def forward(self, ids):
        with torch.no_grad():
            self.table(ids, self.offsets)

    def backward(self, ids, sparse):
        """Sparse: the gradient has the rows looked up alone, and a repeated row several times."""
        self.table.sparse = sparse
        (self.table(ids, self.offsets) * self.weights).sum().backward()

    def coalesced(self, ids):
        self.backward(ids, sparse=True)
        self.table.weight.grad = self.table.weight.grad.coalesce()

    def update(self, ids):
        self.backward(ids, sparse=True)
        self.adagrad.step()

    def time(self, work, ids):
        self.table.weight.grad = None
        start = time.perf_counter()
        self.works[work](ids)
        return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--bags", type=int, default=4096)
    parser.add_argument("--ids-a-bag", type=int, default=20)
    parser.add_argument("--traffic", choices=list(TRAFFIC), default="zipf")
    parser.add_argument("--repetitions", type=int, default=4, help="timed, for every line of input")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    # Off is the default too, and the faster; said aloud it is not warned about.
    torch.sparse.check_sparse_tensor_invariants.disable()
    random = np.random.default_rng(arguments.seed)
    n_ids = arguments.bags * arguments.ids_a_bag
    subject = Subject(arguments.rows, arguments.dim, arguments.bags, arguments.ids_a_bag)
    for line in sys.stdin:
        seconds, touched = [], 0
        # The first is not timed: it brings the table back into the caches that other programs have filled.
        for repetition in range(1 + arguments.repetitions):
            ids = TRAFFIC[arguments.traffic](arguments.rows, random, n_ids)
            # The tensor shares the memory of the array.
            time_taken = subject.time(line.strip(), torch.from_numpy(ids))
            if repetition > 0:
                seconds.append(time_taken)
                touched += len(np.unique(ids))
        print(json.dumps({"seconds": seconds, "rows_touched": touched // arguments.repetitions}), flush=True)


if __name__ == "__main__":
    main()
