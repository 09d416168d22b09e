"""State machines written by hand, alone and beside compiled goroutines."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from engine_compiled import double, explode

from runtime_client import Channel, Frame, Handle, Instruction, Process, State, Step, emit, sleep


class Counter(Process):
    """The original one: channels come into being by their names."""

    counter: int = 0

    def Main_Count(self, p: Step) -> None:
        self.counter += 1
        p.recv("counter").to(self.Main_Count).after(timedelta(hours=1)).to(self.Main_Done)

    def Main_Done(self, p: Step) -> int:
        return self.counter


class Eager(Counter):
    """Overrides one state."""

    def Main_Done(self, p: Step) -> int:
        return -self.counter


class Pipes(Process):
    """Values, ok, close, default, goroutines with arguments, join, effects."""

    line = Channel[int](capacity=1)
    got: list[Any] = []
    reader: Handle

    def Main_First(self, p: Step, count: int) -> None:
        raise AssertionError("Main_Start wins")

    def Main_Start(self, p: Step, count: int) -> None:
        self.reader = p.go(self.Read_Next)
        self.Main_Send(p, count)

    def Main_Send(self, p: Step, left: int) -> None:
        self.left = left
        if left == 0:
            p.close(self.line)
            p.join(self.reader).to(self.Main_Joined)
        else:
            p.send(self.line, left).to(self.Main_Sent)

    def Main_Sent(self, p: Step) -> None:
        self.Main_Send(p, self.left - 1)

    def Main_Joined(self, p: Step, result: str) -> None:
        self.got.append(result)
        p.recv(None).to(self.Main_Joined).default().to(self.Main_Default)

    def Main_Default(self, p: Step, value: Any, ok: bool) -> None:
        self.got.append((value, ok))
        p.call(double, 21).to(self.Main_Doubled)

    def Main_Doubled(self, p: Step, value: int) -> list[Any]:
        return [*self.got, value]

    def Read_Next(self, p: Step) -> None:
        p.recv(self.line).to(self.Read_Got)

    def Read_Got(self, p: Step, value: int, ok: bool) -> str | None:
        if not ok:
            return "closed"
        self.got.append(value)
        return self.Read_Next(p)


class Mixed(Process):
    """A compiled main, and a goroutine written by hand."""

    line = Channel[str]()

    class MainFrame(Frame):
        FUNCTION = "Mixed.main"
        SOURCE = "mixed.py"
        STATES = {"Main_Start": State(1), "Main_Recv": State(2, live=()), "Main_Slept": State(3, live=("got",))}

    def main(self) -> Frame:
        return Mixed.MainFrame(self)

    def Main_Start(self, f: MainFrame) -> Instruction:
        from runtime_client import go, recv
        from runtime_client._handwritten import machine_frame

        go(machine_frame(self, "Talk_Start", ("hello",)))
        return f.suspend(recv(self.line), then=self.Main_Recv)

    def Main_Recv(self, f: MainFrame) -> Instruction:
        f.got = f.resume()
        return f.suspend(sleep(0), then=self.Main_Slept)

    def Main_Slept(self, f: MainFrame) -> Instruction:
        f.resume()
        return f.finish(f.got)

    def Talk_Start(self, p: Step, text: str) -> None:
        p.send(self.line, text).to(self.Talk_Sent)

    def Talk_Sent(self, p: Step) -> None:
        emit("sent")


class Mistakes(Process):
    def Main_Start(self, p: Step, what: str) -> Any:
        match what:
            case "nowhere":
                p.recv("a")
            case "elsewhere":
                p.recv("a").to(explode)
            case "both":
                p.recv("a").to(self.Main_End)
                return 5
            case "failed call":
                p.call(explode, "boom").to(self.Main_End)
        return None

    def Main_End(self, p: Step) -> None: ...


class Outcomes(Process):
    """Whose outcomes are kept: a handle in the document, one that was sent away, one that nobody has."""

    line = Channel[Handle](capacity=1)
    kept: Handle

    def Main_Start(self, p: Step) -> None:
        self.kept = p.go(self.Work_Start, "kept")
        sent = p.go(self.Work_Start, "sent")
        p.go(self.Work_Start, "dropped")
        p.send(self.line, sent).to(self.Main_Wait)

    def Main_Wait(self, p: Step) -> None:
        p.after(1).to(self.Main_Late)

    def Main_Late(self, p: Step) -> None:
        p.recv(self.line).to(self.Main_Received)

    def Main_Received(self, p: Step, handle: Handle) -> None:
        p.join(handle).to(self.Main_Joined)

    def Main_Joined(self, p: Step, value: list[str]) -> list[str]:
        return value

    def Work_Start(self, p: Step, name: str) -> list[str]:
        return [name]


class Spoilt(Process):
    """An error that is joined, and whose arguments cannot be saved."""

    def Main_Start(self, p: Step) -> None:
        p.join(p.go(self.Work_Start)).to(self.Main_Start)

    def Work_Start(self, p: Step) -> None:
        raise ValueError(object())
