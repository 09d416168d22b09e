"""The runtime's limits and periods: each has a name, a unit and a default, and is named when it refuses something."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator may set. Rules 15 and 16 give the defaults their reasons."""

    channel_messages_max: int = 10_000
    """Undelivered messages from outside that one channel may hold (rule 16)."""
    unbegun_processes_max: int = 10_000
    """Processes that were started and have not made their first transition; more have to wait, and are refused after a while (rule 16)."""
    start_wait_ms_max: int = 5_000
    """How long a start waits for others to begin."""
    payload_bytes_max: int = 2 * 1024 * 1024
    """One message, argument list, result or effect request, as encoded."""
    document_bytes_max: int = 12 * 1024 * 1024
    """One process, as encoded; a transition that would save more is a fault. Fits into one message of the wire."""
    history_transitions_max: int = 0
    """Transitions of each process that `slct history` can show, the newest; 0 keeps none and costs nothing."""
    key_retention_ms: int = 24 * 3600 * 1000
    """How long a message key is remembered (rule 15)."""
    ended_retention_ms: int | None = None
    """How long processes that have ended are kept, with their results and outputs; None keeps them for ever."""
    vacuum_period_ms: int = 60_000
    """How often those that are older are looked for."""
    resident_count_max: int = 4_000
    """Processes kept in memory while they are parked; more are dropped and loaded again when needed."""
    resident_document_bytes_max: int = 64 * 1024 * 1024
    """The same for the documents of those processes in all, as encoded."""
    timer_window_ms: int = 60_000
    """How far ahead deadlines are read from the store."""
    batch_processes_max: int = 2_000
    """Processes stored by one group commit."""
    commit_at_once_ms_max: int = 1
    """Where commits take no longer than this, one on which everything waits is made on the event loop itself; -1 for never."""
    store_retry_ms: int = 500
    """Pause before a store that refused a commit is tried again."""
    recovery_page: int = 500
    """Processes loaded at a time when a runtime starts."""
