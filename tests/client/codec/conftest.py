"""One codec over the sample modules, for all codec tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from runtime_client._codec import Codec
from runtime_client._resolver import Resolver


@pytest.fixture(scope="session")
def codec() -> Codec:
    return Codec(Resolver(["codec_shop"]))


@pytest.fixture(scope="session")
def again(codec: Codec) -> Callable[[Any], Any]:
    """A value saved and read back."""
    return lambda value: codec.decode(codec.encode(value))
