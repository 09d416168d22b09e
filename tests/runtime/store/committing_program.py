"""Commits for ever, and says each seq once it is durable: a process to be killed."""

from __future__ import annotations

import sys

from store_rows import advance, creation, message, output

from slct_runtime.store import SqliteStore

store = SqliteStore(sys.argv[1])
store.commit([creation("p"), advance("p", 0, outputs_insert=(output("p", 0),), inbox_insert=(message("p", 1),))])
print(1, flush=True)
seq = 1
while True:
    arrived, gone = (message("p", seq + 1),), (seq,)
    store.commit([advance("p", seq, outputs_insert=(output("p", seq),), inbox_insert=arrived, inbox_delete=gone)])
    seq += 1
    print(seq, flush=True)
