"""`make demo`: compile the examples, run them, SIGKILL them in the middle, start them again, see that they went on.

    python tools/demo.py [DIRECTORY]        DIRECTORY gets build/ and .demo/slct.db (default: the repository)

This script is the outside world: the chat service, those who send messages, and the one who kills. The processes
themselves run in another OS process (demo_app.py). Whatever is printed was looked up and compared first; exit code 1 if
anything is not as it says.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chat_service import ChatService

ROOT = Path(__file__).resolve().parent.parent
MESSAGE_COUNT = 200
KILL_AFTER_COUNT = 80
IN_FLIGHT_COUNT = 20
"""Messages sent that may wait for their acknowledgement."""
PATIENCE_S = 60
"""How long anything here may take before the demo is called failed."""


class DemoFailed(Exception):
    """Something was not as it should be."""


def main() -> int:
    directory = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
    build, store = directory / "build", directory / ".demo" / "slct.db"
    shutil.rmtree(store.parent, ignore_errors=True)
    store.parent.mkdir(parents=True)
    try:
        compile_examples(build)
        with ChatService() as chat:
            run(build, store, chat)
    except (DemoFailed, TimeoutError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"\nEverything went on from where it was. Sources: examples/, what they compile to: {shown(build)}/")
    return 0


def run(build: Path, store: Path, chat: ChatService) -> None:
    print(f"\n2. Start three durable processes; their state is kept in {shown(store)}")
    with App(build, store, chat.url) as app:
        questions = chat.wait_for_questions(2, PATIENCE_S)
        app.send("order-17", "payments", 40, key="payment-1")
        app.wait_for_field("order-17", "paid", "40")
        before = {name: app.places(name) for name in ("order-17", "approval-17")}
        print(f"   order-17     40 of 100 paid, {before['order-17']}")
        print(f"   approval-17  asked in the chat: {' '.join(repr(q['text']) for q in questions)}")
        print(f"                {before['approval-17']}")
        print(f"\n3. Send {MESSAGE_COUNT} messages to counter-1, and SIGKILL the OS process in the middle of it")
        acknowledged = app.send_messages_and_kill()
        print(f"   killed, with {acknowledged} messages acknowledged and some on their way")

    print("\n4. Start again on the same file")
    with App(build, store, chat.url) as app:
        for name, places in before.items():
            expect(app.places(name), places, f"where {name} stands")
        expect(app.fields("order-17")["paid"], "40", "what order-17 was paid")
        kept = app.wait_until(lambda: app.counter_at_rest(acknowledged), "counter-1 has all acknowledged messages")
        print(f"   counter-1    has counted {kept}: those acknowledged, and any that were stored before the end")
        print(f"   order-17     40 of 100 paid, still {before['order-17']}")
        print(f"   approval-17  still {before['approval-17']}")

        print("\n5. And go on")
        for number in range(acknowledged, MESSAGE_COUNT):
            app.send("counter-1", "messages", number, key=f"message-{number}")
        app.send("counter-1", "done", None)
        expect(app.result("counter-1"), MESSAGE_COUNT, "the result of counter-1")
        print(f"   counter-1    the rest was sent again, with the same keys: counted exactly {MESSAGE_COUNT}")
        app.send("order-17", "payments", 60, key="payment-2")
        print(f"   order-17     the other 60 were paid: receipt {app.result('order-17')}")
        expect(len(chat.questions), 2, "how many questions were asked in the chat")
        for question in reversed(questions):
            answer = {"question_id": question["question_id"], "approved": True, "by": "ada"}
            app.send(question["process_id"], "answers", answer, key=question["question_id"])
        expect(app.result("approval-17"), "approved", "the result of approval-17")
        print("   approval-17  both questions were answered (asked once, in spite of the crash): approved")


def compile_examples(build: Path) -> None:
    print(f"1. Compile: slct-compile examples/ -o {shown(build)}/", flush=True)
    command: list[str | Path] = [Path(sys.executable).with_name("slct-compile"), "examples/", "-o", build]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    if done.returncode != 0:
        raise DemoFailed(f"slct-compile failed\n{done.stdout}{done.stderr}")


class App:
    """The OS process that runs the durable processes, and our line to it."""

    def __init__(self, build: Path, store: Path, chat_url: str) -> None:
        command = [sys.executable, str(ROOT / "tools" / "demo_app.py"), str(build), str(store)]
        self._os_process = subprocess.Popen(
            command, env=os.environ | {"CHAT_URL": chat_url}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._overdue = threading.Timer(PATIENCE_S, self._os_process.kill)
        self._overdue.daemon = True
        self._overdue.start()
        self._hear()  # it says that it is ready
        print(f"   OS process {self._os_process.pid} runs counter-1, order-17 and approval-17")

    def __enter__(self) -> App:
        return self

    def __exit__(self, *_: object) -> None:
        self._overdue.cancel()
        self._os_process.kill()
        self._os_process.communicate()

    def _say(self, **command: Any) -> None:
        assert self._os_process.stdin is not None
        self._os_process.stdin.write(json.dumps(command) + "\n")
        self._os_process.stdin.flush()

    def _hear(self) -> Any:
        assert self._os_process.stdout is not None
        line = self._os_process.stdout.readline()
        if not line:
            raise DemoFailed("the OS process that runs the durable processes has ended or hangs")
        answer = json.loads(line)
        if "error" in answer:
            raise DemoFailed(answer["error"])
        return answer["value"]

    def _ask(self, **command: Any) -> Any:
        self._say(**command)
        return self._hear()

    def send(self, process_id: str, channel: str, value: Any, key: str | None = None) -> None:
        self._ask(verb="send", id=process_id, channel=channel, value=value, key=key)

    def result(self, process_id: str) -> Any:
        return self._ask(verb="result", id=process_id)

    def fields(self, process_id: str) -> dict[str, str]:
        fields: dict[str, str] = self._ask(verb="describe", id=process_id)["fields"]
        return fields

    def places(self, process_id: str) -> str:
        """Where its goroutines stand, once they all wait: `waits at order.py:29, order.py:38`."""

        def find() -> str | None:
            goroutines = self._ask(verb="describe", id=process_id)["goroutines"]
            if any(g["status"] != "parked" or any(w.startswith("call") for w in g["waits_for"]) for g in goroutines):
                return None
            return "waits at " + ", ".join(g["frames"][-1]["place"] for g in goroutines)

        return str(self.wait_until(find, f"{process_id} waits"))

    def wait_for_field(self, process_id: str, name: str, value: str) -> None:
        self.wait_until(lambda: self.fields(process_id)[name] == value, f"{name} of {process_id} is {value}")

    def counter_at_rest(self, count: int) -> int | None:
        """What the counter has counted, if that is at least `count` and nothing waits to be counted."""
        described = self._ask(verb="describe", id="counter-1")
        counted = int(described["fields"]["counter"])
        return counted if counted >= count and not any(c["length"] for c in described["channels"]) else None

    def wait_until(self, look: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if found := look():
                return found
            time.sleep(0.02)
        raise DemoFailed(f"not so after {PATIENCE_S} s: {what}")

    def send_messages_and_kill(self) -> int:
        """Send without waiting for each; kill when some are acknowledged. Gives how many were acknowledged in the end."""
        for number in range(KILL_AFTER_COUNT + IN_FLIGHT_COUNT):
            self._say(verb="send", id="counter-1", channel="messages", value=number, key=f"message-{number}")
            if number >= IN_FLIGHT_COUNT:
                self._hear()
        os.kill(self._os_process.pid, signal.SIGKILL)
        said_before_death, _ = self._os_process.communicate()
        return KILL_AFTER_COUNT + sum(line.endswith("\n") for line in said_before_death.splitlines(keepends=True))


def expect(found: Any, wanted: Any, what: str) -> None:
    if found != wanted:
        raise DemoFailed(f"{what}: expected {wanted!r}, found {found!r}")


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


if __name__ == "__main__":
    sys.exit(main())
