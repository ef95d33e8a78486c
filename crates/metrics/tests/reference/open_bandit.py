"""Prints the estimates of `open_bandit.rs`: the uniform policy from the log of Thompson Sampling.

    python open_bandit.py FOLDER_OF_OBD_SMALL
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

for campaign, n_items in [("men", 34), ("women", 46)]:
    log = pd.read_csv(Path(sys.argv[1]) / "bts" / campaign / f"{campaign}.csv")
    weight, click = (1 / n_items) / log["propensity_score"], log["click"]
    weighed = weight * click
    snips = weighed.sum() / weight.sum()
    print(campaign)
    print("IPS", weighed.mean(), weighed.std(ddof=1) / len(log) ** 0.5)
    print("SNIPS", snips, np.sqrt((weight**2 * (click - snips) ** 2).sum()) / weight.sum())
    print("effective sample size", weight.sum() ** 2 / (weight**2).sum())
