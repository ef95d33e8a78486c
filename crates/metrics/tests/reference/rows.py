"""The cases of the conformance table that are about rows: written to `rows.json`.

Scores have four digits, users have few rows each: ties, and users of one class, are common. But for 0 and 1
no score stands at a bound of the ten bins of calibration, where scikit-learn and we choose other sides; the
last case is there to show that.
"""

import numpy as np

from fixtures import write


AT_BOUNDS = "scores at bounds of bins"


def off_bounds(scores):
    """In the middle between thousandths."""
    return np.floor(scores * 1000) / 1000 + 0.0005


def make_case(name, seed, scores, labels, n_users):
    rng = np.random.default_rng(seed)
    users = rng.integers(0, n_users, len(scores))
    scores = [round(float(score), 4) for score in scores]
    targets = rng.integers(1, 6, len(scores))
    # Of the size of ratings, and around them.
    ratings = np.round(targets + rng.normal(0, 1, len(scores)), 3)
    return {
        "name": name,
        "users": users.tolist(),
        "scores": scores,
        "labels": [bool(label) for label in labels],
        "targets": [float(target) for target in targets],
        "ratings": ratings.tolist(),
    }


def cases():
    rng = np.random.default_rng(50)
    labels = rng.random(300) < 0.3
    yield make_case("continuous", 51, off_bounds(rng.beta(1 + labels, 2 - labels)), labels, 25)
    labels = rng.random(300) < 0.6
    noisy = np.clip(rng.normal(0.3 + 0.3 * labels, 0.3), 0, 1)
    # Sevenths are no tenths.
    yield make_case("many ties, zeros and ones", 52, np.round(noisy * 7) / 7, labels, 30)
    yield make_case("two values", 53, rng.integers(0, 2, 60) / 4 + 0.3, rng.random(60) < 0.5, 60)
    yield make_case("all tied", 54, np.full(30, 0.55), rng.random(30) < 0.5, 5)
    yield make_case("perfect", 55, [0.01, 0.11, 0.89, 0.99], [False, False, True, True], 1)
    yield make_case("inverted", 56, [0.99, 0.89, 0.11, 0.01], [False, False, True, True], 2)
    bounds = [0.15, 0.2, 0.2, 0.2, 0.25]
    yield make_case(AT_BOUNDS, 58, bounds, [True, False, False, True, True], 2)
    yield make_case("one positive", 57, off_bounds(rng.random(40)), np.arange(40) == 7, 4)


def main():
    write("rows.json", cases())


if __name__ == "__main__":
    main()
