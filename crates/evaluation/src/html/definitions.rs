//! What the metrics of a report are, in a line each.

/// The part of a label before its cutoff, and the cutoff: `NDCG@10` is `NDCG` at 10.
pub(super) fn split(label: &str) -> (&str, Option<usize>) {
    let parts = label.rsplit_once('@');
    match parts.and_then(|(name, k)| Some((name, k.parse().ok()?))) {
        Some((name, k)) => (name, Some(k)),
        None => (label, None),
    }
}

/// What the metric called `name`, without its cutoff, is, and its range; `None` for one that is not known here.
pub(super) fn definition(name: &str) -> Option<(&'static str, &'static str)> {
    const SHARE: &str = "0 to 1";
    Some(match name {
        "NDCG" => (
            "Hits weighted by 1 / log2(rank + 1), as a share of what the best possible list of the user has.",
            SHARE,
        ),
        "NDCG(linear)" => ("NDCG in which a hit also weighs as much as its grade.", SHARE),
        "NDCG(exponential)" => ("NDCG in which a hit of grade g also weighs 2^g − 1.", SHARE),
        "HitRate" => ("1 for a user with at least one relevant item among the first k, else 0.", SHARE),
        "Recall" => ("The share of the user's relevant items that are among the first k.", SHARE),
        "Precision" => {
            ("The share of the k ranks that hold a relevant item; short lists count as k ranks.", SHARE)
        }
        "MAP" => (
            "The precisions at the ranks of the hits, added up and divided by the hits that k ranks allow.",
            SHARE,
        ),
        "MRR" => ("1 / rank of the first relevant item; 0 if none is among the first k.", SHARE),
        "F1" => ("The harmonic mean of precision and recall at k.", SHARE),
        "AchievablePrecision" => {
            ("Hits among the first k as a share of the hits that were possible there.", SHARE)
        }
        "RocAUC" => (
            "How often, within the first k, a relevant item stands before one that is not; missed items do not count.",
            SHARE,
        ),
        "RPrecision" => ("The precision at as many ranks as the user has relevant items.", SHARE),
        "Coverage" => ("The share of the catalogue that is recommended to at least one user.", SHARE),
        "Gini" => (
            "How unequally recommendations are spread over the catalogue: 0 where all items have as many.",
            SHARE,
        ),
        "Entropy" => (
            "The entropy of the items' shares of all recommendations; higher is more even.",
            "0 to ln(items), in nats",
        ),
        "TailShare" => {
            ("The share of the recommendations that are of items few users met in training.", SHARE)
        }
        "UnseenShare" => {
            ("The share of the recommended items that the user did not meet in training.", SHARE)
        }
        "InverseUserFrequency" => (
            "How few of the training users met the recommended items: the mean of −log2 of their share.",
            "0 to log2(users), in bits",
        ),
        "Surprisal" => (
            "How few of the training users met the recommended items, relative to the rarest possible list.",
            SHARE,
        ),
        "AveragePopularity" => {
            ("How often the recommended items were met in training, on average.", "0 and more")
        }
        "Serendipity" => (
            "How far hits stand above the place that their popularity would give them, over all recommended items.",
            SHARE,
        ),
        "Unexpectedness" => {
            ("The share of the recommended items that the base list does not recommend.", SHARE)
        }
        "IntraListDiversity" => (
            "The mean distance of two recommended items: the share of their categories that they do not share.",
            SHARE,
        ),
        "Overlap" => ("The share of the recommended items that the other model recommends as well.", SHARE),
        name if name.starts_with("RBP(") => (
            "The expected gain of a reader who goes on to the next rank with the probability in brackets.",
            "0 to 1, in k ranks less than 1",
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_split_at_a_cutoff_alone() {
        assert_eq!(split("NDCG(linear)@10"), ("NDCG(linear)", Some(10)));
        assert_eq!(split("RPrecision"), ("RPrecision", None));
        assert_eq!(split("odd@name"), ("odd@name", None));
    }
}
