"""A comparison as people and as programs read it."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from slct_manifest import Comparison, DefinitionComparison, FunctionComparison, Reason, StateComparison, Verdict


def text_of(forth: Comparison, back: Comparison) -> str:
    """What stands in the way, place by place, and a summary of both directions."""
    return "\n".join([*_lines(forth), _summary("old to new", forth), _summary("new to old", back)])


def _lines(comparison: Comparison) -> Iterator[str]:
    for definition in comparison.definitions:
        if definition.reasons:
            yield (
                f"{definition.name}  {definition.verdict}, wherever it is parked"
                if _counts(definition)
                else definition.name
            )
            yield from _reason_lines(definition.reasons)
    for function, state in comparison.states():
        if state.reasons:
            yield f"{function.source}:{state.line}  {_short(function)}  {state.name}  {state.verdict}"
            if state.statement:
                yield f"    {state.statement}"
            yield from _reason_lines(state.reasons)


def _counts(definition: DefinitionComparison) -> bool:
    return definition.verdict is not Verdict.MOVABLE


def _reason_lines(reasons: tuple[Reason, ...]) -> Iterator[str]:
    for reason in reasons:
        yield f"  {'note: ' if reason.verdict is Verdict.MOVABLE else ''}{reason.text}"
        if reason.help:
            yield f"  help: {reason.help}"


def _short(function: FunctionComparison) -> str:
    return function.name.rpartition(":")[2]


def _summary(direction: str, comparison: Comparison) -> str:
    counts = Counter(state.verdict for _, state in comparison.states())
    whole = [d for d in comparison.definitions if _counts(d)]
    shown = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]) or "no states"
    return f"{direction}: {shown}" + (f"; {_names(whole)} as a whole not movable" if whole else "")


def _names(definitions: list[DefinitionComparison]) -> str:
    return ", ".join(definition.name for definition in definitions)


def json_of(forth: Comparison, back: Comparison) -> str:
    """The same for programs: `forward` and `backward`, each with definitions and functions."""
    data = {"format": 1, "breaking": forth.is_breaking, "forward": _data(forth), "backward": _data(back)}
    return json.dumps(data, indent=1, ensure_ascii=False)


def _data(value: Any) -> Any:
    match value:
        case Verdict():
            return str(value)
        case StateComparison() | DefinitionComparison():
            return {"verdict": str(value.verdict), **_fields(value)}
        case _ if dataclasses.is_dataclass(value):
            return _fields(value)
        case tuple():
            return [_data(item) for item in value]
        case _:
            return value


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: _data(getattr(value, field.name)) for field in dataclasses.fields(value)}
