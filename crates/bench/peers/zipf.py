"""Ids of the same law as those of src/zipf.rs and src/step/traffic.rs, from another generator."""

import math

import numpy as np

N_RANKS = 10_000


class Zipf:
    """Ids 0..n whose popularity falls as one over the rank, popular ids scattered over the range."""

    def __init__(self, n):
        self.n = n
        self.stride = int(n * 0.618033988749895) + 1
        while math.gcd(self.stride, n) != 1:
            self.stride += 1

    def ranks(self, random, size):
        ranks = np.expm1(random.random(size) * math.log(self.n + 1.0))
        return np.minimum(ranks.astype(np.int64), self.n - 1)

    def scatter(self, ranks, offset=0):
        return (ranks * self.stride + offset) % self.n


def zipf_ids(n, random, size):
    zipf = Zipf(n)
    return zipf.scatter(zipf.ranks(random, size))


def same_touch_ids(n, random, size):
    """Ids of as many ranks whatever n is, put on other rows in every call."""
    ranks = Zipf(min(N_RANKS, n)).ranks(random, size)
    return Zipf(n).scatter(ranks, int(random.integers(n)))


def uniform_ids(n, random, size):
    return random.integers(n, size=size)


TRAFFIC = {"zipf": zipf_ids, "same-touch": same_touch_ids, "uniform": uniform_ids}
