"""Writes `python.txt`, objects as Python's `repr` spells them, and `python.json`, the same objects as JSON.

    python generate.py

It needs Python 3 alone; one object a line. `tests/amazon.rs` reads both.
"""

import json
import random
from pathlib import Path

HERE = Path(__file__).parent
# Quotes, escapes, characters that `repr` escapes and characters that it does not.
ALPHABET = "ab'\"\\\n\t\r\0\x7f\x80\x9f\xa0\xad\xe9\u0160\u200b\u2028\u65e5\ufeff\U0001f600 {}[],:$"


def text(random):
    return "".join(random.choice(ALPHABET) for _ in range(random.randrange(12)))


def product(random, row):
    ids = lambda: [f"B{random.randrange(20):02}" for _ in range(random.randrange(4))]
    product = {
        "asin": f"B{row:02}",
        "title": "t" + text(random) + "t",
        "price": random.choice([None, 12.99, 0.0, 3, 1e-05, 1234567.25, 1e16]),
        "brand": "b" + text(random) + "b",
        "categories": [["c" + text(random) + "c" for _ in range(random.randrange(3))] for _ in range(random.randrange(3))],
        "salesRank": {"r" + text(random): random.randrange(10**7) for _ in range(random.randrange(2))},
        "related": {"also_bought": ids(), "also_viewed": ids(), "bought_together": ids()},
        "other": [True, False, None, -1, 10**30, (1, "x"), [], {}, {text(random): [[text(random)]]}],
    }
    return {key: value for key, value in product.items() if key == "asin" or random.random() < 0.8}


generator = random.Random(7)
products = [product(generator, row) for row in range(200)]
(HERE / "python.txt").write_text("".join(f"{product!r}\n" for product in products), encoding="utf-8")
lines = "".join(json.dumps(product, ensure_ascii=row % 2 == 0) + "\n" for row, product in enumerate(products))
(HERE / "python.json").write_text(lines, encoding="utf-8")
