"""An order that two people must approve; both are asked at once, and may take their time.

`approve` is a durable function of a library, `chat.py`; it waits as well as any code of the process's own.

Run it, from the root of the repository, with a chat service at $CHAT_URL (here one that prints what it is asked):

    slct-compile examples/ -o build/
    slct runtime --store sqlite:///slct.db &
    python tools/chat_service.py 8080 &
    CHAT_URL=http://localhost:8080 slct worker build/ --version 1 &
    slct start order_approval order-17 900 --id approval-17
    slct show approval-17                       # two goroutines in chat.py, each waiting for its own answer
    slct send approval-17 answers '{"question_id": "...", "approved": true, "by": "ada"}'
"""

from datetime import timedelta

from runtime_client import go

from chat import Approvals, approve


class OrderApproval(Approvals):
    """Asks the manager and the accountant about one order; `approved`, `refused by NAME`, or `nobody answered`."""

    async def main(self, order: str, total: int) -> str:
        go(self.hand_out_answers())
        manager = go(approve(f"manager: approve {order} over {total}?", timedelta(days=2)))
        accountant = go(approve(f"accountant: is {total} left for {order}?", timedelta(days=2)))
        for asked in [manager, accountant]:
            answer = await asked
            if answer is None:
                return "nobody answered"
            if not answer.approved:
                return f"refused by {answer.by}"
        return "approved"
