"""BPR factorisation by `implicit`, which trains with all threads on the same vectors, without locks.

Prints one line of JSON for every line of standard input, each for one training from new vectors.
"""

import argparse
import json
import sys
import time

import numpy as np
import scipy.sparse
from implicit.bpr import BayesianPersonalizedRanking


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("pairs", help="file of user and item of every interaction, tab-separated")
    parser.add_argument("--factors", type=int, required=True, help="beside the item's bias")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--regularization", type=float, required=True)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()

    users, items = np.loadtxt(arguments.pairs, dtype=np.int64, delimiter="\t", unpack=True)
    interactions = scipy.sparse.csr_matrix((np.ones(len(users), dtype=np.float32), (users, items)))
    for seed, _ in enumerate(sys.stdin):
        model = BayesianPersonalizedRanking(
            factors=arguments.factors,
            learning_rate=arguments.learning_rate,
            regularization=arguments.regularization,
            iterations=arguments.epochs,
            verify_negative_samples=True,
            num_threads=arguments.threads,
            random_state=seed,
        )
        start = time.perf_counter()
        model.fit(interactions, show_progress=False)
        seconds = time.perf_counter() - start
        n_samples = interactions.nnz * arguments.epochs
        print(json.dumps({"seconds": seconds, "n_samples": n_samples}), flush=True)


if __name__ == "__main__":
    main()
