"""How fixtures are written: one entry a line, so that a change shows where it is."""

import json
import math
from pathlib import Path

FOLDER = Path(__file__).parent


def defined(value):
    """A number for JSON; what a library gives as NaN is nothing."""
    return None if value is None or math.isnan(value) else float(value)


def of_all_users(case, values):
    """Values by user as a list over all users of the case; nothing where the library says nothing."""
    return [defined(values.get(user)) for user in range(case["n_users"])]


def entry(case, name, k, value, values=None):
    """What a library gives for a case: its mean over users and, where it has them, its values by user."""
    found = {"case": case["name"], "name": name, "k": k, "value": defined(value)}
    if values is not None:
        found["per_user"] = of_all_users(case, values)
    return found


def write(name, entries):
    body = ",\n".join(json.dumps(found, separators=(",", ":")) for found in entries)
    (FOLDER / name).write_text(f"[\n{body}\n]\n")
