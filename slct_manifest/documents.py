"""What belongs to the whole process: its shared fields and its declared channels."""

from __future__ import annotations

from collections.abc import Iterator

from .model import Reason, Verdict
from .schema import ChannelEntry, DefinitionEntry
from .types import is_widened


def definition_reasons(old: DefinitionEntry, new: DefinitionEntry | None) -> Iterator[Reason]:
    """Why processes of this definition cannot go on as they stand, and what deserves a look."""
    if new is None:
        yield Reason(
            Verdict.STUCK, "there is no such definition any more", "keep it until none of its processes is left"
        )
        return
    yield from _field_reasons(old, new)
    yield from channel_reasons(old, new)


def _field_reasons(old: DefinitionEntry, new: DefinitionEntry) -> Iterator[Reason]:
    for name, field in new.fields.items():
        before = old.fields.get(name)
        if before is None and field.default is None:
            yield Reason(
                Verdict.MIGRATION,
                f"field {name!r} is new and has no default",
                f"give it one: {name}: {field.type} = ...",
            )
        elif before is not None and not is_widened(before.type, field.type):
            yield Reason(
                Verdict.MIGRATION,
                f"field {name!r} was saved as {before.type}, and is {field.type}",
                "use another name for the new value, or convert the old one: @migrate",
            )
    for name in old.fields.keys() - new.fields.keys():
        yield Reason(Verdict.MOVABLE, f"field {name!r} is gone: its values stay in saved processes, unused")


def channel_reasons(old: DefinitionEntry, new: DefinitionEntry) -> Iterator[Reason]:
    """Of the declared channels alone."""
    for name, before in old.channels.items():
        after = new.channels.get(name)
        if after is None:
            yield Reason(
                Verdict.MIGRATION,
                f"channel {name!r} is gone, and may hold messages",
                "keep it until no process has any, or @migrate",
            )
            continue
        if not is_widened(before.type, after.type):
            yield Reason(
                Verdict.MIGRATION,
                f"channel {name!r} may hold values of {before.type}, and takes {after.type}",
                "declare another channel for the new ones, or give a converter",
            )
        if (problem := _buffer_problem(before, after)) is not None:
            yield Reason(Verdict.MIGRATION, f"channel {name!r} {problem}", "keep its buffer, or make it larger")


def _buffer_problem(before: ChannelEntry, after: ChannelEntry) -> str | None:
    was, becomes = before.capacity, after.capacity
    if was == becomes:
        return None
    if not isinstance(was, int) or not isinstance(becomes, int):
        return f"had a buffer of {was}, and has one of {becomes}"
    if was == 0:
        return f"was unbuffered, and has a buffer of {becomes}: senders that wait would have gone on"
    return f"had a buffer of {was}, and has one of {becomes}" if becomes < was else None
