"""Ranks all items for every user by inner products, without those that the user has seen, and measures six
metrics with RePlay; for every line of standard input once, which is answered with one line of JSON.

What is ranked is read from a folder that the benchmark wrote. Ranking is NumPy's; metrics take Polars
frames, the fastest input of RePlay, and what they have in common is computed once (`allow_caching`).
"""

import argparse
import json
import pathlib
import sys
import time

import numpy as np
import polars as pl
from replay.metrics import MAP, MRR, NDCG, HitRate, OfflineMetrics, Precision, Recall

# Users that are ranked at once: the scores of all would take more memory than the caches have.
BLOCK = 512


def rows_of(folder, name):
    offsets = np.fromfile(folder / f"{name}.offsets", dtype="<u4")
    items = np.fromfile(folder / f"{name}.items", dtype="<u4")
    users = np.repeat(np.arange(len(offsets) - 1, dtype=np.uint32), np.diff(offsets))
    return offsets, users, items


def best(scores, k):
    some = np.argpartition(scores, -k, axis=1)[:, -k:]
    values = np.take_along_axis(scores, some, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(some, order, axis=1), np.take_along_axis(values, order, axis=1)


def rank(users, items, seen, k):
    offsets, seen_users, seen_items = seen
    lists, values = [], []
    for first in range(0, len(users), BLOCK):
        last = min(first + BLOCK, len(users))
        scores = users[first:last] @ items.T
        at = slice(offsets[first], offsets[last])
        scores[seen_users[at] - first, seen_items[at]] = -np.inf
        found = best(scores, k)
        lists.append(found[0])
        values.append(found[1])
    return np.concatenate(lists), np.concatenate(values)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--dimension", type=int, required=True)
    parser.add_argument("--k", type=int, required=True)
    arguments = parser.parse_args()
    folder, k = arguments.folder, arguments.k
    users, items = (
        np.fromfile(folder / f"{name}.vectors", dtype="<f4").reshape(-1, arguments.dimension)
        for name in ("users", "items")
    )
    seen = rows_of(folder, "seen")
    _, test_users, test_items = rows_of(folder, "test")
    truth = pl.DataFrame({"query_id": test_users, "item_id": test_items})
    metrics = OfflineMetrics([NDCG(k), HitRate(k), Recall(k), Precision(k), MAP(k), MRR(k)])

    for _ in sys.stdin:
        start = time.perf_counter()
        lists, values = rank(users, items, seen, k)
        ranked = time.perf_counter()
        recommended = pl.DataFrame(
            {
                "query_id": np.repeat(np.arange(len(users), dtype=np.uint32), k),
                "item_id": lists.astype(np.uint32).ravel(),
                "rating": values.ravel(),
            }
        )
        found = metrics(recommended, truth)
        end = time.perf_counter()
        print(
            json.dumps({"seconds": end - start, "of_metrics": end - ranked, "metrics": found}),
            flush=True,
        )


if __name__ == "__main__":
    main()
