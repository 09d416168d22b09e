"""The verbs of `slct` that concern versions: deploying one, seeing what is left of each, and moving processes between them.

What becomes of which process is the runtime's to say; here it is asked for, printed, and heeded.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import asdict
from typing import TextIO

from slct_runtime.wire.api import HeldPlace, MovePolicy, TakeoverInfo, VersionInfo

from ._cli_output import ENDED, time_text, write_table
from ._client import Client
from ._definitions import LIBRARY_VERSION, Definitions
from ._errors import ClientError

HELD = 1
"""Exit code: some process cannot go on under the new version."""


async def deploy(client: Client, definitions: Definitions, arguments: argparse.Namespace) -> int:
    """Check, tell, and then deploy; nothing is deployed if processes would be left that nobody runs."""
    version, policy = arguments.version, MovePolicy(arguments.policy)
    takeovers = await client.check(definitions, version)
    if arguments.format == "json":
        print(json.dumps([asdict(each) | {"held_count": each.held_count} for each in takeovers], indent=2))
    else:
        write_takeovers(takeovers, policy, sys.stdout)
    if arguments.dry_run:
        return HELD if any(each.held_count for each in takeovers) else 0
    stranding = [each for each in takeovers if each.is_stranding and policy is MovePolicy.AUTO]
    if stranding and not arguments.force:
        _refuse(stranding)
        return HELD
    changed = await changed_code(client, definitions, version)
    await client.deploy(definitions, version, policy=policy)
    names = ", ".join(definitions.names)
    print(f"deployed {names} as version {version}, policy {policy}", file=sys.stderr)
    warn_of_changed_code(changed, version)
    await _say_if_unserved(client, definitions, arguments)
    return 0


async def changed_code(client: Client, definitions: Definitions, version: str) -> list[str]:
    """The definitions of which this version is deployed already, with other code."""
    known = {record.name: record.manifest for record in await client.definitions() if record.version == version}
    return [each.name for each in definitions.records(version) if known.get(each.name, each.manifest) != each.manifest]


def warn_of_changed_code(names: Sequence[str], version: str) -> None:
    if names:
        print(
            f"warning: version {version} had other code before: {', '.join(names)}; what runs goes on with the new code unchecked",
            file=sys.stderr,
        )
        print(
            "hint: give changed code a new --version, and those that run keep theirs until they can move",
            file=sys.stderr,
        )


async def _say_if_unserved(client: Client, definitions: Definitions, arguments: argparse.Namespace) -> None:
    """New processes begin on this version, and wait for a worker."""
    version = arguments.version
    served = {each.definition for each in await client.versions() if each.version == version and each.worker_count}
    if not served.issuperset(definitions.names):
        print(f"no worker serves version {version} yet: new processes wait until one does", file=sys.stderr)
        print(f"hint: slct worker {arguments.build} --version {version}", file=sys.stderr)


def _refuse(stranding: Sequence[TakeoverInfo]) -> None:
    for each in stranding:
        print(
            f"error: {each.held_count} processes of {each.definition} would stay on version {each.from_version}, which no worker runs",
            file=sys.stderr,
        )
    print(
        "hint: start workers of that version first, mend what keeps them, or say --force; nothing was deployed",
        file=sys.stderr,
    )


def write_takeovers(takeovers: Sequence[TakeoverInfo], policy: MovePolicy, into: TextIO) -> None:
    """What becomes of the processes of each version, for people."""
    for each in takeovers:
        for line in _takeover_lines(each, policy):
            print(line, file=into)
    if not takeovers:
        print("no process of another version is left: there is nothing to move", file=into)


def _takeover_lines(info: TakeoverInfo, policy: MovePolicy) -> Iterator[str]:
    yield f"{info.definition} {info.from_version} -> {info.to_version}: {_count(info.process_count)}"
    if info.movable_count:
        yield f"  {info.movable_count} can go on under {info.to_version}{_WHEN[policy]}"
    if info.held_count:
        workers = "no worker runs it" if not info.worker_count else f"workers that run it: {info.worker_count}"
        yield f"  {info.held_count} cannot, and stay on {info.from_version} ({workers})"
    for place in info.held:
        yield from _held_lines(place)


_WHEN = {
    MovePolicy.AUTO: ", and do at their next transition",
    MovePolicy.MANUAL: ", when they are told to: slct move",
    MovePolicy.PIN: ", and stay where they are: policy pin",
}


def _held_lines(place: HeldPlace) -> Iterator[str]:
    where = f"{place.place}  {place.function.rpartition(':')[2]}  {place.state}".strip() or "the process as a whole"
    yield (
        f"    {_count(place.process_count)} at {where}"
        if place.function
        else f"    {_count(place.process_count)}: {where}"
    )
    if place.statement:
        yield f"      {place.statement}"
    for reason in place.reasons:
        yield f"      {reason.text}" + ("" if not reason.is_stuck else " (stuck)")
        if reason.help:
            yield f"        help: {reason.help}"


def _count(count: int) -> str:
    return f"{count} process" if count == 1 else f"{count} processes"


async def versions(client: Client, arguments: argparse.Namespace) -> int:
    """Every version with what is left of it."""
    found = [each for each in await client.versions() if _is_wanted(each, arguments.definition)]
    if arguments.format == "json":
        print(json.dumps([asdict(each) | {"live_count": each.live_count} for each in found], indent=2))
    else:
        write_table([_HEAD, *(_version_row(each) for each in found)], sys.stdout)
    return 0


def _is_wanted(info: VersionInfo, definition: str | None) -> bool:
    """What belongs to slct is told when it is asked for, or when there is something of it."""
    if definition is not None:
        return info.definition == definition
    return bool(info.version != LIBRARY_VERSION or info.live_count)


_HEAD = ("DEFINITION", "VERSION", "LEFT", "WORKERS", "DEPLOYED", "")


def _version_row(info: VersionInfo) -> tuple[str, ...]:
    return (
        info.definition,
        info.version,
        str(info.live_count),
        str(info.worker_count),
        time_text(info.deployed_ms),
        _remark(info),
    )


def _remark(info: VersionInfo) -> str:
    """What to know of it: new processes start there, it can be stopped, or nobody runs what is left."""
    unusual = [f"{count} {status}" for status, count in info.status_counts.items() if status != "running"]
    if info.is_newest:
        unusual.insert(0, f"newest, {info.policy}")
    elif not info.live_count and info.worker_count:
        unusual.append("nothing left, its workers may stop")
    if info.live_count and not info.worker_count:
        unusual.append("no worker runs it")
    return ", ".join(unusual)


async def move(client: Client, arguments: argparse.Namespace) -> int:
    """Move processes one by one; what cannot go is told, and the others are moved all the same."""
    moved = refused = 0
    async for process_id in _chosen(client, arguments):
        try:
            await _moved(client, process_id, arguments.to)
            moved += 1
        except ClientError as error:
            refused += 1
            print(f"error: {error.message}", file=sys.stderr)
            if error.help:
                print(f"hint: {error.help}", file=sys.stderr)
    print(f"moved {_count(moved)} to version {arguments.to}" + (f", not moved: {refused}" if refused else ""))
    return HELD if refused else 0


SILENCE_S_MAX = 2.0


async def _moved(client: Client, process_id: str, version: str) -> None:
    """Move one, and say what is waited for if that takes long."""
    moving = asyncio.ensure_future(client.get(process_id).move(version))
    try:
        done, _ = await asyncio.wait({moving}, timeout=SILENCE_S_MAX)
        if not done:
            print(
                f"process {process_id!r} is in the middle of a transition, and moves when that has ended",
                file=sys.stderr,
            )
            print(f"hint: slct show {process_id} tells whether a worker runs it", file=sys.stderr)
        await moving
    finally:
        moving.cancel()


async def _chosen(client: Client, arguments: argparse.Namespace) -> AsyncIterator[str]:
    for process_id in arguments.ids:
        yield process_id
    if arguments.ids:
        return
    left = arguments.limit
    async for info in client.list(definition=arguments.definition, version=arguments.from_version):
        if left == 0:
            return
        if info.status not in ENDED:
            left = None if left is None else left - 1
            yield info.process_id
