"""Words that the databases keep as small numbers: the place in the tuple. Append only; schema.sql explains them."""

from __future__ import annotations

STATUSES = ("running", "completed", "failed", "cancelled", "terminated", "faulted", "deadlocked")
"""Where a process is in its life."""

RUNNING = "running"
ENDED = frozenset({"completed", "failed", "cancelled", "terminated"})
"""Statuses from which no process comes back; only these may be vacuumed."""

KINDS = ("message", "close", "effect", "child", "cancel")
"""What an inbox row is."""

OUTCOME_KINDS = frozenset({"effect", "child"})
"""Arrivals that are recorded once per process and name (rule 18)."""

STATUS_CODES = {word: code for code, word in enumerate(STATUSES)}
KIND_CODES = {word: code for code, word in enumerate(KINDS)}
