"""`--fix`: the rewrites that findings carry, applied to the author's files.

A finding is mended wholly or not at all. A file that would no longer parse, or would get a finding that it did not have, stays as it was.
One rewrite may make room for another, so it is tried again until nothing changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ._files import SourceFiles, write_file
from ._text import decode, encode
from .diagnostics import Diagnostic, Edit, Place

ROUNDS_MAX = 10
"""After so many it stops, whatever may be left."""

Look = Callable[[SourceFiles], Sequence[Diagnostic]]
"""The findings that are to be mended, and all others, of a tree."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """The files as they are now, and how many findings were mended in how many of them."""

    files: SourceFiles
    finding_count: int
    file_count: int


def fix(files: SourceFiles, look: Look) -> Fixed:
    """Mend what can be, in the files on disk."""
    count, touched, left = 0, set[str](), set[str]()
    for _ in range(ROUNDS_MAX):
        found = look(files)
        changed = {path: c for path, c in _mended(files.contents, found).items() if path not in left}
        kept = _kept(files, changed, found, look)
        left |= changed.keys() - kept.keys()
        if not kept:
            break
        for path, content in kept.items():
            write_file(files.root / path, content.content)
            count += content.finding_count
        touched |= kept.keys()
        files = _with(files, kept)
    return Fixed(files, count, len(touched))


@dataclass(frozen=True, slots=True)
class _Mended:
    content: bytes
    finding_count: int


def _with(files: SourceFiles, changed: Mapping[str, _Mended]) -> SourceFiles:
    return SourceFiles(files.root, files.is_whole, {**files.contents, **{p: m.content for p, m in changed.items()}})


def _kept(
    files: SourceFiles, changed: Mapping[str, _Mended], before: Sequence[Diagnostic], look: Look
) -> dict[str, _Mended]:
    """Those of the changed files that have got no finding of another kind, nor more of one kind, than they had."""
    if not changed:
        return {}
    had, have = _by_file(before), _by_file(look(_with(files, changed)))
    return {path: mended for path, mended in changed.items() if have.get(path, Counter()) <= had.get(path, Counter())}


def _by_file(found: Iterable[Diagnostic]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    for one in found:
        counts.setdefault(one.place.path, Counter())[one.code] += 1
    return counts


def _mended(contents: Mapping[str, bytes], found: Iterable[Diagnostic]) -> dict[str, _Mended]:
    by_path: dict[str, list[Diagnostic]] = {}
    for one in found:
        if one.edits:
            by_path.setdefault(one.place.path, []).append(one)
    changed: dict[str, _Mended] = {}
    for path, ones in by_path.items():
        text = decode(contents[path])
        after, count = apply(text, [one.edits for one in ones])
        if after != text:
            changed[path] = _Mended(encode(after, contents[path]), count)
    return changed


def apply(text: str, rewrites: Sequence[Sequence[Edit]]) -> tuple[str, int]:
    """The text with all rewrites that do not meet an earlier one; and how many these are. Equal edits are one."""
    starts = _line_starts(text)
    taken: dict[tuple[int, int], str] = {}
    count = 0
    for edits in rewrites:
        wanted = {_span(starts, edit.place): edit.text for edit in edits}
        if all(taken.get(span) == new or _is_free(span, taken) for span, new in wanted.items()):
            taken |= wanted
            count += 1
    for (start, end), new in sorted(taken.items(), reverse=True):
        text = text[:start] + new + text[end:]
    return text, count


def _line_starts(text: str) -> list[int]:
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    return starts


def _span(starts: Sequence[int], place: Place) -> tuple[int, int]:
    return starts[place.line - 1] + place.column, starts[place.end_line - 1] + place.end_column


def _is_free(span: tuple[int, int], taken: Mapping[tuple[int, int], str]) -> bool:
    return all(span[1] < start or end < span[0] for start, end in taken)


__all__ = ["Fixed", "apply", "fix"]
