"""Writes files as other systems write them, and what RePlay says of them: `values.json`.

    python -m venv .venv && .venv/bin/pip install -r ../../../metrics/tests/reference/requirements.txt pyarrow==23.0.1
    .venv/bin/python generate.py

Lists are parquet by pandas (integer users, text items, float scores) and once more by ranks in a CSV file with
other column names; the ground truth is parquet by polars; the training part is CSV. Same versions, same bytes.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
from replay.metrics import MAP, MRR, NDCG, Coverage, HitRate, Precision, Recall, RocAuc, Surprisal

FOLDER = Path(__file__).parent
KS = [1, 3, 10]
N_USERS, N_ITEMS = 70, 60
rng = np.random.default_rng(6)
items = np.array([f"item {i:03}" for i in range(N_ITEMS)])

train, truth, lists = [], [], []
for user in range(100, 100 + N_USERS):
    drawn = rng.permutation(N_ITEMS)
    met, relevant, others = drawn[: rng.integers(3, 9)], drawn[8 : 8 + rng.integers(1, 9)], drawn[8:]
    train += [(user, items[i], 1_000 + int(rng.integers(900))) for i in met]
    if user % 10 != 3:
        truth += [(user, items[i], int(rng.integers(1, 6)), 2_000 + int(rng.integers(900))) for i in relevant]
    if user % 9 != 4:
        recommended = rng.permutation(others)[: rng.integers(2, 15)]
        scores = np.sort(rng.normal(size=len(recommended)))[::-1]
        lists += list(zip([user] * len(recommended), items[recommended], scores, range(1, 99)))

lists = pd.DataFrame(lists, columns=["user_id", "item_id", "score", "rank"])
lists = lists.sample(frac=1, random_state=1).reset_index(drop=True)
lists[["user_id", "item_id", "score"]].to_parquet(FOLDER / "lists.parquet", index=False)
lists[["user_id", "item_id", "rank"]].rename(columns={"user_id": "who", "item_id": "what"}).to_csv(
    FOLDER / "lists.csv", index=False, sep=";"
)
truth = pd.DataFrame(truth, columns=["user_id", "item_id", "rating", "timestamp"])
pl.from_pandas(truth).write_parquet(FOLDER / "truth.parquet")
train = pd.DataFrame(train, columns=["user_id", "item_id", "timestamp"])
train.to_csv(FOLDER / "train.csv", index=False)

columns = {"query_column": "user_id", "item_column": "item_id"}
values = {}
for metric in (NDCG, HitRate, Recall, Precision, MAP, MRR, RocAuc):
    values |= metric(KS, rating_column="score", **columns)(lists, truth)
for metric in (Coverage, Surprisal):
    values |= metric(KS, rating_column="score", **columns)(lists, train)
values = {label.replace("RocAuc", "RocAUC"): value for label, value in values.items()}
liked = truth[truth["rating"] >= 4]
of_liked = NDCG(10, rating_column="score", **columns)(lists, liked)
(FOLDER / "values.json").write_text(
    json.dumps(
        {
            "values": values,
            "liked": {"NDCG@10": of_liked["NDCG@10"], "rows": len(liked), "of": len(truth)},
            "users": {"lists": lists["user_id"].nunique(), "truth": truth["user_id"].nunique()},
        },
        indent=1,
    )
    + "\n"
)
