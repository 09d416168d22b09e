"""Documents in fewer bytes: what almost every document says in the same words is stored as a mark and a letter.

Knows the words and nothing of what they mean: `shortened` is a change of text that `spelt_out` takes back, whatever the text is.
Deterministic, and without compression, which would cost more time than writing the bytes does. A text without a mark reads as it
stands, so files from before there was shorthand are read too. The same form in every store that keeps it.

NB: letters are for ever. A fragment may be added, under a letter of its own; none may be changed, or given to another one, and with
a new one comes a step in `sql/migrations/`, so that a slct that does not know it refuses the file rather than misreads it.
"""

from __future__ import annotations

MARK = "\x01"
"""Before each letter. In JSON it never stands for itself; in other texts it is spelt `MARK_ITSELF`."""

MARK_ITSELF = MARK + "0"

FRAGMENTS = {
    "a": '{"format":1,"process":{',
    "b": '},"goroutines":[[1,[',
    "c": '{"$":"frame","function":"',
    "d": '","state":"',
    "e": '","at":"',
    "f": '","slots":{',
    "g": '},"receiver":{"$":"process"}}',
    "h": ']]],"waits":[[1,',
    "i": 'null,[["',
    "j": ']]]],"outcomes":[],"pinned":[],"next":{"goroutine":2,"channel":1,"effect":',
    "k": ',"child":1}}',
    "l": '],"outcomes":[],"pinned":[],"next":{"goroutine":',
    "m": ',"channel":1,"effect":',
    "n": '{"$":"object","type":"',
    "o": '","v":{',
    "p": '{"$":"',
    "q": '{"$ref":',
    "r": ',"$id":',
}
"""Tried in this order, so that a longer one comes before what it holds."""

CHARACTERS_MAX = 4_096
"""Longer texts stay as they are: they have little of what all have in common, and every fragment is looked for in all of them."""

_MARKED = tuple((fragment, MARK + letter) for letter, fragment in FRAGMENTS.items())
_SPELT = {"0": MARK, **FRAGMENTS}


def shortened(text: str) -> str:
    """The text as it is stored."""
    if MARK in text:
        return text.replace(MARK, MARK_ITSELF)
    if len(text) > CHARACTERS_MAX:
        return text
    for fragment, marked in _MARKED:
        text = text.replace(fragment, marked)
    return text


def spelt_out(stored: str) -> str:
    """The text that was stored.

    Raises:
      KeyError: a letter that no fragment has.
    """
    if MARK not in stored:
        return stored
    first, *others = stored.split(MARK)
    return first + "".join([_SPELT[part[0]] + part[1:] for part in others])
