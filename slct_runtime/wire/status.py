"""ApiError as gRPC says it, and back. The one table of codes is here; nothing else mentions gRPC's.

A refusal travels as `google.rpc.Status`: an ErrorInfo of domain "slct" holds the facts, a Help the cure. A failed call
without these details never reached a runtime, or not one of ours: then the code tells what happened, and the text of
grpc, which names addresses and sizes, is kept as the fact "detail".
"""

from __future__ import annotations

from typing import Any, TypeAlias

import grpc  # type: ignore[import-untyped,unused-ignore]  # grpcio ships no types
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2  # type: ignore[import-untyped,unused-ignore]  # ships no types
from grpc_status import rpc_status  # type: ignore[import-untyped,unused-ignore]  # ships no types

from .api import ApiError, ErrorCode
from .limits import ERROR_FACT_CHARACTERS_MAX, ERROR_FACTS_MAX, ERROR_TEXT_CHARACTERS_MAX, MESSAGE_BYTES_MAX

GrpcStatus: TypeAlias = Any
"""What `context.abort_with_status` takes."""

DOMAIN = "slct"

CODES: dict[ErrorCode, int] = {
    ErrorCode.NOT_FOUND: code_pb2.NOT_FOUND,
    ErrorCode.ALREADY_EXISTS: code_pb2.ALREADY_EXISTS,
    ErrorCode.FAILED_PRECONDITION: code_pb2.FAILED_PRECONDITION,
    ErrorCode.INVALID_ARGUMENT: code_pb2.INVALID_ARGUMENT,
    ErrorCode.RESOURCE_EXHAUSTED: code_pb2.RESOURCE_EXHAUSTED,
    ErrorCode.UNAVAILABLE: code_pb2.UNAVAILABLE,
    ErrorCode.DEADLINE_EXCEEDED: code_pb2.DEADLINE_EXCEEDED,
    ErrorCode.INTERNAL: code_pb2.INTERNAL,
}

_ERROR_CODES = {number: code for code, number in CODES.items()}


def to_status(error: ApiError) -> GrpcStatus:
    """The refusal, with its details, cut to what always arrives."""
    return rpc_status.to_status(_packed(error))


def to_bytes(error: ApiError) -> bytes:
    """The same as part of a message."""
    data: bytes = _packed(error).SerializeToString()
    return data


def from_bytes(data: bytes) -> ApiError:
    """The refusal that is part of a message."""
    try:
        status = status_pb2.Status.FromString(data)
    except DecodeError:
        status = None
    return _unpacked(status) or ApiError(ErrorCode.INTERNAL, "the runtime refused the request and did not say why")


def _packed(error: ApiError) -> status_pb2.Status:
    status = status_pb2.Status(code=CODES[error.code], message=_text(error.message))
    info = error_details_pb2.ErrorInfo(reason=error.code.name, domain=DOMAIN)
    for name, value in list(error.facts.items())[:ERROR_FACTS_MAX]:
        info.metadata[_text(name, ERROR_FACT_CHARACTERS_MAX)] = _text(value, ERROR_FACT_CHARACTERS_MAX)
    _attach(status, info)
    if error.help:
        _attach(status, error_details_pb2.Help(links=[error_details_pb2.Help.Link(description=_text(error.help))]))
    return status


def _attach(status: status_pb2.Status, detail: error_details_pb2.ErrorInfo | error_details_pb2.Help) -> None:
    packed = any_pb2.Any()
    packed.Pack(detail)
    status.details.append(packed)


def _text(text: str, characters_max: int = ERROR_TEXT_CHARACTERS_MAX) -> str:
    """Something that protobuf and HTTP headers can carry."""
    whole = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return whole if len(whole) <= characters_max else whole[: characters_max - 3] + "..."


def from_rpc_error(error: grpc.RpcError, target: str) -> ApiError:
    """What the failed call means. `target` is whom we asked."""
    return _refusal(error) or _failure(error, target)


def _refusal(error: grpc.RpcError) -> ApiError | None:
    """The ApiError that the runtime raised, if it was one."""
    try:
        status = rpc_status.from_call(error)
    except ValueError:  # code and details disagree: not from us
        return None
    return _unpacked(status)


def _unpacked(status: status_pb2.Status | None) -> ApiError | None:
    code = _ERROR_CODES.get(status.code) if status is not None else None
    info = error_details_pb2.ErrorInfo()
    help = error_details_pb2.Help()
    if (
        status is None
        or code is None
        or not any(detail.Unpack(info) for detail in status.details)
        or info.domain != DOMAIN
    ):
        return None
    cure = help.links[0].description if any(detail.Unpack(help) for detail in status.details) else ""
    return ApiError(code, status.message, cure, dict(info.metadata))


def _failure(error: grpc.RpcError, target: str) -> ApiError:
    """What happened on the way."""
    detail = error.details() or ""
    code, message, help = _explain(error.code(), detail, target)
    return ApiError(code, message, help, {"target": target, "detail": detail})


def _explain(code: grpc.StatusCode, detail: str, target: str) -> tuple[ErrorCode, str, str]:
    match code:
        case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.CANCELLED:
            return (
                ErrorCode.UNAVAILABLE,
                f"no connection to a runtime at {target!r}",
                f"is a runtime listening at {target!r}? start one with `slct runtime`",
            )
        case grpc.StatusCode.RESOURCE_EXHAUSTED if "larger than max" in detail:
            return (
                ErrorCode.RESOURCE_EXHAUSTED,
                f"a message exceeds the limit MESSAGE_BYTES_MAX = {MESSAGE_BYTES_MAX}: {detail}",
                "send less at a time; keep large data elsewhere and send where it is",
            )
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return ErrorCode.RESOURCE_EXHAUSTED, f"no room for the call to {target!r}: {detail}", "try again later"
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return ErrorCode.DEADLINE_EXCEEDED, f"no answer from {target!r} in time", ""
        case grpc.StatusCode.UNIMPLEMENTED:
            return (
                ErrorCode.INTERNAL,
                f"what listens at {target!r} does not speak slct.v1",
                "is that the port of a runtime, and of this version?",
            )
        case grpc.StatusCode.UNKNOWN | grpc.StatusCode.INTERNAL:
            return ErrorCode.INTERNAL, f"the call to {target!r} failed: {detail}", "is that the port of a runtime?"
        case _:
            return ErrorCode.INTERNAL, f"the call to {target!r} failed with {code.name}: {detail}", ""


def bad_message(error: ValueError) -> ApiError:
    """A message that means nothing to the runtime, or that cannot be sent."""
    return ApiError(ErrorCode.INVALID_ARGUMENT, str(error), "do both ends run the same version of slct?")


def internal(error: BaseException) -> ApiError:
    """A fault of the runtime's own; its log has the traceback."""
    return ApiError(
        ErrorCode.INTERNAL, f"the runtime failed: {type(error).__name__}: {error}", "the runtime's log says more"
    )
