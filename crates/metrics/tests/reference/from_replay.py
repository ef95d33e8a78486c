"""What RePlay gives for the cases of `lists.py`: written to `lists_replay.json`."""

import math

import pandas as pd
import polars as pl
from replay.metrics import MAP, MRR, NDCG, CategoricalDiversity, ConfidenceInterval, Coverage, HitRate
from replay.metrics import Median, Novelty, PerUser, Precision, Recall, RocAuc, Surprisal, Unexpectedness

from fixtures import entry, write
from lists import KS, cases, ranked

OF_TRUTH = [NDCG, HitRate, Recall, Precision, MAP, MRR, RocAuc]


def lists_frame(lists):
    rows = [(user, item, float(-rank)) for user, items in lists.items() for rank, item in enumerate(items)]
    return pd.DataFrame(rows, columns=["query_id", "item_id", "rating"])


def pairs_frame(pairs):
    rows = [(user, item) for user, items in pairs for item in items]
    return pd.DataFrame(rows, columns=["query_id", "item_id"])


def measure(metric, *frames, **options):
    """By label; the pandas and the polars path must agree where users do not depend on the path."""
    values = metric(KS, **options)(*frames)
    on_polars = metric(KS, **options)(*(pl.from_pandas(frame) for frame in frames))
    for label, value in values.items():
        if not isinstance(value, dict):
            assert math.isclose(value, on_polars[label], rel_tol=0, abs_tol=1e-12), label
    return list(values.values())


def entries():
    for case in cases():
        lists = ranked(case)
        recommended, truth = lists_frame(lists), pairs_frame(case["relevant"])
        train = pairs_frame(case["train"])
        base = lists_frame(dict(case["base"]))
        categories = recommended.assign(category_id=recommended["item_id"].map(lambda i: case["category"][i]))
        inputs = [(metric, (recommended, truth)) for metric in OF_TRUTH]
        inputs += [(Novelty, (recommended, train)), (Surprisal, (recommended, train))]
        inputs += [(Unexpectedness, (recommended, base)), (CategoricalDiversity, (categories,))]
        for metric, frames in inputs:
            means = measure(metric, *frames)
            for k, mean, by_user in zip(KS, means, measure(metric, *frames, mode=PerUser())):
                yield entry(case, metric.__name__, k, mean, by_user)
        for k, value in zip(KS, measure(Coverage, recommended, train)):
            yield entry(case, "Coverage", k, value)
        for metric in [NDCG, Recall]:
            for k, value in zip(KS, measure(metric, recommended, truth, mode=Median())):
                yield entry(case, f"{metric.__name__}(mode=Median())", k, value)
            for k, value in zip(KS, measure(metric, recommended, truth, mode=ConfidenceInterval(0.95))):
                yield entry(case, f"{metric.__name__}(mode=ConfidenceInterval(0.95))", k, value)
        # Cut where each user's truth ends, the recall is what others call R-precision.
        by_user = {}
        for user, items in case["relevant"]:
            k, of_user = len(items), truth[truth["query_id"] == user]
            by_user[user] = Recall(k, mode=PerUser())(recommended, of_user)[f"Recall-PerUser@{k}"][user]
        yield entry(case, "Recall(k = relevant items)", None, sum(by_user.values()) / len(by_user), by_user)
        # By itself RePlay puts the larger item first where scores tie.
        rows = [(user, *pair) for user, scored in case["scored"] for pair in scored]
        tied = pd.DataFrame(rows, columns=["query_id", "item_id", "rating"])
        for k, mean, by_user in zip(KS, measure(NDCG, tied, truth), measure(NDCG, tied, truth, mode=PerUser())):
            yield entry(case, "NDCG, tied scores", k, mean, by_user)


def main():
    write("lists_replay.json", entries())


if __name__ == "__main__":
    main()
