"""Prints the RePlay values of the popularity baseline on MovieLens 100K, full precision.

    .venv/bin/python movielens_popularity.py FOLDER_WITH_U_DATA

Global time split: the last fifth by time is the test; cold users and items leave it; ratings of at
least 4 are relevant. Popularity is the count in the train part, ties by item id, top 10. Printed:
once with the items that the user has seen, once without.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from replay.metrics import MAP, MRR, NDCG, Coverage, HitRate, Precision, Recall
from replay.splitters import TimeSplitter

K = 10
columns = ["query_id", "item_id", "rating", "timestamp"]
folder = Path(sys.argv[1])
log = pd.read_csv(folder / "u.data", sep="\t", names=columns)
log["row"] = np.arange(len(log))
splitter = TimeSplitter(
    0.2, drop_cold_users=True, drop_cold_items=True,
    query_column="query_id", item_column="item_id", timestamp_column="timestamp",
)
train, test = splitter.split(log)
truth = test[test["rating"] >= 4]

counts = train.groupby("item_id").size()
ranked = sorted(counts.index, key=lambda item: (-counts[item], item))
seen = train.groupby("query_id")["item_id"].apply(set).to_dict()


def evaluate(users, remove_seen):
    lists = {u: [i for i in ranked if not (remove_seen and i in seen.get(u, ()))][:K] for u in users}
    rows = [(u, item, float(-rank)) for u, items in lists.items() for rank, item in enumerate(items)]
    recs = pd.DataFrame(rows, columns=columns[:3])
    values = {}
    for metric in (NDCG, HitRate, Recall, Precision, MAP, MRR):
        values |= metric(K)(recs, truth)
    return values | Coverage(K)(recs, train)


print(
    json.dumps(
        {
            "rows": {"train": len(train), "test": len(test), "truth": len(truth)},
            "users": {"train": train["query_id"].nunique(), "test": test["query_id"].nunique(),
                      "truth": truth["query_id"].nunique()},
            "items": {"train": train["item_id"].nunique()},
            "lists for the users of the ground truth": {
                "popular-with-seen": evaluate(sorted(truth["query_id"].unique()), False),
                "popular": evaluate(sorted(truth["query_id"].unique()), True),
            },
            "lists for every user of the test": {
                "popular": evaluate(sorted(test["query_id"].unique()), True),
            },
            "lists for every user of the train": {
                "popular": evaluate(sorted(train["query_id"].unique()), True),
            },
        },
        indent=1,
    )
)
published = folder / "split-time-0.2-test-rows.txt"
if published.exists():
    assert sorted(test["row"]) == sorted(int(line) for line in published.read_text().split())
