"""Packs the files of MovieLens latest-small into ml-latest-small.zip, beside this script.

    python3 pack_ml_latest_small.py FOLDER_OF_ML_LATEST_SMALL

The names, their order, dates and modes are fixed, so the same zlib gives the same bytes. The crate's
tests check the SHA-256 of what the archive unpacks to.
"""

import hashlib
import sys
import zipfile
from pathlib import Path

FILES = ["README.txt", "ratings.csv", "movies.csv", "tags.csv", "links.csv"]

source = Path(sys.argv[1])
target = Path(__file__).parent
with zipfile.ZipFile(target / "ml-latest-small.zip", "w") as archive:
    for name in FILES:
        content = (source / name).read_bytes()
        entry = zipfile.ZipInfo(f"ml-latest-small/{name}", date_time=(2018, 9, 26, 0, 0, 0))
        entry.external_attr = 0o644 << 16
        archive.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=9)
        print(hashlib.sha256(content).hexdigest(), name)
(target / "ml-latest-small-README.txt").write_bytes((source / "README.txt").read_bytes())
