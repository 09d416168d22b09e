"""A library of durable code: ask people in a chat, and wait for days if need be.

    class Deploy(Approvals):
        async def main(self, service: str) -> str:
            go(self.hand_out_answers())
            answer = await chat.approve(f"deploy {service}?", timedelta(days=1))

How two questions of one process never mix: each has an id and a channel of its own. `approve` makes that channel and
leaves it, under the id, with the goroutine `hand_out_answers`, by a message on `tickets`. The chat service sends each
answer, with its id, to the process's `answers`; the goroutine passes it to the channel left under that id. No locks and
no shared table: what one goroutine alone may touch is a local of that goroutine.

The chat service is any HTTP server at `$CHAT_URL` that takes `POST /questions` with a JSON object (`question_id`,
`process_id`, `text`), and that asks a given `Idempotency-Key` only once. It answers by sending
`{"question_id": ..., "approved": true, "by": "ada"}` to the channel `answers` of that process.
"""

import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from runtime_client import (
    Channel,
    Process,
    after,
    call,
    current_effect,
    durable,
    make_channel,
    now,
    recv,
    select,
    send,
)

HTTP_TIMEOUT_S = 10


@dataclass(frozen=True)
class Answer:
    """What somebody answered in the chat."""

    question_id: str
    approved: bool
    by: str = ""


@dataclass(frozen=True)
class Ticket:
    """Where the answer to a question is to go; nowhere any more if `mailbox` is None."""

    question_id: str
    mailbox: Channel[Answer] | None


class Approvals(Process):
    """Base of processes that use `approve`. Their `main` starts `hand_out_answers` with `go`."""

    answers = Channel[Answer]()
    tickets = Channel[Ticket]()

    async def hand_out_answers(self) -> None:
        """Bring every answer to the one who asked. One that comes too late, or twice, is dropped."""
        waiting: dict[str, Channel[Answer]] = {}
        while True:
            match await select(ticket=recv(self.tickets), answer=recv(self.answers)):
                case ("ticket", ticket):
                    if ticket.mailbox is None:
                        waiting.pop(ticket.question_id, None)
                    else:
                        waiting[ticket.question_id] = ticket.mailbox
                case ("answer", answer):
                    mailbox = waiting.pop(answer.question_id, None)
                    if mailbox is not None:
                        await send(mailbox, answer)


@durable
async def approve(question: str, timeout: timedelta) -> Answer | None:
    """Ask in the chat; None if nobody answers in time. For processes derived from `Approvals`."""
    deadline = now() + timeout
    question_id = uuid4().hex
    mailbox: Channel[Answer] = make_channel(capacity=1)
    await send("tickets", Ticket(question_id, mailbox))
    await call(post_question, question_id, question)
    match await select(answer=recv(mailbox), late=after(deadline)):
        case ("answer", Answer() as answer):
            return answer
        case _:
            await send("tickets", Ticket(question_id, None))
            return None


def post_question(question_id: str, text: str) -> None:
    """Put the question to the chat service. An ordinary function, run as an effect: attempted until it succeeds."""
    effect = current_effect()
    question = {"question_id": question_id, "process_id": effect.process_id, "text": text}
    request = urllib.request.Request(
        os.environ["CHAT_URL"] + "/questions",
        data=json.dumps(question).encode(),
        headers={"Content-Type": "application/json", "Idempotency-Key": effect.idempotency_key},
        method="POST",
    )
    try:
        urllib.request.urlopen(request, timeout=HTTP_TIMEOUT_S).close()
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection
        raise
