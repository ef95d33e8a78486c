"""Training epochs of an id-only two-tower in PyTorch: dot product, 1 positive and sampled negatives,
binary cross-entropy, Adam.

Prints one line of JSON for every line of standard input, each for one epoch.
"""

import argparse
import json
import random
import sys
import time

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset


class TwoTower(torch.nn.Module):
    def __init__(self, n_users, n_items, dim):
        super().__init__()
        self.users = torch.nn.Embedding(n_users, dim)
        self.items = torch.nn.Embedding(n_items, dim)
        for table in (self.users, self.items):
            torch.nn.init.normal_(table.weight, std=0.1)

    def forward(self, users, items):
        return (self.users(users).unsqueeze(1) * self.items(items)).sum(-1)


class Pairs(Dataset):
    """One row: a user, the positive item followed by negatives the user has not met, the labels."""

    def __init__(self, users, items, n_items, n_negatives):
        self.users, self.items = users.tolist(), items.tolist()
        self.n_items, self.n_negatives = n_items, n_negatives
        self.met = {}
        for user, item in zip(self.users, self.items):
            self.met.setdefault(user, set()).add(item)

    def __len__(self):
        return len(self.users)

    def __getitem__(self, index):
        user = self.users[index]
        met, items = self.met[user], [self.items[index]]
        while len(items) <= self.n_negatives:
            item = random.randrange(self.n_items)
            if item not in met:
                items.append(item)
        labels = torch.zeros(1 + self.n_negatives)
        labels[0] = 1.0
        return user, torch.tensor(items), labels


def vectorised(users, items, n_items, n_negatives, batch_size):
    """The same batches, each sampled at once: negatives that the user has met are drawn again."""
    met = torch.zeros(int(users.max()) + 1, n_items, dtype=torch.bool)
    met[users, items] = True
    order = torch.randperm(len(users))
    for start in range(0, len(users), batch_size):
        rows = order[start : start + batch_size]
        user = users[rows]
        negatives = torch.randint(n_items, (len(rows), n_negatives))
        is_met = met[user.unsqueeze(1), negatives]
        while is_met.any():
            negatives[is_met] = torch.randint(n_items, (int(is_met.sum()),))
            is_met = met[user.unsqueeze(1), negatives]
        labels = torch.zeros(len(rows), 1 + n_negatives)
        labels[:, 0] = 1.0
        yield user, torch.cat([items[rows].unsqueeze(1), negatives], 1), labels


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", help="file of user and item indices, one row a line")
    parser.add_argument("--batches", choices=["per-row", "vectorised"], required=True)
    parser.add_argument("--dim", type=int, required=True)
    parser.add_argument("--negatives", type=int, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    random.seed(1)
    users, items = torch.from_numpy(np.loadtxt(arguments.rows, dtype=np.int64)).T.contiguous()
    n_users, n_items = int(users.max()) + 1, int(items.max()) + 1
    model = TwoTower(n_users, n_items, arguments.dim)
    optimizer = torch.optim.Adam(model.parameters(), lr=arguments.learning_rate)
    loss_of = torch.nn.BCEWithLogitsLoss()
    dataset = Pairs(users, items, n_items, arguments.negatives)
    loader = DataLoader(dataset, batch_size=arguments.batch_size, shuffle=True, num_workers=0)

    for _ in sys.stdin:
        if arguments.batches == "per-row":
            batches = loader
        else:
            batches = vectorised(users, items, n_items, arguments.negatives, arguments.batch_size)
        total, n_rows = 0.0, 0
        start = time.perf_counter()
        for user, item, label in batches:
            optimizer.zero_grad()
            loss = loss_of(model(user, item), label)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(user)
            n_rows += len(user)
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "loss": total / n_rows, "n_rows": n_rows}), flush=True)


if __name__ == "__main__":
    main()
