"""A process that counts messages, for as long as they keep coming.

Run it, from the root of the repository:

    slct-compile examples/ -o build/
    slct runtime --store sqlite:///slct.db &
    slct worker build/ --version 1 &
    slct start counter --id my-counter
    slct send my-counter messages '"hello"'
    slct show my-counter                        # counter: 1; parked in counter.py
    slct send my-counter done null
    slct result my-counter                      # 1

Stop the runtime or the worker with SIGKILL wherever you like: the count stays exact.
"""

from datetime import timedelta
from typing import Any

from runtime_client import Channel, Process, after, recv, select


class Counter(Process):
    """Counts what arrives on `messages`, until something arrives on `done` or an hour goes by in silence."""

    messages = Channel[Any]()
    done = Channel[Any]()
    counter: int = 0

    async def main(self) -> int:
        while True:
            match await select(message=recv(self.messages), done=recv(self.done), silence=after(timedelta(hours=1))):
                case ("message", _):
                    self.counter += 1
                case _:
                    return self.counter
