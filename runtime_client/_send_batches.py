"""Messages that a client sends at the same time travel together.

A call costs the runtime more than a message does. So what is sent while calls are under way waits for one of them to end, and then
goes as one batch, in the order in which it was sent; what is sent while none is goes at once, and alone. Nothing waits for a clock.

Knows requests and refusals; not how they travel. Source: docs/performance.md.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from slct_runtime.wire.api import ApiError, SendRequest
from slct_runtime.wire.limits import BATCH_BYTES_MAX

CALLS_MAX = 2
"""Calls under way: one travels while the other one is answered."""
BATCH_MESSAGES_MAX = 500

_Waiting: TypeAlias = tuple[SendRequest, asyncio.Future[None]]


class SendBatches:
    """Sends messages, alone or together. One event loop, like the transport that it belongs to.

    send_one: raises ApiError. send_many: gives for each request why it was refused, or None; raises ApiError for all.
    """

    def __init__(
        self,
        send_one: Callable[[SendRequest], Awaitable[None]],
        send_many: Callable[[Sequence[SendRequest]], Awaitable[list[ApiError | None]]],
    ) -> None:
        self._send_one = send_one
        self._send_many = send_many
        self._waiting: deque[_Waiting] = deque()
        self._calls: set[asyncio.Task[None]] = set()

    async def send(self, request: SendRequest) -> None:
        """Send one message; returns when the runtime has acknowledged it. Who is cancelled meanwhile may have sent it.

        Raises:
          ApiError: it was refused, or nobody knows what became of it.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        self._call()
        await future

    def _call(self) -> None:
        if self._waiting and len(self._calls) < CALLS_MAX:
            call = asyncio.create_task(self._deliver(), name="slct-send")
            self._calls.add(call)
            call.add_done_callback(self._called)

    def _called(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._call()

    async def _deliver(self) -> None:
        batch = self._take()
        if not batch:
            return
        try:
            refusals = await self._outcomes([request for request, _ in batch])
        except asyncio.CancelledError:  # the loop is being torn down
            for _, future in batch:
                future.cancel()
            raise
        for (_, future), refusal in zip(batch, refusals, strict=True):
            if future.done():
                continue
            if refusal is None:
                future.set_result(None)
            else:
                future.set_exception(refusal)

    def _take(self) -> list[_Waiting]:
        """What goes next: as much as one message of the wire takes. Who has given up before is left out."""
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < BATCH_MESSAGES_MAX:
            request, future = self._waiting[0]
            size += len(request.payload) + len(request.process_id) + len(request.channel) + len(request.key or "") + 32
            if batch and size > BATCH_BYTES_MAX:
                break
            self._waiting.popleft()
            if not future.done():
                batch.append((request, future))
        return batch

    async def _outcomes(self, requests: list[SendRequest]) -> list[ApiError | None]:
        try:
            if len(requests) > 1:
                return await self._send_many(requests)
            await self._send_one(requests[0])
        except ApiError as error:  # each caller raises one of its own: a traceback grows where it is raised
            return [ApiError(error.code, error.message, error.help, dict(error.facts)) for _ in requests]
        return [None]
