"""What a client asks for at the same time travels together: messages with messages, starts with starts.

A call costs the runtime more than a message does. So what is asked for while calls are under way waits for one of them to end, and then
goes as one batch, in the order in which it was asked for; what is asked for while none is goes at once, and alone. Nothing waits for a
clock.

Knows requests and refusals; not how they travel. Source: docs/performance.md.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from slct_runtime.wire.api import ApiError
from slct_runtime.wire.limits import BATCH_BYTES_MAX

CALLS_MAX = 2
"""Calls under way: one travels while the other one is answered."""
BATCH_COUNT_MAX = 500

RequestT = TypeVar("RequestT")
AnswerT = TypeVar("AnswerT")


class Batches(Generic[RequestT, AnswerT]):
    """Asks for things of one kind, alone or together. One event loop, like the transport that it belongs to.

    ask_one: raises ApiError. ask_many: gives for each request its answer, or why it was refused; raises ApiError for all.
    size: about how many bytes a request takes on the wire.
    """

    def __init__(
        self,
        ask_one: Callable[[RequestT], Awaitable[AnswerT]],
        ask_many: Callable[[Sequence[RequestT]], Awaitable[list[AnswerT | ApiError]]],
        size: Callable[[RequestT], int],
    ) -> None:
        self._ask_one = ask_one
        self._ask_many = ask_many
        self._size = size
        self._waiting: deque[tuple[RequestT, asyncio.Future[AnswerT]]] = deque()
        self._calls: set[asyncio.Task[None]] = set()

    async def ask(self, request: RequestT) -> AnswerT:
        """Returns when the runtime has answered. Who is cancelled meanwhile may have asked.

        Raises:
          ApiError: it was refused, or nobody knows what became of it.
        """
        future: asyncio.Future[AnswerT] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        self._call()
        return await future

    def _call(self) -> None:
        if self._waiting and len(self._calls) < CALLS_MAX:
            call = asyncio.create_task(self._deliver(), name="slct-batch")
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
            outcomes = await self._outcomes([request for request, _ in batch])
        except asyncio.CancelledError:  # the loop is being torn down
            for _, future in batch:
                future.cancel()
            raise
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.done():
                continue
            if isinstance(outcome, ApiError):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def _take(self) -> list[tuple[RequestT, asyncio.Future[AnswerT]]]:
        """What goes next: as much as one message of the wire takes. Who has given up before is left out."""
        batch: list[tuple[RequestT, asyncio.Future[AnswerT]]] = []
        size = 0
        while self._waiting and len(batch) < BATCH_COUNT_MAX:
            request, future = self._waiting[0]
            size += self._size(request)
            if batch and size > BATCH_BYTES_MAX:
                break
            self._waiting.popleft()
            if not future.done():
                batch.append((request, future))
        return batch

    async def _outcomes(self, requests: list[RequestT]) -> list[AnswerT | ApiError]:
        try:
            if len(requests) > 1:
                return await self._ask_many(requests)
            return [await self._ask_one(requests[0])]
        except ApiError as error:  # each caller raises one of its own: a traceback grows where it is raised
            return [ApiError(error.code, error.message, error.help, dict(error.facts)) for _ in requests]
