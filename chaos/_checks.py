"""What must be exact when all is over, whoever was killed or paused meanwhile."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from runtime_client import Client

from ._load import CHAIN_LENGTH, LEAVES, ONCE_LENGTH, SCHEDULE_ID, Load

STUMBLING = 3
"""Of so many effects of a chain the last fails at its first attempt (`programs/chaos_programs.py`)."""
MARKS = [0, 1, 2, 3, 4]
"""What each leaf is sent (`programs/chaos_programs.py`)."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """What the effects have noted: by process and index of the effect, the tokens that its attempts gave."""

    tokens: Mapping[tuple[str, int], Sequence[str]]
    count: int


@dataclass(frozen=True, slots=True)
class Listed:
    """The processes there are: id to status, by definition."""

    statuses: Mapping[str, Mapping[str, str]]

    def count(self) -> int:
        return sum(len(each) for each in self.statuses.values())


def read_attempts(log: Path) -> Attempts:
    tokens: dict[tuple[str, int], list[str]] = defaultdict(list)
    lines = log.read_text().splitlines()
    for line in lines:
        key, index, token = line.split()
        tokens[key.rpartition(":")[0], int(index)].append(token)
    return Attempts(tokens, len(lines))


async def read_listed(client: Client) -> Listed:
    statuses: dict[str, dict[str, str]] = defaultdict(dict)
    async for info in client.list(page_size=1000):
        statuses[info.definition][info.process_id] = info.status
    return Listed(statuses)


def wrong_in(load: Load, attempts: Attempts, listed: Listed) -> list[str]:
    """What is wrong; nothing, if all is well."""
    return [
        *_wrong_in_tallies(load),
        *_wrong_in_chains(load, attempts),
        *_wrong_in_onces(load, attempts),
        *_wrong_in_families(load),
        *_wrong_in_pets(listed.statuses.get("pet", {}), attempts),
        *_wrong_in_ticks(load, listed.statuses.get("tick", {}), attempts),
        *_wrong_in_list(load, listed),
    ]


def _wrong_in_tallies(load: Load) -> Iterator[str]:
    """Every number counted once and no more, and nothing left undelivered (rules 9, 14, 15)."""
    for number, one in enumerate(load.rounds):
        seen, repeated = one.counted
        if (seen, repeated, one.unreceived) != (load.sizes.messages, 0, 0):
            yield (
                f"tally-{number} saw {seen} of {load.sizes.messages} numbers, {repeated} again, "
                f"{one.unreceived} undelivered"
            )


def _wrong_in_chains(load: Load, attempts: Attempts) -> Iterator[str]:
    """Ten different results, each given by an attempt of that very effect, not the one that stumbles (rules 18, D20)."""
    for chain_id, tokens in _items(one.chains for one in load.rounds):
        if len(set(tokens)) != CHAIN_LENGTH:
            yield f"{chain_id} has {len(set(tokens))} results, not {CHAIN_LENGTH}"
        for index, token in enumerate(tokens):
            noted = attempts.tokens.get((chain_id, index), ())
            if token not in (noted[1:] if index % STUMBLING == STUMBLING - 1 else noted):
                yield f"{chain_id}, effect {index}: result {token} was given by no attempt of it that may"


def _wrong_in_onces(load: Load, attempts: Attempts) -> Iterator[str]:
    """No second attempt of an effect that may have one; and what is known of it is true (rule 19)."""
    for once_id, tokens in _items(one.onces for one in load.rounds):
        if len(tokens) != ONCE_LENGTH:
            yield f"{once_id} has {len(tokens)} results, not {ONCE_LENGTH}"
        for index, token in enumerate(tokens):
            noted = attempts.tokens.get((once_id, index), ())
            if len(noted) > 1:
                yield f"{once_id}, effect {index} was attempted {len(noted)} times"
            if token != "unknown" and token not in noted:
                yield f"{once_id}, effect {index}: result {token} was given by no attempt of it"


def _wrong_in_families(load: Load) -> Iterator[str]:
    """Each child heard each of its parent's messages once, in order, and the parent each child's end (rules 14, 15, D19)."""
    expected = [["failed" if index % 3 == 0 else "returned", index, *MARKS] for index in range(LEAVES)]
    for family_id, ends in _items(one.families for one in load.rounds):
        if ends != expected:
            yield f"{family_id} ended in {ends}"


def _wrong_in_pets(statuses: Mapping[str, str], attempts: Attempts) -> Iterator[str]:
    """Each was cancelled with its parent, and has cleaned up (rules 5, 20, D5)."""
    for pet_id, status in statuses.items():
        if status != "cancelled" or not attempts.tokens.get((pet_id, 0)):
            yield f"{pet_id} is {status} after {len(attempts.tokens.get((pet_id, 0), ()))} attempts to clean up"


def _wrong_in_ticks(load: Load, statuses: Mapping[str, str], attempts: Attempts) -> Iterator[str]:
    """One process for each second from the first to the last, and all of them completed (Schedules)."""
    if len(statuses) != load.ticks:
        yield f"the schedule has started {load.ticks} processes, there are {len(statuses)}"
    seconds = sorted(_second(process_id) for process_id in statuses)
    if len(seconds) < 2:
        yield f"the schedule has started {len(seconds)} processes"
        return
    missing = set(_seconds(seconds[0], seconds[-1])) - set(seconds)
    if missing:
        yield f"no process was started at {', '.join(map(str, sorted(missing)))}"
    for process_id, status in statuses.items():
        if status != "completed" or not attempts.tokens.get((process_id, 0)):
            yield f"{process_id} is {status} after {len(attempts.tokens.get((process_id, 0), ()))} attempts"


def _second(process_id: str) -> datetime:
    return datetime.fromisoformat(process_id.removeprefix(f"{SCHEDULE_ID}-"))


def _seconds(first: datetime, last: datetime) -> Iterator[datetime]:
    while first <= last:
        yield first
        first += timedelta(seconds=1)


def _wrong_in_list(load: Load, listed: Listed) -> Iterator[str]:
    """As many processes as were asked for, ended as they should (rules 5, 6, 15)."""
    rounds, sizes = len(load.rounds), load.sizes
    failing = len(range(0, LEAVES, 3))
    expected = {
        "tally": {"completed": rounds},
        "chain": {"completed": rounds * sizes.chains},
        "once": {"completed": rounds * sizes.onces},
        "family": {"completed": rounds * sizes.families},
        "pet": {"cancelled": rounds * sizes.families},
        "leaf": {
            "completed": rounds * sizes.families * (LEAVES - failing),
            "failed": rounds * sizes.families * failing,
        },
    }
    for definition, counts in expected.items():
        found = Counter(listed.statuses.get(definition, {}).values())
        if dict(found) != {status: count for status, count in counts.items() if count}:
            yield f"processes of {definition} are {dict(found)}, not {counts}"


def _items(rounds: Iterable[dict[str, list]]) -> Iterator[tuple[str, list]]:
    for one in rounds:
        yield from one.items()
