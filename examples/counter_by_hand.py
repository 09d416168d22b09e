"""The counter again, as a state machine written by hand: the shape that the compiler gives to `counter.py`.

Each method is a state of the goroutine `Main`. It runs to its end and says what to wait for, and where each case leads;
a state that says nothing ends its goroutine. Between two states the process is nothing but its saved fields.

Run it as `counter.py` is run, with `counter_by_hand` in place of `counter`.
"""

from datetime import timedelta
from typing import Any

from runtime_client import Channel, Process, Step


class CounterByHand(Process):
    """Counts what arrives on `messages`, until something arrives on `done` or an hour goes by in silence."""

    messages = Channel[Any]()
    done = Channel[Any]()
    counter: int = 0

    def Main_Start(self, p: Step) -> None:
        (
            p.recv(self.messages).to(self.Main_Count)
            .recv(self.done).to(self.Main_Done)
            .after(timedelta(hours=1)).to(self.Main_Done)
        )  # fmt: skip

    def Main_Count(self, p: Step) -> None:
        self.counter += 1
        self.Main_Start(p)

    def Main_Done(self, p: Step) -> int:
        return self.counter
