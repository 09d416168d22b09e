"""Mistakes in commit order, fencing and deduplication, planted to see that the simulation finds them.

Each names a seed that finds it. A mistake is an edit of one function's source, made in memory; one that no longer applies
is an error.
"""

from __future__ import annotations

import importlib
import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

ENGINE = "slct_runtime._engine"
RESIDENT = "slct_runtime._resident"
DISPATCHER = "slct_runtime._dispatcher"


@dataclass(frozen=True, slots=True)
class Bug:
    """`right` stands once in the source of `owner.function` and is replaced by `wrong`; `seed` finds that."""

    seed: int
    name: str
    module: str
    owner: str
    function: str
    right: str
    wrong: str


BUGS = (
    Bug(2, "acknowledged before the commit", "slct_runtime.runtime", "Runtime", "_accept",
        "resident.pending.releases.append(release)", "release.durable()"),
    Bug(0, "effect dispatched before the commit", ENGINE, "Engine", "_request_effect",
        "resident.pending.row_releases.append(Release(partial(self._effect_stored, resident, run)))", "self._effect_stored(resident, run)"),
    Bug(2, "key not in the commit", RESIDENT, "Resident", "take",
        "keys_insert=tuple(pending.keys),", "keys_insert=(),"),
    Bug(4, "message deleted before it is consumed", RESIDENT, "Resident", "_settle_inbox",
        "sorted(absorbed & stored)", "sorted(stored)"),
    Bug(6, "output offset used again", ENGINE, "Engine", "_restore",
        "output_count=loaded.output_count,", "output_count=0,"),
    Bug(34, "no condition on seq", "slct_runtime.store.memory", "_Changes", "apply",
        "held_seq != commit.expected_seq", "False"),
    Bug(170, "timer fired early", ENGINE, "Engine", "_wake",
        "now = self.now_ms()", "now = self.now_ms() + 500"),
    Bug(42, "at most once, and again", ENGINE, "Engine", "_take_up_effect",
        "elif request.at_most_once and run.is_begun:", "elif False:"),
    Bug(14, "at most once, begun before it is noted", ENGINE, "Engine", "before_effect",
        "if not run.request.at_most_once:", "if True:"),
    Bug(6, "keys looked for in memory only", "slct_runtime.runtime", "Runtime", "_is_repeated",
        "resident.keys.get(request.key) or (rows[0].digest if rows else None)", "resident.keys.get(request.key)"),
    Bug(38, "message dropped on eviction", RESIDENT, "Resident", "_settle_inbox",
        "return tuple(insert.values()), delete", "return (), delete"),
    Bug(3, "channel lent to an effect dropped", RESIDENT, "Resident", "drop_lost_channels",
        "self.document, lent)", "self.document)"),
    Bug(11, "time over all attempts over too early", ENGINE, "Engine", "_has_closed",
        "run.requested_ms)", "run.requested_ms - 400)"),
    Bug(76, "what was run ahead counts for another transition", DISPATCHER, "Dispatcher", "_adopt",
        "order.resumption != job.resumption", "False"),
    Bug(76, "a worker that has run ahead is believed to hold the process", DISPATCHER, "Dispatcher", "_ends_where_the_core_is",
        "return is_followed", "return True"),
    Bug(0, "what follows an effect begins before the effect has ended", "runtime_client._worker", "_Serving", "_follow",
        "held.live.has_seen_time", "False"),
)  # fmt: skip


@contextmanager
def planted(bug: Bug) -> Iterator[None]:
    """The runtime with this mistake in it."""
    module = importlib.import_module(bug.module)
    owner: Any = getattr(module, bug.owner)
    original = owner.__dict__[bug.function]
    source = textwrap.dedent(inspect.getsource(original))
    assert source.count(bug.right) == 1, (
        f"{bug.name}: {bug.right!r} stands {source.count(bug.right)} times in {bug.function}"
    )
    made: dict[str, Any] = {}
    exec(
        compile("from __future__ import annotations\n" + source.replace(bug.right, bug.wrong), bug.name, "exec"),
        vars(module),
        made,
    )
    setattr(owner, bug.function, made[bug.function])
    try:
        yield
    finally:
        setattr(owner, bug.function, original)
