"""The cases of the conformance table that are about lists: written to `lists.json`.

Scores are small integers, so that they tie within almost every list. The order that is measured is ours:
by score descending, then by item ascending. A library that sorts by itself is handed this order, as
scores without ties.
"""

import numpy as np

from fixtures import write

KS = [1, 3, 10]
N_CATEGORIES = 6


def make_case(name, seed, n_users, n_items, list_lengths, max_relevant, missing=0.0):
    """Lists, truth and everything that the metrics beyond accuracy want to know.

    `missing` is the share of users without a list, and the share without truth, and the share that
    training does not know.
    """
    rng = np.random.default_rng(seed)
    # Few items are relevant to many users: debiasing has something to take away.
    weights = 1.0 / np.arange(1, n_items + 1) ** 1.3
    weights = rng.permutation(weights / weights.sum())

    def draw(size, p=None):
        return rng.choice(n_items, min(size, n_items), replace=False, p=p)

    def scored(relevant):
        length = int(rng.integers(list_lengths[0], list_lengths[1] + 1))
        near = relevant[rng.random(len(relevant)) < 0.6]
        items = np.concatenate([near, np.setdiff1d(draw(n_items), near)])[:length]
        items = rng.permutation(items)
        return [[int(item), int(score)] for item, score in zip(items, rng.integers(0, 6, len(items)))]

    case = {key: {} for key in ["scored", "relevant", "grades", "train", "base", "other"]}
    for user in range(n_users):
        relevant = np.sort(draw(int(rng.integers(1, max_relevant + 1)), weights))
        has_list, has_truth, has_train = rng.random(3) >= missing
        if has_list:
            case["scored"][user] = scored(relevant)
        if has_truth or not has_list:
            case["relevant"][user] = relevant.tolist()
            case["grades"][user] = rng.integers(1, 5, len(relevant)).tolist()
        if has_train:
            case["train"][user] = np.sort(draw(int(rng.integers(1, n_items // 3)), weights)).tolist()
        # Lists of other models, best first; some users have none.
        for key in ["base", "other"]:
            if rng.random() >= missing:
                overlapping = [item for item, _ in case["scored"].get(user, [])][:3]
                items = np.concatenate([overlapping, np.setdiff1d(draw(12), overlapping)]).astype(int)
                case[key][user] = rng.permutation(items)[: list_lengths[1]].tolist()
    n_features = rng.integers(1, N_CATEGORIES, n_items)
    return {
        "name": name,
        "n_users": n_users,
        "n_items": n_items,
        **{key: sorted(by_user.items()) for key, by_user in case.items()},
        # One category of each item, and a set of them.
        "category": rng.integers(0, N_CATEGORIES, n_items).tolist(),
        "categories": [np.sort(rng.choice(N_CATEGORIES, n, replace=False)).tolist() for n in n_features],
    }


def cases():
    return [
        make_case("full lists", 1, 30, 60, (12, 12), 8),
        make_case("longer full lists", 5, 20, 35, (15, 15), 4),
        make_case("short lists, missing users", 2, 40, 40, (1, 7), 6, missing=0.25),
        make_case("truth longer than k", 3, 25, 90, (5, 20), 30, missing=0.1),
        make_case("one relevant item", 4, 25, 15, (1, 12), 1, missing=0.1),
    ]


def ranked(case):
    """The lists by user, in our order."""
    return {
        user: [item for item, _ in sorted(scored, key=lambda pair: (-pair[1], pair[0]))]
        for user, scored in case["scored"]
    }


def main():
    write("lists.json", cases())


if __name__ == "__main__":
    main()
