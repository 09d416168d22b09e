"""Errors as gRPC carries them: one code each, details whole, nothing so large that it would be lost."""

from __future__ import annotations

import grpc
import grpc.aio
import pytest

from slct_runtime.wire import status
from slct_runtime.wire.api import ApiError, ErrorCode
from slct_runtime.wire.limits import ERROR_TEXT_CHARACTERS_MAX, METADATA_BYTES_MAX


def received(error: ApiError) -> ApiError:
    """The error as it is on the other side."""
    sent = status.to_status(error)
    metadata = grpc.aio.Metadata(*sent.trailing_metadata)
    return status.from_rpc_error(grpc.aio.AioRpcError(sent.code, grpc.aio.Metadata(), metadata, sent.details), "here:1")


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_survives_with_facts_and_help(code: ErrorCode) -> None:
    error = received(ApiError(code, "no channel 'x' in 'p'", "it has: 'y'", {"channel": "x", "é": "ü\n"}))
    assert (error.code, error.message, error.help) == (code, "no channel 'x' in 'p'", "it has: 'y'")
    assert error.facts == {"channel": "x", "é": "ü\n"}


def test_codes_are_told_apart() -> None:
    assert len(set(status.CODES.values())) == len(ErrorCode)


def test_error_without_help_or_facts() -> None:
    error = received(ApiError(ErrorCode.INTERNAL, ""))
    assert (error.message, error.help, error.facts) == ("", "", {})


def test_large_error_is_cut_and_arrives() -> None:
    huge = "\U0001f600" * 100_000
    facts = {f"{huge}{index}": huge for index in range(100)}
    sent = status.to_status(ApiError(ErrorCode.NOT_FOUND, huge, huge, facts))
    carried_bytes = 3 * len(sent.details.encode()) + 4 / 3 * sum(len(value) for _, value in sent.trailing_metadata)
    assert carried_bytes < METADATA_BYTES_MAX
    assert len(received(ApiError(ErrorCode.NOT_FOUND, huge)).message) == ERROR_TEXT_CHARACTERS_MAX


def test_half_a_surrogate_pair_in_an_error_is_escaped() -> None:
    assert received(ApiError(ErrorCode.NOT_FOUND, "no '\ud800'")).message == "no '\\ud800'"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (grpc.StatusCode.UNAVAILABLE, ErrorCode.UNAVAILABLE),
        (grpc.StatusCode.CANCELLED, ErrorCode.UNAVAILABLE),
        (grpc.StatusCode.DEADLINE_EXCEEDED, ErrorCode.DEADLINE_EXCEEDED),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, ErrorCode.RESOURCE_EXHAUSTED),
        (grpc.StatusCode.UNIMPLEMENTED, ErrorCode.INTERNAL),
        (grpc.StatusCode.UNKNOWN, ErrorCode.INTERNAL),
        (grpc.StatusCode.PERMISSION_DENIED, ErrorCode.INTERNAL),
    ],
)
def test_failure_on_the_way_names_the_target(code: grpc.StatusCode, expected: ErrorCode) -> None:
    failure = grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), "why")
    error = status.from_rpc_error(failure, "localhost:9090")
    assert error.code is expected
    assert error.facts == {"target": "localhost:9090", "detail": "why"}
