"""Epochs of implicit's alternating least squares.

The argument is a folder: offsets.u64 and items.u32 are the items of every user, little-endian. The peer
trains once for every line of standard input, and prints one line of JSON with the seconds of each epoch.
The factors of the last one are left in the folder: users.f32 and items.f32.
"""

import argparse
import json
import os
import sys
from pathlib import Path

# implicit's own threads do the work; those of the linear algebra library would be in their way.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import implicit
import numpy as np
import scipy.sparse


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", type=int, required=True)
    parser.add_argument("--factors", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--confidence", type=float, required=True)
    parser.add_argument("--regularization", type=float, required=True)
    parser.add_argument("--solver", choices=["cg", "cholesky"], required=True)
    arguments = parser.parse_args()
    folder = arguments.folder
    offsets = np.fromfile(folder / "offsets.u64", dtype="<u8").astype(np.int64)
    items = np.fromfile(folder / "items.u32", dtype="<u4").astype(np.int32)
    shape = (len(offsets) - 1, arguments.items)
    positives = scipy.sparse.csr_matrix((np.ones(len(items), np.float32), items, offsets), shape=shape)
    for _ in sys.stdin:
        seconds = []
        model = implicit.als.AlternatingLeastSquares(
            factors=arguments.factors,
            alpha=arguments.confidence,
            regularization=arguments.regularization,
            iterations=arguments.epochs,
            num_threads=arguments.threads,
            use_cg=arguments.solver == "cg",
            use_gpu=False,
            random_state=1,
        )
        model.fit(positives, show_progress=False, callback=lambda _epoch, elapsed, _loss: seconds.append(elapsed))
        model.user_factors.astype("<f4").tofile(folder / "users.f32")
        model.item_factors.astype("<f4").tofile(folder / "items.f32")
        print(json.dumps({"seconds": seconds, "n_interactions": int(positives.nnz)}), flush=True)


if __name__ == "__main__":
    main()
