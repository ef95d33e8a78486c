"""What RecBole gives for the cases of `lists.py` and `rows.py`.

    python -m venv .venv-recbole
    .venv-recbole/bin/pip install -r requirements-recbole.txt
    .venv-recbole/bin/pip install --no-deps recbole==1.2.1
    .venv-recbole/bin/python from_recbole.py

RecBole is installed without what it asks for: it asks for old versions, which its metrics do not need.

Its metrics are called where they measure, below the place where values are rounded to four digits.
"""

import numpy as np

# RecBole 1.2.1 uses a name that NumPy no longer has.
np.float = float

import torch
from recbole.evaluator.collector import Collector
from recbole.evaluator.metrics import GAUC, MAP, MRR, NDCG, AveragePopularity, GiniIndex, Hit, ItemCoverage
from recbole.evaluator.metrics import Precision, Recall, ShannonEntropy, TailPercentage

import lists
import rows
from fixtures import entry, write

K_MAX = max(lists.KS)
CONFIG = {
    "topk": lists.KS,
    "metric_decimal_place": 4,
    "tail_ratio": 0.3,
    "metrics": ["GAUC"],
    "eval_args": {"mode": "full"},
    "device": "cpu",
}


def of_truth(case):
    """The metrics of hits. RecBole knows no short lists: what is missing is no hit."""
    ranked = lists.ranked(case)
    users = [user for user, _ in case["relevant"]]
    hits = np.zeros((len(users), K_MAX), dtype=bool)
    for row, (user, relevant) in enumerate(case["relevant"]):
        for rank, item in enumerate(ranked.get(user, [])[:K_MAX]):
            hits[row, rank] = item in relevant
    n_relevant = np.array([len(relevant) for _, relevant in case["relevant"]])
    measured = {
        "hit": Hit(CONFIG).metric_info(hits),
        "mrr": MRR(CONFIG).metric_info(hits),
        "precision": Precision(CONFIG).metric_info(hits),
        "map": MAP(CONFIG).metric_info(hits, n_relevant),
        "recall": Recall(CONFIG).metric_info(hits, n_relevant),
        "ndcg": NDCG(CONFIG).metric_info(hits, n_relevant),
    }
    for name, values in measured.items():
        for k in lists.KS:
            of_k = values[:, k - 1]
            yield entry(case, name, k, of_k.mean(), dict(zip(users, of_k)))


def of_items(case):
    """The metrics of items: they take a matrix, so that all lists must be long enough."""
    ranked = lists.ranked(case)
    if min(map(len, ranked.values())) < K_MAX:
        return
    users, items = list(ranked), np.array([listed[:K_MAX] for listed in ranked.values()])
    n_items = case["n_items"]
    counts = {}
    for _, met in case["train"]:
        for item in met:
            counts[item] = counts.get(item, 0) + 1
    popularity = AveragePopularity(CONFIG)
    popularity = popularity.metric_info(popularity.get_pop(items, counts))
    tail = TailPercentage(CONFIG)
    tail = tail.metric_info(tail.get_tail(items, counts))
    for k in lists.KS:
        top = items[:, :k]
        yield entry(case, "itemcoverage", k, ItemCoverage(CONFIG).get_coverage(top, n_items))
        yield entry(case, "giniindex", k, GiniIndex(CONFIG).get_gini(top, n_items))
        yield entry(case, "shannonentropy", k, ShannonEntropy(CONFIG).get_entropy(top))
        of_k = popularity[:, k - 1]
        yield entry(case, "averagepopularity", k, of_k.mean(), dict(zip(users, of_k)))
        yield entry(case, "tailpercentage(tail_ratio=0.3)", k, tail[:, k - 1].mean())


def grouped_auc(case):
    """GAUC of rows: a user's scores side by side, filled up with minus infinity as RecBole does."""
    users, scores, labels = (np.array(case[key]) for key in ["users", "scores", "labels"])
    known = np.unique(users)
    width = 1 + max(np.sum(users == user) for user in known)
    matrix = torch.full((len(known), width), -torch.inf, dtype=torch.float64)
    rows_of, columns_of = [], []
    for row, user in enumerate(known):
        own = users == user
        matrix[row, : own.sum()] = torch.tensor(scores[own])
        for column in np.flatnonzero(labels[own]):
            rows_of.append(row)
            columns_of.append(int(column))
    collector = Collector(CONFIG)
    collector.eval_batch_collect(matrix, None, torch.tensor(rows_of), torch.tensor(columns_of))
    ranks = collector.get_data_struct().get("rec.meanrank").numpy()
    pos_rank_sum, user_len, pos_len = np.split(ranks, 3, axis=1)
    return GAUC(CONFIG).metric_info(pos_rank_sum, user_len.squeeze(-1), pos_len.squeeze(-1))


def main():
    of_lists = (found for case in lists.cases() for part in [of_truth, of_items] for found in part(case))
    write("lists_recbole.json", of_lists)
    write("rows_recbole.json", (entry(case, "gauc", None, grouped_auc(case)) for case in rows.cases()))


if __name__ == "__main__":
    main()
