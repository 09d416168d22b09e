"""Type variables of the public API: what awaiting gives, and what a select says.

Each is `Any` where nothing is said, so that `Operation`, `Handle` and `Selected` may be written without brackets. The interpreter
knows such defaults from Python 3.13 on; only type checkers need them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    ValueT = TypeVar("ValueT", covariant=True, default=Any)
    CaseT = TypeVar("CaseT", covariant=True, default=Any)
else:
    from typing import TypeVar

    ValueT = TypeVar("ValueT", covariant=True)
    CaseT = TypeVar("CaseT", covariant=True)

T = TypeVar("T")
T0 = TypeVar("T0")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
"""What each of several cases gives."""

__all__ = ["T0", "T1", "T2", "T3", "CaseT", "T", "ValueT"]
