"""One state, old and new: can a frame that was saved in it go on in the other?

A saved frame has its slots, the state's name, and what its goroutine waits for. All that is read of it afterwards must be there and mean
the same: the slots that the new code reads, their types, the cases of a select, the block that takes an exception, the frame
on top.
"""

from __future__ import annotations

from collections.abc import Iterator

from .model import Reason, Verdict
from .schema import CaseEntry, FunctionEntry, LocalFunctionEntry, StateEntry
from .types import is_widened

MIGRATE = "keep it, or say what becomes of the old one: @migrate"


def state_reasons(old: FunctionEntry, new: FunctionEntry, name: str) -> Iterator[Reason]:
    """Why a frame of `old` that is parked in this state cannot go on in `new` as it stands, and what deserves a look."""
    before, after = old.states[name], new.states.get(name)
    if after is None:
        yield Reason(Verdict.MIGRATION, "there is no such await any more", MIGRATE)
        return
    yield from _slot_reasons(old, new, before, after)
    yield from _awaited_reasons(before, after)
    yield from _block_reasons(before, after)
    yield from local_function_reasons(old, new)
    yield from _order_warnings(old, new, name)


# --- slots --------------------------------------------------------------------------------------------------------------


def _slot_reasons(old: FunctionEntry, new: FunctionEntry, before: StateEntry, after: StateEntry) -> Iterator[Reason]:
    saved, read = _live(old, before), _live(new, after)
    for slot in sorted(read - saved):
        yield _missing(new, slot)
    for slot in sorted(read & saved):
        if slot in old.temporaries or slot in new.temporaries:
            yield from _meaning_reasons(old, new, slot, saved, read)
        elif not is_widened(was := old.slots.get(slot), becomes := new.slots.get(slot)):
            yield Reason(
                Verdict.MIGRATION,
                f"{slot!r} was saved as {was}, and is read as {becomes}",
                "use another name for the new value, or convert the old one: @migrate",
            )


def _missing(new: FunctionEntry, slot: str) -> Reason:
    held = new.temporaries.get(slot)
    if held is None:
        return Reason(
            Verdict.MIGRATION,
            f"{slot!r} is read after it, and is not saved in frames that wait there",
            f"give it its value after this await, or make it from the others: @migrate for {slot!r}",
        )
    return Reason(
        Verdict.MIGRATION,
        f"{_shown_slot(new, slot)} is used after it, and is not saved in frames that wait there",
        "let it begin after this await, or say what becomes of those that wait: @migrate",
    )


def _meaning_reasons(
    old: FunctionEntry, new: FunctionEntry, slot: str, saved: set[str], read: set[str]
) -> Iterator[Reason]:
    """Variables of the compiler have no names that an author knows: what they hold must be the same."""
    if not old.temporaries or not new.temporaries:
        return  # a build that does not say what they hold
    was, becomes = _held(old, slot), _held(new, slot)
    if was == becomes:
        return
    held, wanted = _shown_slot(old, slot), _shown_slot(new, slot)
    is_edited = was not in {_held(new, each) for each in read} and becomes not in {_held(old, each) for each in saved}
    if is_edited and was.startswith(_LOOP) and becomes.startswith(_LOOP):
        yield Reason(Verdict.MOVABLE, f"what waits there is in {held}, and goes on in it: {wanted} is for others")
    else:
        yield Reason(Verdict.MIGRATION, f"{held} was saved there, and {wanted} is used after it", MIGRATE)


def _held(function: FunctionEntry, slot: str) -> str:
    """What a variable of the compiler holds; of the author's, there is nothing to say."""
    temporary = function.temporaries.get(slot)
    return "" if temporary is None else temporary.text


_LOOP = "the loop over "


def _shown_slot(function: FunctionEntry, slot: str) -> str:
    held = function.temporaries.get(slot)
    return f"the variable {slot!r}" if held is None else f"{held.text} (line {held.line})"


def _live(function: FunctionEntry, state: StateEntry) -> set[str]:
    """What is saved in frames that wait there; everything where the compiler did not say."""
    live = set(function.slots if state.live is None else state.live)
    return live if state.handling is None else live | {state.handling}


# --- what is waited for -------------------------------------------------------------------------------------------------


def _awaited_reasons(before: StateEntry, after: StateEntry) -> Iterator[Reason]:
    if before.calls != after.calls:
        yield Reason(
            Verdict.MIGRATION,
            f"it waits for {before.calls or 'an operation'}, and goes on after {after.calls or 'an operation'}",
            MIGRATE,
        )
        return
    if [case.name for case in before.cases] == [None] == [case.name for case in after.cases]:
        (was,), (becomes,) = before.cases, after.cases
        if was.kind != becomes.kind:
            yield Reason(Verdict.MIGRATION, f"it waits for {_shown(was)}, and goes on after {_shown(becomes)}", MIGRATE)
        return
    yield from _case_reasons(before.cases, after.cases)


def _case_reasons(before: list[CaseEntry], after: list[CaseEntry]) -> Iterator[Reason]:
    """Named cases are known by their names, others by their numbers. New ones are waited for from the next time on."""
    becomes = {case.name: case for case in after}
    for number, case in enumerate(before):
        found = becomes.get(case.name)
        if found is None:
            yield Reason(
                Verdict.MIGRATION,
                f"case {_case_name(case, number)} may still be taken by what waits there, and is none any more",
                "keep the case, or say what becomes of those that wait: @migrate",
            )
        elif (case.kind, case.about) != (found.kind, found.about):
            yield Reason(
                Verdict.MIGRATION,
                f"case {_case_name(case, number)} waits for {_shown(case)}, and means {_shown(found)} now",
                "give the new case another name, or @migrate",
            )


def _case_name(case: CaseEntry, number: int) -> str:
    return repr(case.name if case.name is not None else number)


def _shown(case: CaseEntry) -> str:
    return f"{case.kind}({case.about or ''})"


# --- the blocks around it -----------------------------------------------------------------------------------------------


def _block_reasons(before: StateEntry, after: StateEntry) -> Iterator[Reason]:
    """What was entered when it began to wait is left when it goes on. Loops and branches are only where it stands in the text."""
    was, becomes = _entered(before.within), _entered(after.within)
    if was != becomes:
        yield Reason(
            Verdict.MIGRATION,
            f"what waits there has entered {_blocks(was)}, and would leave {_blocks(becomes)}",
            "leave the blocks around it as they are, or @migrate",
        )
    elif _tries(before.within) != _tries(after.within):
        was_in, is_in = _tries(before.within), _tries(after.within)
        yield Reason(
            Verdict.MOVABLE, f"it stood in {was_in} `try`, and stands in {is_in}: its errors are handled there"
        )
    elif before.handling != after.handling:
        yield Reason(
            Verdict.MIGRATION,
            "the exception that is handled around it is kept under another name",
            "@migrate, or a label",
        )


def _entered(within: list[str]) -> list[str]:
    """The blocks that have an end of their own: `with lock` is as good as any other `with`."""
    words = [block.removeprefix("async ").partition(" ")[0].rstrip(":") for block in within]
    return [word for word in words if word in _WITH_AN_END]


def _tries(within: list[str]) -> int:
    """Nothing is entered by `try` but its region, and that is where the state stands in the new code."""
    return sum(block.startswith("try") for block in within)


_WITH_AN_END = frozenset({"except", "except*", "finally", "with"})


def _blocks(entered: list[str]) -> str:
    return " > ".join(entered) if entered else "nothing"


# --- functions made inside ----------------------------------------------------------------------------------------------


def local_function_reasons(old: FunctionEntry, new: FunctionEntry) -> Iterator[Reason]:
    """A saved local function is known by its name, and shares variables: any state may hold one."""
    for name in old.local_functions:
        reason = local_function_reason(old, new, name)
        if reason is not None:
            yield reason


def local_function_reason(old: FunctionEntry, new: FunctionEntry, name: str) -> Reason | None:
    """Why one that was made in a frame of `old`, and saved, cannot be used in `new`; None if it can."""
    before, after = old.local_functions[name], new.local_functions.get(name)
    if after is None:
        return Reason(
            Verdict.MIGRATION,
            f"the local function {name!r} may be saved there, and is none any more",
            "keep it while processes may hold it",
        )
    if _shared(before) != _shared(after):
        return Reason(
            Verdict.MIGRATION,
            f"the local function {name!r} may be saved there with {_names(before)}, and uses {_names(after)}",
            "give the new one another name",
        )
    return None


def _shared(entry: LocalFunctionEntry) -> tuple[list[str], list[str]]:
    return sorted(entry.slots), sorted(entry.cells)


def _names(entry: LocalFunctionEntry) -> str:
    return ", ".join(sorted([*entry.slots, *entry.cells])) or "nothing"


# --- what is worth a look ---------------------------------------------------------------------------------------------


def _order_warnings(old: FunctionEntry, new: FunctionEntry, name: str) -> Iterator[Reason]:
    """What was put before an await is not run by those that wait there; in a loop they come to it the next time."""
    after = new.states[name]
    if any(block.startswith(("for ", "while ", "async for ")) for block in after.within):
        return
    fresh = [s for n, s in new.states.items() if s.parks and n not in old.states and s.line < after.line]
    for line, text in dict.fromkeys((s.line, s.statement or s.awaits) for s in fresh):  # `async with` has several
        yield Reason(Verdict.MOVABLE, f"line {line}, `{text}`, is new before it: what waits there has passed it")
