"""What people are shown of a stored process."""

from __future__ import annotations

import json

from slct_runtime._describe import error_text


def test_an_error_is_its_type_and_message() -> None:
    assert error_text(json.dumps({"$": "exception", "type": "shop:SoldOut", "text": "no tea"})) == "SoldOut: no tea"


def test_half_a_surrogate_pair_is_shown_as_an_escape() -> None:
    assert error_text(json.dumps({"type": "builtins:ValueError", "text": "\ud800"})) == "ValueError: \\ud800"
