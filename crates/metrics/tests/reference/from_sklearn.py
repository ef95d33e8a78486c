"""What scikit-learn gives for the cases of `lists.py` and `rows.py`: `lists_sklearn.json`, `rows_sklearn.json`."""

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, average_precision_score, balanced_accuracy_score
from sklearn.metrics import brier_score_loss, f1_score, fbeta_score, log_loss, matthews_corrcoef, mean_absolute_error
from sklearn.metrics import ndcg_score, precision_score, recall_score, roc_auc_score, root_mean_squared_error

import lists
import rows
from fixtures import entry, write

THRESHOLD = 0.5


def ndcg(n_items, items, gain_of, k):
    """NDCG of one list of some items. A short list goes on with irrelevant items, and no scores tie."""
    unlisted = [item for item in range(n_items) if item not in items]
    order = items + sorted(unlisted, key=lambda item: gain_of.get(item, 0.0))
    scores = np.empty(n_items)
    scores[order] = -np.arange(n_items, dtype=float)
    gains = np.array([gain_of.get(item, 0.0) for item in range(n_items)])
    return float(ndcg_score(gains[None], scores[None], k=k))


def ndcg_of_ties(case, user, relevant, k):
    """NDCG of scores that tie, unlisted items below all: scikit-learn averages over the orders of the tied."""
    scores, gains = np.full(case["n_items"], -1.0), np.zeros(case["n_items"])
    for item, score in dict(case["scored"]).get(user, []):
        scores[item] = score
    gains[relevant] = 1.0
    return float(ndcg_score(gains[None], scores[None], k=k))


def of_lists():
    gains = {"linear": lambda grade: grade, "exponential": lambda grade: 2.0**grade - 1}
    for case in lists.cases():
        ranked, grades = lists.ranked(case), dict(case["grades"])
        for name, gain in gains.items():
            for k in lists.KS:
                by_user = {}
                for user, relevant in case["relevant"]:
                    of_item = {item: gain(grade) for item, grade in zip(relevant, grades[user])}
                    by_user[user] = ndcg(case["n_items"], ranked.get(user, []), of_item, k)
                yield entry(case, f"ndcg_score, {name} gain", k, np.mean(list(by_user.values())), by_user)
        by_user = {}
        for user, relevant in case["relevant"]:
            listed = ranked.get(user, [])
            hits = [item in relevant for item in listed]
            # Of a list of one class scikit-learn says nothing.
            if any(hits) and not all(hits):
                by_user[user] = float(roc_auc_score(hits, -np.arange(len(hits))))
        yield entry(case, "roc_auc_score of the list", None, np.mean(list(by_user.values())), by_user)
        for k in lists.KS:
            by_user = {user: ndcg_of_ties(case, user, relevant, k) for user, relevant in case["relevant"]}
            yield entry(case, "ndcg_score, tied scores", k, np.mean(list(by_user.values())), by_user)


def grouped_auc(case):
    """The AUC of each user with both classes, weighted by rows."""
    users, scores, labels = (np.array(case[key]) for key in ["users", "scores", "labels"])
    total, weight = 0.0, 0
    for user in np.unique(users):
        own = users == user
        if 0 < labels[own].sum() < own.sum():
            total += own.sum() * roc_auc_score(labels[own], scores[own])
            weight += own.sum()
    return total / weight if weight else float("nan")


def of_rows():
    for case in rows.cases():
        scores, labels = np.array(case["scores"]), np.array(case["labels"])
        predicted = scores >= THRESHOLD
        values = {
            "roc_auc_score": roc_auc_score(labels, scores),
            "average_precision_score": average_precision_score(labels, scores),
            "log_loss": log_loss(labels, scores),
            "log_loss / log_loss of the base rate": log_loss(labels, scores)
            / log_loss(labels, np.full(len(labels), labels.mean())),
            "brier_score_loss": brier_score_loss(labels, scores),
            "accuracy_score": accuracy_score(labels, predicted),
            "balanced_accuracy_score": balanced_accuracy_score(labels, predicted),
            "matthews_corrcoef": matthews_corrcoef(labels, predicted),
            "precision_score": precision_score(labels, predicted, zero_division=np.nan),
            "recall_score": recall_score(labels, predicted, zero_division=np.nan),
            "f1_score": f1_score(labels, predicted, zero_division=np.nan),
            "fbeta_score(beta=0.5)": fbeta_score(labels, predicted, beta=0.5, zero_division=np.nan),
            "recall_score(pos_label=0)": recall_score(labels, predicted, pos_label=0, zero_division=np.nan),
            "roc_auc_score by user, weighted by rows": grouped_auc(case),
            "mean_absolute_error": mean_absolute_error(case["targets"], case["ratings"]),
            "root_mean_squared_error": root_mean_squared_error(case["targets"], case["ratings"]),
        }
        for limit in [0.05, 0.1, 0.3, 1.0]:
            values[f"roc_auc_score(max_fpr={limit})"] = roc_auc_score(labels, scores, max_fpr=limit)
        for name, value in values.items():
            yield entry(case, name, None, value)
        for strategy in ["uniform", "quantile"]:
            curve = calibration_curve(labels, scores, n_bins=10, strategy=strategy)
            for name, bins in zip(["prob_true", "prob_pred"], curve):
                name = f"calibration_curve({strategy}) {name}"
                if case["name"] == rows.AT_BOUNDS and strategy == "uniform":
                    name += ", scores at bounds"
                for number, value in enumerate(bins):
                    yield entry(case, name, number, value)
            if case["name"] != rows.AT_BOUNDS and strategy == "uniform":
                in_bins = np.histogram(scores, bins=10, range=(0, 1))[0]
                error = np.average(np.abs(curve[0] - curve[1]), weights=in_bins[in_bins > 0])
                yield entry(case, "calibration_curve(uniform), weighted by rows", None, error)


def main():
    write("lists_sklearn.json", of_lists())
    write("rows_sklearn.json", of_rows())


if __name__ == "__main__":
    main()
