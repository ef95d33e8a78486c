"""Pooled lookups in PyTorch: torch.nn.EmbeddingBag, the mean of equally many ids a bag.

Prints one line of JSON for every line of standard input, each for a few repetitions of the work.
"""

import argparse
import json
import sys
import time

import numpy as np
import torch
from zipf import TRAFFIC


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", choices=["forward", "backward"], required=True, help="backward: both")
    parser.add_argument("--sparse", action="store_true", help="the gradient has the rows looked up alone")
    parser.add_argument("--coalesce", action="store_true", help="add up the sparse gradient's repeated rows")
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
    random = np.random.default_rng(arguments.seed)
    n_bags, n_ids = arguments.bags, arguments.bags * arguments.ids_a_bag
    table = torch.nn.EmbeddingBag(arguments.rows, arguments.dim, mode="mean", sparse=arguments.sparse)
    torch.nn.init.normal_(table.weight, std=0.1)
    offsets = torch.arange(0, n_ids, arguments.ids_a_bag)
    weights = torch.randn(n_bags, arguments.dim)

    def forward(ids):
        with torch.no_grad():
            return table(ids, offsets).sum

    def backward(ids):
        (table(ids, offsets) * weights).sum().backward()
        if arguments.coalesce:
            table.weight.grad.coalesce()

    work = {"forward": forward, "backward": backward}[arguments.work]
    for _ in sys.stdin:
        seconds, touched = [], 0
        # The first is not timed: it brings the table back into the caches that other programs have filled.
        for repetition in range(1 + arguments.repetitions):
            ids = torch.from_numpy(TRAFFIC[arguments.traffic](arguments.rows, random, n_ids))
            table.weight.grad = None
            start = time.perf_counter()
            work(ids)
            time_taken = time.perf_counter() - start
            if repetition > 0:
                seconds.append(time_taken)
                touched += len(torch.unique(ids))
        reply = {"seconds": seconds, "n_ids": n_ids, "rows_touched": touched // arguments.repetitions}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
