"""What RecTools gives for the cases of `lists.py`: written to `lists_rectools.json`.

The metrics that take popular items out of the truth (`debias_config`) draw by NumPy, which cannot be
repeated elsewhere: `lists_debiased.json` keeps the truth that was left.
"""

import warnings

import pandas as pd
from rectools import Columns
from rectools.metrics import MAP, MRR, NDCG, PAP, AvgRecPopularity, CatalogCoverage, CoveredUsers, F1Beta
from rectools.metrics import HitRate, Intersection, IntraListDiversity, MeanInvUserFreq, PartialAUC
from rectools.metrics import Precision, Recall, Serendipity
from rectools.metrics.debias import DebiasConfig, debias_interactions
from rectools.metrics.distances import PairwiseHammingDistanceCalculator

from fixtures import entry, write
from lists import KS, N_CATEGORIES, cases, ranked

DEBIAS = DebiasConfig(iqr_coef=1.5, random_state=32)

OF_TRUTH = {
    "NDCG": (NDCG, {}),
    "NDCG(divide_by_achievable=True)": (NDCG, {"divide_by_achievable": True}),
    "HitRate": (HitRate, {}),
    "Recall": (Recall, {}),
    "Precision": (Precision, {}),
    "Precision(r_precision=True)": (Precision, {"r_precision": True}),
    "MAP": (MAP, {}),
    "MAP(divide_by_k=True)": (MAP, {"divide_by_k": True}),
    "MRR": (MRR, {}),
    "F1Beta": (F1Beta, {}),
    "F1Beta(beta=0.5)": (F1Beta, {"beta": 0.5}),
    "PartialAUC": (PartialAUC, {}),
    "PAP": (PAP, {}),
    "CoveredUsers": (CoveredUsers, {}),
    "NDCG(debias_config)": (NDCG, {"divide_by_achievable": True, "debias_config": DEBIAS}),
    "Recall(debias_config)": (Recall, {"debias_config": DEBIAS}),
    "MAP(debias_config)": (MAP, {"debias_config": DEBIAS}),
    "PartialAUC(debias_config)": (PartialAUC, {"debias_config": DEBIAS}),
}


def lists_frame(lists):
    rows = [(user, item, rank + 1) for user, items in lists.items() for rank, item in enumerate(items)]
    return pd.DataFrame(rows, columns=[Columns.User, Columns.Item, Columns.Rank])


def pairs_frame(pairs):
    rows = [(user, item) for user, items in pairs for item in items]
    return pd.DataFrame(rows, columns=Columns.UserItem)


def hamming(case):
    """Items as rows of zeros and ones, one column a category."""
    rows = [[float(category in own) for category in range(N_CATEGORIES)] for own in case["categories"]]
    return PairwiseHammingDistanceCalculator(pd.DataFrame(rows))


def entries():
    for case in cases():
        reco, truth = lists_frame(ranked(case)), pairs_frame(case["relevant"])
        train, other = pairs_frame(case["train"]), lists_frame(dict(case["other"]))
        catalog = list(range(case["n_items"]))
        metrics = {name: (metric, options, (reco, truth)) for name, (metric, options) in OF_TRUTH.items()}
        metrics["MeanInvUserFreq"] = (MeanInvUserFreq, {}, (reco, train))
        metrics["AvgRecPopularity"] = (AvgRecPopularity, {}, (reco, train))
        metrics["AvgRecPopularity(normalize=True)"] = (AvgRecPopularity, {"normalize": True}, (reco, train))
        metrics["Serendipity"] = (Serendipity, {}, (reco, truth, train, catalog))
        metrics["Intersection"] = (Intersection, {}, (reco, other))
        options = {"distance_calculator": hamming(case)}
        metrics["IntraListDiversity(Hamming)"] = (IntraListDiversity, options, (reco,))
        for name, (metric, options, frames) in metrics.items():
            for k in KS:
                measured = metric(k=k, **options)
                frames_of_k = tuple(frame.copy() for frame in frames)
                per_user = measured.calc_per_user(*frames_of_k)
                yield entry(case, name, k, measured.calc(*frames_of_k), per_user.to_dict())
        for k in KS:
            yield entry(case, "CatalogCoverage(normalize=True)", k, CatalogCoverage(k, True).calc(reco, catalog))


def debiased():
    """The truth that debiasing left, by case."""
    for case in cases():
        left = debias_interactions(pairs_frame(case["relevant"]), DEBIAS)
        by_user = {int(user): sorted(items.tolist()) for user, items in left.groupby(Columns.User)[Columns.Item]}
        yield {"case": case["name"], "relevant": sorted(by_user.items())}


def main():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write("lists_rectools.json", entries())
    write("lists_debiased.json", debiased())


if __name__ == "__main__":
    main()
