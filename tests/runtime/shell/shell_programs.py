"""Compiled-shape processes for the shell's tests, written by hand so that no compiler is needed."""

from __future__ import annotations

from typing import Any

from runtime_client import (
    Channel,
    Definitions,
    Frame,
    Process,
    Request,
    Retry,
    State,
    Step,
    call,
    current_effect,
    emit,
    now,
    recv,
    sleep,
)

ATTEMPTS: list[tuple[str, int]] = []
"""Every attempt of `note`: idempotency key and attempt number."""


def note(value: int) -> int:
    ATTEMPTS.append((current_effect().idempotency_key, current_effect().attempt))
    return value


def refuse_once(value: int) -> int:
    ATTEMPTS.append((current_effect().idempotency_key, current_effect().attempt))
    if current_effect().attempt == 1:
        raise OSError("not yet")
    return value


class Sum(Process):
    """Adds numbers until it has `goal`, then does one effect."""

    numbers = Channel[int]()
    total: int = 0

    class MainFrame(Frame):
        FUNCTION = "Sum.main"
        SOURCE = "shell_programs.py"
        STATES = {
            "Main_Start": State(1),
            "Main_Recv": State(2, live=("goal", "value")),
            "Main_Call": State(3, live=()),
        }
        TEMPORARIES = ("value",)
        goal: int
        value: int

    def main(self, goal: int) -> Frame:
        return Sum.MainFrame(self, goal=goal)

    def Main_Start(self, f: Any) -> Any:
        if self.total < f.goal:
            f.value = self.total
            return f.suspend(recv(self.numbers), then=self.Main_Recv)
        return f.suspend(call(refuse_once, self.total, retry=Retry(first=0.01)), then=self.Main_Call)

    def Main_Recv(self, f: Any) -> Any:
        self.total += f.resume()
        return f.goto(self.Main_Start)

    def Main_Call(self, f: Any) -> Any:
        return f.finish(f.resume())


class Looker(Process):
    """Notes after each number how many more wait, and whether `control` is closed."""

    numbers = Channel[int](capacity=100)
    control = Channel[int]()
    seen: list[list[int]] = []

    class MainFrame(Frame):
        FUNCTION = "Looker.main"
        SOURCE = "shell_programs.py"
        STATES = {"Main_Start": State(1), "Main_Recv": State(2, live=("count",))}
        count: int

    def main(self, count: int) -> Frame:
        return Looker.MainFrame(self, count=count)

    def Main_Start(self, f: Any) -> Any:
        return f.suspend(recv(self.numbers), then=self.Main_Recv)

    def Main_Recv(self, f: Any) -> Any:
        f.resume()
        self.seen.append([len(self.numbers), int(self.control.closed)])
        return f.goto(self.Main_Start) if len(self.seen) < f.count else f.finish(self.seen)


class Chain(Process):
    """Does effects one after the other."""

    class MainFrame(Frame):
        FUNCTION = "Chain.main"
        SOURCE = "shell_programs.py"
        STATES = {"Main_Start": State(1), "Main_Call": State(2, live=("length", "results"))}
        length: int
        results: list[int]

    def main(self, length: int) -> Frame:
        return Chain.MainFrame(self, length=length, results=[])

    def Main_Start(self, f: Any) -> Any:
        if len(f.results) == f.length:
            return f.finish(f.results)
        return f.suspend(call(note, len(f.results)), then=self.Main_Call)

    def Main_Call(self, f: Any) -> Any:
        f.results.append(f.resume())
        return f.goto(self.Main_Start)


class Desk(Process):
    """Answers with how many questions there were; keeps those that say so until one says `answer`."""

    questions = Channel[Request[str, int]]()
    hints = Channel[str]()
    asked: int = 0
    kept: list[Request[str, int]] = []

    def Main_Wait(self, p: Step) -> None:
        p.recv(self.questions).to(self.Main_Asked)

    def Main_Asked(self, p: Step, request: Request[str, int]) -> None:
        self.asked += 1
        if request.value == "keep":
            self.kept.append(request)
        else:
            request.reply(self.asked)
        if request.value == "answer":
            for each in self.kept:
                each.reply(0)
            self.kept.clear()
        if request.value != "end":
            self.Main_Wait(p)


class Parent(Process):
    """Starts a `sum` and gives what it ends with; or `late`, if it is told to go on without it."""

    hurry = Channel[str]()

    def Main_Start(self, p: Step, goal: int) -> None:
        child = p.start("sum", goal, id=f"{self.id}-child")
        p.result(child).to(self.Main_Child).recv(self.hurry).to(self.Main_Hurried)

    def Main_Child(self, p: Step, total: int) -> int:
        return total

    def Main_Hurried(self, p: Step) -> str:
        return "late"


class Supervisor(Process):
    """Starts a `sum` that is attached to it whenever it is told to, and waits for none of them."""

    goals = Channel[int]()

    def Main_Start(self, p: Step) -> None:
        p.recv(self.goals).to(self.Main_Told)

    def Main_Told(self, p: Step, goal: int) -> None:
        p.start("sum", goal, id=f"{self.id}-{goal}").attached()
        self.Main_Start(p)


class Nap(Process):
    """Sleeps."""

    class MainFrame(Frame):
        FUNCTION = "Nap.main"
        SOURCE = "shell_programs.py"
        STATES = {"Main_Start": State(1), "Main_Sleep": State(2, live=())}
        seconds: float

    def main(self, seconds: float) -> Frame:
        return Nap.MainFrame(self, seconds=seconds)

    def Main_Start(self, f: Any) -> Any:
        return f.suspend(sleep(f.seconds), then=self.Main_Sleep)

    def Main_Sleep(self, f: Any) -> Any:
        f.resume()
        return f.finish("rested")


class Keeper(Process):
    """Tries to keep what cannot be saved."""

    before: int = 0

    class MainFrame(Frame):
        FUNCTION = "Keeper.main"
        SOURCE = "shell_programs.py"
        STATES = {"Main_Start": State(1), "Main_Open": State(2), "Main_End": State(3)}

    def main(self) -> Frame:
        return Keeper.MainFrame(self)

    def Main_Start(self, f: Any) -> Any:
        self.before = 1
        return f.suspend(sleep(0), then=self.Main_Open)

    def Main_Open(self, f: Any) -> Any:
        f.resume()
        f.file = open(__file__)  # noqa: SIM115 - left open on purpose
        f.file.close()
        return f.suspend(sleep(0), then=self.Main_End)

    def Main_End(self, f: Any) -> Any:
        return f.finish(f.resume())


class Speaker(Process):
    """Says every word that it is sent."""

    words = Channel[str]()

    class MainFrame(Frame):
        FUNCTION = "Speaker.main"
        SOURCE = "shell_programs.py"
        STATES = {"Main_Start": State(1), "Main_Recv": State(2, live=())}

    def main(self) -> Frame:
        return Speaker.MainFrame(self)

    def Main_Start(self, f: Any) -> Any:
        return f.suspend(recv(self.words), then=self.Main_Recv)

    def Main_Recv(self, f: Any) -> Any:
        emit(f.resume())
        return f.goto(self.Main_Start)


class Watch(Process):
    """Receives numbers until one is 0, and gives the time of that transition."""

    numbers = Channel[int]()

    class MainFrame(Frame):
        FUNCTION = "Watch.main"
        SOURCE = "shell_programs.py"
        STATES = {"Main_Start": State(1), "Main_Recv": State(2, live=())}

    def main(self) -> Frame:
        return Watch.MainFrame(self)

    def Main_Start(self, f: Any) -> Any:
        return f.suspend(recv(self.numbers), then=self.Main_Recv)

    def Main_Recv(self, f: Any) -> Any:
        return f.goto(self.Main_Start) if f.resume() else f.finish(now())


defs = Definitions(
    {
        "watch": Watch,
        "speaker": Speaker,
        "sum": Sum,
        "looker": Looker,
        "chain": Chain,
        "desk": Desk,
        "nap": Nap,
        "parent": Parent,
        "keeper": Keeper,
        "supervisor": Supervisor,
    }
)
