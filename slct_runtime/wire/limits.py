"""What bounds the wire: sizes, periods, and the settings of both ends that enforce them. Plain data.

Silent death. A peer whose machine or process has stopped closes nothing; only its silence tells. Each end pings the
other after `KEEPALIVE_TIME_MS` without a word, and gives the connection up when `KEEPALIVE_TIMEOUT_MS` pass without
an answer. Their sum stays under the 2 seconds within which another worker must have taken over. Pings are answered by
threads of grpc that need no GIL: Python code that computes for long is not mistaken for dead.
"""

from __future__ import annotations

from typing import TypeAlias

Options: TypeAlias = tuple[tuple[str, int], ...]

MESSAGE_BYTES_MAX = 16 * 1024 * 1024
"""One message, either way: a request, an answer, or what a stream carries at a time."""

BATCH_BYTES_MAX = 1024 * 1024
"""Orders and answers are put together into one stream message up to this size; one that is larger travels alone."""

METADATA_BYTES_MAX = 128 * 1024
"""The heads and tails of a call, errors with their details among them."""

ERROR_TEXT_CHARACTERS_MAX = 2_000
"""Message and help of an error; what is longer is cut, so that the error itself always arrives."""

ERROR_FACT_CHARACTERS_MAX = 500
"""One value among the facts of an error."""

ERROR_FACTS_MAX = 16
"""How many facts of an error travel."""

KEEPALIVE_TIME_MS = 500
"""Silence after which a peer is pinged."""

KEEPALIVE_TIMEOUT_MS = 600
"""Silence after a ping that means death."""

CONNECT_TIMEOUT_MS = 3_000
"""How long one attempt to connect may take: a port that accepts and never speaks is given up then."""

RECONNECT_DELAY_MS_FIRST = 100
RECONNECT_DELAY_MS_MAX = 1_000
"""Pauses between attempts to connect; until one succeeds, requests are refused at once."""

RESULT_DEADLINE_SLACK_MS = 2_000
"""A client that waits for a result gives the runtime this much longer to say itself that time is up."""

_BOTH: Options = (
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_metadata_size", METADATA_BYTES_MAX),
    ("grpc.absolute_max_metadata_size", METADATA_BYTES_MAX),
    ("grpc.keepalive_time_ms", KEEPALIVE_TIME_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.ping_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.keepalive_permit_without_calls", 1),
)

SERVER_OPTIONS: Options = (
    *_BOTH,
    # Else a client that pings as often as ours would be told to go away ("too_many_pings").
    ("grpc.http2.min_ping_interval_without_data_ms", KEEPALIVE_TIME_MS // 2),
    ("grpc.http2.max_ping_strikes", 0),
    # Else a second runtime could listen on the same port, and each would get some of the clients.
    ("grpc.so_reuseport", 0),
)

CLIENT_OPTIONS: Options = (
    *_BOTH,
    ("grpc.min_reconnect_backoff_ms", CONNECT_TIMEOUT_MS),
    ("grpc.initial_reconnect_backoff_ms", RECONNECT_DELAY_MS_FIRST),
    ("grpc.max_reconnect_backoff_ms", RECONNECT_DELAY_MS_MAX),
    # Else two transports of one program to one address would share a connection, and a backoff.
    ("grpc.use_local_subchannel_pool", 1),
)
