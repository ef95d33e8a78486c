"""Writes the reference fixtures of burn-recsys-baselines: `item_weights.json`.

    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python generate.py

EASE's weights come from numpy's inverse in double precision, SLIM's from scikit-learn's elastic net.
Same versions, same bytes.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import ElasticNet

FOLDER = Path(__file__).parent


def interactions(seed, n_users, n_items):
    """Users with a few tastes: items of the same remainder are liked together."""
    rng = np.random.default_rng(seed)
    taste = rng.integers(0, 4, n_users)[:, None] == np.arange(n_items)[None, :] % 4
    popularity = np.linspace(0.5, 0.05, n_items)[None, :]
    return (rng.random((n_users, n_items)) < popularity * np.where(taste, 1.6, 0.6)).astype(float)


def ease(x, l2):
    gram = x.T @ x
    gram[np.diag_indices_from(gram)] += l2
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)[None, :]
    np.fill_diagonal(weights, 0.0)
    return weights


def slim(x, l1, l2):
    """Column by column: |x_j - X w|^2 / 2 + l2 |w|^2 / 2 + l1 |w|_1 with w >= 0 and w_j = 0."""
    n_users, n_items = x.shape
    weights = np.zeros((n_items, n_items))
    for item in range(n_items):
        others = x.copy()
        others[:, item] = 0.0
        alpha, ratio = (l1 + l2) / n_users, l1 / (l1 + l2)
        model = ElasticNet(
            alpha=alpha, l1_ratio=ratio, positive=True, fit_intercept=False, tol=1e-12, max_iter=100_000
        )
        weights[:, item] = model.fit(others, x[:, item]).coef_
        weights[item, item] = 0.0
    return weights


def case(name, seed, n_users, n_items, l1, l2):
    x = interactions(seed, n_users, n_items)
    rounded = lambda weights: [[float(f"{value:.9g}") for value in row] for row in weights]
    return {
        "name": name,
        "positives": [[int(i) for i in np.flatnonzero(row)] for row in x],
        "l1": l1,
        "l2": l2,
        "ease": rounded(ease(x, l2)),
        "slim": rounded(slim(x, l1, l2)),
    }


cases = [
    case("small", 1, 40, 12, 0.5, 2.0),
    case("wide", 2, 60, 30, 1.0, 5.0),
]
(FOLDER / "item_weights.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
