"""Metrics of ranked lists by RePlay, from frames to means: for every line of standard input once, which names
the frames (`pandas` or `polars`) and is answered with one line of JSON.

Columns are read from a folder that the benchmark wrote. Frames are made before the clock starts, of the types
of the columns; what metrics have in common is computed once (`allow_caching`, the default).
"""

import argparse
import json
import pathlib
import sys
import time

import numpy as np
import pandas as pd
import polars as pl
from peak import MemoryWatch
from replay.metrics import (
    MAP,
    MRR,
    NDCG,
    Coverage,
    HitRate,
    Novelty,
    OfflineMetrics,
    Precision,
    Recall,
    RocAuc,
    Surprisal,
)

OF_LISTS = [NDCG, HitRate, Recall, Precision, MAP, MRR, RocAuc]
OF_TRAINING = [Coverage, Novelty, Surprisal]
# Users of the small frames that are measured first, so that nothing of a first call is in the times.
FEW = 1000


def columns(folder, name, scored=False):
    found = {
        "query_id": np.fromfile(folder / f"{name}.users", dtype="<u4"),
        "item_id": np.fromfile(folder / f"{name}.items", dtype="<u4"),
    }
    if scored:
        found["rating"] = np.fromfile(folder / f"{name}.scores", dtype="<f8")
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--cutoffs", required=True, help="1,5,10")
    parser.add_argument("--training", action="store_true")
    arguments = parser.parse_args()
    folder = arguments.folder
    cutoffs = [int(k) for k in arguments.cutoffs.split(",")]
    tables = [columns(folder, "lists", scored=True), columns(folder, "truth")]
    if arguments.training:
        tables.append(columns(folder, "training"))
    classes = OF_LISTS + (OF_TRAINING if arguments.training else [])

    def measure(frames):
        return OfflineMetrics([metric(cutoffs) for metric in classes])(*frames)

    for line in sys.stdin:
        make = {"pandas": pd.DataFrame, "polars": pl.DataFrame}[line.strip()]
        few = [table["query_id"] < FEW for table in tables]
        measure([make({key: c[rows] for key, c in table.items()}) for table, rows in zip(tables, few)])
        frames = [make(table) for table in tables]
        watch = MemoryWatch()
        start = time.perf_counter()
        found = measure(frames)
        seconds = time.perf_counter() - start
        extra = watch.extra()
        del frames
        print(json.dumps({"seconds": seconds, "extra_memory": extra, "values": found}), flush=True)


if __name__ == "__main__":
    main()
