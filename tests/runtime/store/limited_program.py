"""Commits against a limit of the operating system on the size of files, then without it."""

from __future__ import annotations

import resource
import sys

from store_rows import advance, creation, load_one

from slct_runtime.store import SqliteStore
from slct_runtime.store.base import StoreUnavailable

store = SqliteStore(sys.argv[1])
store.commit([creation("p")])
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
batch = [advance("p", 0), creation("big", document="x" * 400_000)]
try:
    store.commit(batch)
except StoreUnavailable as error:
    print("refused", type(error).__name__)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
print("kept", load_one(store, "p").row.seq)
print("stored", store.commit(batch))
store.close()
