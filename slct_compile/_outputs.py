"""What became of one module, as plain data: it is kept between runs, and sent from one OS process to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._index import ModuleInfo
from ._lock import LockedFunction, function_data, read_function
from ._places import Link
from .diagnostics import CATALOGUE, Diagnostic, Severity, diagnostic_data, read_diagnostic

if TYPE_CHECKING:
    from .emit import Compiled


@dataclass(frozen=True, slots=True)
class FunctionOutput:
    """A durable function: what the manifest says of it, and what the lock keeps."""

    qualname: str
    described: Mapping[str, Any]
    locked: LockedFunction


@dataclass(frozen=True, slots=True)
class ModuleOutput:
    """What became of one module: its new text, what it defines, what was found, and the pass that was asked for.

    is_settled: with the names that it has now recorded in the lock, it would come out the same.
    compiled: what the passes made; only where they have just run.
    """

    info: ModuleInfo
    text: str
    functions: tuple[FunctionOutput, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    shown: str = ""
    links: tuple[Link, ...] = ()
    is_settled: bool = True
    compiled: tuple[Compiled, ...] = ()

    @property
    def has_errors(self) -> bool:
        return any(CATALOGUE[d.code][1] is Severity.ERROR for d in self.diagnostics)


def to_data(output: ModuleOutput) -> dict[str, Any]:
    """As JSON has it. Not the pass that was asked for, nor what the passes made."""
    return {
        "text": None if output.text == output.info.source else output.text,
        "functions": [[f.qualname, f.described, function_data(f.locked)] for f in output.functions],
        "diagnostics": [diagnostic_data(d) for d in output.diagnostics],
        "links": [number for link in output.links for number in link],
        "settled": output.is_settled,
    }


def from_data(info: ModuleInfo, data: Mapping[str, Any]) -> ModuleOutput:
    """The reverse of `to_data`."""
    numbers = data["links"]
    return ModuleOutput(
        info,
        info.source if data["text"] is None else data["text"],
        tuple(FunctionOutput(name, described, read_function(locked)) for name, described, locked in data["functions"]),
        tuple(read_diagnostic(d) for d in data["diagnostics"]),
        links=tuple(Link(*numbers[i : i + 4]) for i in range(0, len(numbers), 4)),
        is_settled=data["settled"],
    )
