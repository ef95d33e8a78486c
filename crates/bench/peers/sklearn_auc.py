"""AUC and average precision by scikit-learn: for every line of standard input once, which names a column of
scores, their type and the metric (`scores f32 auc`) and is answered with one line of JSON.

The columns are read from a folder that the benchmark wrote, before the clock starts.
"""

import argparse
import json
import pathlib
import sys
import time

import numpy as np
from peak import MemoryWatch
from sklearn.metrics import average_precision_score, roc_auc_score

METRICS = {"auc": roc_auc_score, "ap": average_precision_score}
TYPES = {"f32": "<f4", "f64": "<f8"}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    # The fastest type of labels that we found: bool and int64 take three times as long.
    labels = np.fromfile(folder / "labels", dtype=np.int8)
    for line in sys.stdin:
        column, kind, metric = line.split()
        measure = METRICS[metric]
        scores = np.fromfile(folder / f"{column}.{kind}", dtype=TYPES[kind])
        watch = MemoryWatch()
        start = time.perf_counter()
        value = measure(labels, scores)
        seconds = time.perf_counter() - start
        print(
            json.dumps({"seconds": seconds, "extra_memory": watch.extra(), "value": float(value)}),
            flush=True,
        )


if __name__ == "__main__":
    main()
