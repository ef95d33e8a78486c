"""Writes the reference fixtures of burn-recsys-metrics.

    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python generate.py

`ranking.json` holds values of RePlay, `pointwise.json` of scikit-learn. The conformance table has its
cases in `lists.json` and `rows.json`, and beside them what RePlay, RecTools, scikit-learn and SciPy give for
each; RecBole wants an environment of its own, see `from_recbole.py`. Same versions, same bytes.
"""

import json
import math
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from replay.metrics import MAP, MRR, NDCG, Coverage, HitRate, PerUser, Precision, Recall
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss
from sklearn.metrics import precision_score, recall_score, roc_auc_score

import from_rectools
import from_replay
import from_scipy
import from_sklearn
import lists
import rows

FOLDER = Path(__file__).parent
KS = [1, 2, 3, 5, 10, 20]
PER_USER = [NDCG, HitRate, Recall, Precision, MAP, MRR]


def ranking_case(name, seed, n_users, n_items, max_list, max_relevant, missing, without_truth):
    """Random lists: some short, some users without a list, some without ground truth."""
    rng = np.random.default_rng(seed)
    recommendations, ground_truth = {}, {}
    for user in range(n_users):
        relevant = rng.choice(n_items, rng.integers(1, max_relevant + 1), replace=False)
        # Half of each list is drawn near the truth, so that hits are not rare.
        pool = np.concatenate([relevant, rng.permutation(n_items)[: max_list]])
        pool = rng.permutation(np.unique(pool))[: rng.integers(1, max_list + 1)]
        if rng.random() >= missing:
            recommendations[user] = [int(i) for i in pool]
        if rng.random() >= without_truth:
            ground_truth[user] = sorted(int(i) for i in relevant)
    train_items = sorted(int(i) for i in rng.choice(n_items, int(n_items * 0.8), replace=False))
    values, per_user = replay(recommendations, ground_truth, train_items)
    return {
        "name": name,
        "ks": KS,
        "n_items": n_items,
        "recommendations": sorted(recommendations.items()),
        "ground_truth": sorted(ground_truth.items()),
        "train_items": train_items,
        "values": values,
        "per_user": per_user,
    }


def replay(recommendations, ground_truth, train_items):
    """The mean and per-user values; the pandas and the polars path must agree."""
    rows = [(u, i, float(-rank)) for u, items in recommendations.items() for rank, i in enumerate(items)]
    recs = pd.DataFrame(rows, columns=["query_id", "item_id", "rating"])
    rows = [(u, i) for u, items in ground_truth.items() for i in items]
    truth = pd.DataFrame(rows, columns=["query_id", "item_id"])
    train = pd.DataFrame({"query_id": 0, "item_id": train_items})
    values, per_user = {}, {}
    for metric in PER_USER:
        values |= metric(KS)(recs, truth)
        for label, by_user in metric(KS, mode=PerUser())(recs, truth).items():
            per_user[label.replace("-PerUser", "")] = sorted((int(u), v) for u, v in by_user.items())
        on_polars = metric(KS)(pl.from_pandas(recs), pl.from_pandas(truth))
        for label, value in on_polars.items():
            assert math.isclose(value, values[label], rel_tol=0, abs_tol=1e-12), label
    values |= Coverage(KS)(recs, train)
    assert Coverage(KS)(pl.from_pandas(recs), pl.from_pandas(train)) == {
        label: value for label, value in values.items() if label.startswith("Coverage")
    }
    return values, per_user


def pointwise_case(name, scores, labels, thresholds):
    """Every pointwise value of one column of probabilities."""
    scores, labels = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=bool)
    single = scores.astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        auc, auc_single = (float(roc_auc_score(labels, s)) for s in (scores, single))
    at_thresholds = []
    for threshold in thresholds:
        predicted = scores >= threshold
        (tn, fp), (fn, tp) = confusion_matrix(labels, predicted, labels=[False, True]).tolist()
        at_thresholds.append(
            {
                "threshold": threshold,
                "true_positive": tp,
                "false_positive": fp,
                "true_negative": tn,
                "false_negative": fn,
                "accuracy": float(accuracy_score(labels, predicted)),
                "precision": defined(precision_score(labels, predicted, zero_division=np.nan)),
                "recall": defined(recall_score(labels, predicted, zero_division=np.nan)),
                "f1": defined(f1_score(labels, predicted, zero_division=np.nan)),
            }
        )
    return {
        "name": name,
        "scores": scores.tolist(),
        "labels": labels.tolist(),
        "auc": defined(auc),
        "auc_single_precision": defined(auc_single),
        "log_loss": float(log_loss(labels, scores, labels=[False, True])),
        "log_loss_single_precision": float(log_loss(labels, single, labels=[False, True])),
        "at_thresholds": at_thresholds,
    }


def defined(value):
    return None if math.isnan(value) else float(value)


def pointwise_cases():
    rng = np.random.default_rng(20)
    thresholds = [0.5, 0.25, 0.9, 0.0]
    labels = rng.random(400) < 0.3
    yield pointwise_case("continuous", rng.beta(1 + labels, 2 - labels), labels, thresholds)
    labels = rng.random(500) < 0.6
    noisy = np.clip(rng.normal(0.3 + 0.3 * labels, 0.3), 0, 1)
    yield pointwise_case("many ties, zeros and ones", np.round(noisy * 8) / 8, labels, thresholds)
    yield pointwise_case("two values", rng.integers(0, 2, 60) / 2, rng.random(60) < 0.5, thresholds)
    yield pointwise_case("all tied", np.full(30, 0.5), rng.random(30) < 0.5, thresholds)
    yield pointwise_case("perfect", [0.0, 0.1, 0.9, 1.0], [False, False, True, True], thresholds)
    yield pointwise_case("inverted", [1.0, 0.9, 0.1, 0.0], [False, False, True, True], thresholds)
    yield pointwise_case("only negatives", rng.random(10), np.zeros(10), thresholds)
    yield pointwise_case("only positives", rng.random(10), np.ones(10), thresholds)


def write(name, cases):
    body = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (FOLDER / name).write_text(f"[\n{body}\n]\n")


write(
    "ranking.json",
    [
        ranking_case("full lists", 1, 60, 80, 20, 12, 0.0, 0.0),
        ranking_case("short lists, users without a list", 2, 60, 50, 7, 6, 0.25, 0.0),
        ranking_case("truth longer than k, users without truth", 3, 50, 120, 25, 40, 0.1, 0.2),
        ranking_case("one relevant item", 4, 40, 15, 10, 1, 0.1, 0.1),
    ],
)
write("pointwise.json", pointwise_cases())

for module in [lists, rows, from_replay, from_rectools, from_sklearn, from_scipy]:
    module.main()
