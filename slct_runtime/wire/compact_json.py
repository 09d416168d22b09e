"""JSON without white space, written and read by the C code of the standard library without what it makes anew for every text.

`JSONEncoder.encode` makes an encoder for each text, and `JSONDecoder.decode` looks for white space around it with two regular
expressions: for texts as short as ours that is half of the cost. Where Python has no C code for it, its own is used.
"""

from __future__ import annotations

import json
import json.encoder
from collections.abc import Callable
from typing import Any


def make_encoder(*, allow_nan: bool = True) -> Callable[[Any], str]:
    """What writes values of JSON as compact ASCII. Values that hold themselves are not looked for."""
    slow = json.JSONEncoder(ensure_ascii=True, check_circular=False, allow_nan=allow_nan, separators=(",", ":"))
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return slow.encode
    try:
        write = make(None, slow.default, json.encoder.encode_basestring_ascii, None, ":", ",", False, False, allow_nan)
    except TypeError:  # it is nobody's to call but the standard library's: another Python may want other arguments
        return slow.encode

    def encode(value: Any) -> str:
        return "".join(write(value, 0))

    return encode


def make_decoder(parse_constant: Callable[[str], Any] | None = None) -> Callable[[str], Any]:
    """What reads one text, as `JSONDecoder.decode` does."""
    slow = json.JSONDecoder(parse_constant=parse_constant)
    scan: Callable[[str, int], tuple[Any, int]] = slow.scan_once  # type: ignore[attr-defined]  # not in its types

    def decode(text: str) -> Any:
        try:
            value, end = scan(text, 0)
        except StopIteration:
            return slow.decode(text)  # which says what is wrong with it, if it is not white space
        return value if end == len(text) else slow.decode(text)

    return decode
