"""What SciPy gives for two models' values of the same users, and for the lists of `lists.py`."""

from collections import Counter

import numpy as np
from scipy import stats

import lists
from fixtures import entry, write


def pairs():
    """Values of two models by user, as a metric gives them: many zeros, ties among the differences."""
    rng = np.random.default_rng(70)
    sizes = [("few users", 5, 0.1), ("many users", 200, 0.02), ("no gap", 60, 0.0), ("two users", 2, 0.3)]
    for name, n, gap in sizes:
        left = np.round(np.clip(rng.normal(0.3, 0.3, n), 0, 1), 3)
        right = np.round(np.clip(left + rng.normal(gap, 0.1, n), 0, 1), 3)
        yield name, left, right


def paired():
    for name, left, right in pairs():
        difference = right - left
        result = stats.ttest_rel(right, left)
        single = stats.ttest_1samp(difference, 0.0)
        spread = stats.sem(difference)
        n = len(difference)
        intervals = {
            str(level): [float(bound) for bound in stats.t.interval(level, n - 1, difference.mean(), spread)]
            for level in [0.9, 0.95, 0.99]
        }
        quantiles = {str(level): float(stats.t.ppf((1 + level) / 2, n - 1)) for level in [0.9, 0.95, 0.99]}
        yield {
            "name": name,
            "left": left.tolist(),
            "right": right.tolist(),
            "mean": float(difference.mean()),
            "standard_error": float(spread),
            "ttest_rel": {"statistic": float(result.statistic), "p": float(result.pvalue)},
            "ttest_1samp": {"statistic": float(single.statistic), "p": float(single.pvalue)},
            "interval": intervals,
            "t_quantile": quantiles,
        }


def exposures():
    for case in lists.cases():
        for k in lists.KS:
            counts = Counter(item for items in lists.ranked(case).values() for item in items[:k])
            exposed = [counts[item] for item in range(case["n_items"])]
            yield entry(case, "stats.entropy", k, float(stats.entropy(exposed)))


def main():
    write("paired_scipy.json", paired())
    write("lists_scipy.json", exposures())


if __name__ == "__main__":
    main()
