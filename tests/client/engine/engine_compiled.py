"""Processes in the shape that the compiler writes, written by hand: what the engine must make of state tables."""

from __future__ import annotations

import sys
import traceback
from datetime import timedelta
from typing import Any

from runtime_client import (
    Channel,
    Frame,
    Instruction,
    Process,
    ProcessError,
    State,
    after,
    call,
    durable,
    emit,
    go,
    recv,
    select,
    sleep,
)


def double(number: int) -> int:
    return number * 2


def explode(text: str) -> None:
    raise ValueError(text)


class Refused(ProcessError):
    """An author's own."""


class Totals(Process):
    """A loop over a select, a shared field, a call of an effect, a second goroutine and its join."""

    numbers = Channel[int]()
    total: int = 0
    seen: list[int] = []

    class MainFrame(Frame):
        FUNCTION = "Totals.main"
        SOURCE = "totals.py"
        STATES = {
            "Main_Start": State(10),
            "Main_While": State(11),
            "Main_Selected": State(12, live=("goal", "watcher")),
            "Main_Doubled": State(16, live=("watcher", "twice")),
            "Main_Joined": State(17, live=("twice", "watcher")),
            "Main_JoinedAgain": State(18, live=("twice", "first")),
        }

    def main(self, goal: int) -> Frame:
        """The public stub."""
        return Totals.MainFrame(self, goal=goal)

    def Main_Start(self, f: MainFrame) -> Instruction:
        f.watcher = go(self.watch("w"))
        f.unused = object()  # not saveable, and dead before the first suspension
        return f.goto(self.Main_While)

    def Main_While(self, f: MainFrame) -> Instruction:
        if self.total < f.goal:
            return f.suspend(select(number=recv(self.numbers), late=after(timedelta(hours=1))), then=self.Main_Selected)
        return f.suspend(call(double, self.total), then=self.Main_Doubled)

    def Main_Selected(self, f: MainFrame) -> Instruction:
        match f.resume():
            case ("number", amount):
                self.total += amount
                self.seen.append(amount)
                return f.goto(self.Main_While)
            case ("late", _):
                return f.finish("late")
        raise AssertionError

    def Main_Doubled(self, f: MainFrame) -> Instruction:
        f.twice = f.resume()
        return f.suspend(f.watcher, then=self.Main_Joined)

    def Main_Joined(self, f: MainFrame) -> Instruction:
        f.first = f.resume()
        return f.suspend(f.watcher.join(), then=self.Main_JoinedAgain)

    def Main_JoinedAgain(self, f: MainFrame) -> Instruction:
        second = f.resume()
        return f.finish((f.twice, second is f.first, second))

    class WatchFrame(Frame):
        FUNCTION = "Totals.watch"
        SOURCE = "totals.py"
        STATES = {"Watch_Start": State(21), "Watch_Slept": State(22, live=("name",))}

    def watch(self, name: str) -> Frame:
        return Totals.WatchFrame(self, name=name)

    def Watch_Start(self, f: WatchFrame) -> Instruction:
        return f.suspend(sleep(0), then=self.Watch_Slept)

    def Watch_Slept(self, f: WatchFrame) -> Instruction:
        f.resume()
        emit(f.name)
        return f.finish([f.name])


class Base(Process):
    """Overriding a durable function whose states have the same names."""

    class MainFrame(Frame):
        FUNCTION = "Base.main"
        SOURCE = "base.py"
        STATES = {"Main_Start": State(1), "Main_Sleep": State(2, live=("name",))}

    def main(self, name: str) -> Frame:
        return Base.MainFrame(self, name=name)

    def Main_Start(self, f: MainFrame) -> Instruction:
        return f.suspend(sleep(0), then=self.Main_Sleep)

    def Main_Sleep(self, f: MainFrame) -> Instruction:
        f.resume()
        return f.finish(f"hello {f.name}")


class Loud(Base):
    class MainFrame(Frame):
        FUNCTION = "Loud.main"
        SOURCE = "base.py"
        STATES = {"Main_Start": State(11), "Main_Main": State(12, live=())}

    def main(self, name: str) -> Frame:
        return Loud.MainFrame(self, name=name)

    def Main_Start(self, f: MainFrame) -> Instruction:
        return f.suspend(super().main(f.name), then=self.Main_Main)

    def Main_Main(self, f: MainFrame) -> Instruction:
        return f.finish(f.resume().upper())


class DepthFrame(Frame):
    FUNCTION = "depth"
    SOURCE = "depth.py"
    STATES = {"Depth_Start": State(1), "Depth_Slept": State(2, live=("fails",)), "Depth_Depth": State(3, live=("n",))}

    def Depth_Start(f) -> Instruction:
        if f.n == 0:
            return f.suspend(sleep(0), then=f.Depth_Slept)
        return f.suspend(depth(f.n - 1, f.fails), then=f.Depth_Depth)

    def Depth_Slept(f) -> Instruction:
        f.resume()
        if f.fails:
            raise Refused("at the bottom")
        return f.finish(0)

    def Depth_Depth(f) -> Instruction:
        below = f.resume()
        return f.finish(below + 1)


@durable
def depth(n: int, fails: bool = False) -> Frame:
    return DepthFrame(None, n=n, fails=fails)


class Deep(Process):
    class MainFrame(Frame):
        FUNCTION = "Deep.main"
        SOURCE = "depth.py"
        STATES = {"Main_Start": State(10), "Main_Depth": State(11, live=())}

    def main(self, n: int, fails: bool = False) -> Frame:
        return Deep.MainFrame(self, n=n, fails=fails)

    def Main_Start(self, f: MainFrame) -> Instruction:
        return f.suspend(depth(f.n, f.fails), then=self.Main_Depth)

    def Main_Depth(self, f: MainFrame) -> Instruction:
        return f.finish(f.resume())


class HelpFrame(Frame):
    """`async def help_out(way)`: looks at what its caller handles, and may re-raise it."""

    FUNCTION = "help_out"
    SOURCE = "handlers.py"
    STATES = {"HelpOut_Start": State(1), "HelpOut_Slept": State(2, live=("way",))}

    def HelpOut_Start(f) -> Instruction:
        return f.suspend(sleep(0), then=f.HelpOut_Slept)

    def HelpOut_Slept(f) -> Instruction:
        f.resume()
        if f.way == "reraise":
            raise
        if f.way == "another":
            raise LookupError("another")
        return f.finish(repr(sys.exc_info()[1]))


@durable
def help_out(way: str) -> Frame:
    return HelpFrame(None, way=way)


class Handlers(Process):
    """What the compiler makes of

    async def main(self, way):
        try:
            await sleep(0)
            raise ValueError("first")
        except ValueError as error:
            await sleep(0)
            (see Main_Except)
        finally:
            self.log.append(repr(sys.exc_info()[1]))
    """

    log: list[Any] = []

    class MainFrame(Frame):
        FUNCTION = "Handlers.main"
        SOURCE = "handlers.py"
        STATES = {
            "Main_Start": State(10, on_error="Main_Dispatch", caught="caught"),
            "Main_Slept": State(11, live=("way",), on_error="Main_Dispatch", caught="caught"),
            "Main_Dispatch": State(12, on_error="Main_Finally", caught="leaving", handling="caught"),
            "Main_Except": State(
                13, live=("way", "caught"), on_error="Main_Finally", caught="leaving", handling="caught"
            ),
            "Main_Helped": State(
                14, live=("way", "caught"), on_error="Main_Finally", caught="leaving", handling="caught"
            ),
            "Main_Finally": State(16, handling="leaving"),
        }

    def main(self, way: str) -> Frame:
        return Handlers.MainFrame(self, way=way)

    def Main_Start(self, f: MainFrame) -> Instruction:
        return f.suspend(sleep(0), then=self.Main_Slept)

    def Main_Slept(self, f: MainFrame) -> Instruction:
        f.resume()
        raise ValueError("first")

    def Main_Dispatch(self, f: MainFrame) -> Instruction:
        try:
            raise
        except ValueError:
            return f.suspend(sleep(0), then=self.Main_Except)

    def Main_Except(self, f: MainFrame) -> Instruction:
        f.resume()
        self.log.append(repr(sys.exc_info()[1]))
        self.log.append(traceback.format_exc().count("\n") > 0)
        match f.way:
            case "bare":
                raise
            case "chain":
                raise KeyError("second")
            case "from none":
                raise KeyError("second") from None
            case "stop":
                raise StopIteration(3)
            case way:
                return f.suspend(help_out(way), then=self.Main_Helped)

    def Main_Helped(self, f: MainFrame) -> Instruction:
        self.log.append(f.resume())
        f.leaving = None
        return f.goto(self.Main_Finally)

    def Main_Finally(self, f: MainFrame) -> Instruction:
        self.log.append(repr(sys.exc_info()[1]))
        if f.__dict__.get("leaving") is not None:
            raise f.leaving
        return f.finish(self.log)


class Wrong(Process):
    """Awaits what it must not await, and catches what that raises."""

    class MainFrame(Frame):
        FUNCTION = "Wrong.main"
        SOURCE = "wrong.py"
        STATES = {
            "Main_Start": State(1),
            "Main_Awaited": State(2, live=("what",), on_error="Main_Except", caught="caught"),
            "Main_Except": State(3, handling="caught"),
            "Main_Twice": State(4, live=("frame",)),
            "Main_TwiceAgain": State(5, on_error="Main_Except", caught="caught"),
        }

    def main(self, what: str) -> Frame:
        return Wrong.MainFrame(self, what=what)

    def Main_Start(self, f: MainFrame) -> Instruction:
        if f.what == "twice":
            f.frame = help_out("look")
            return f.suspend(f.frame, then=self.Main_Twice)
        return f.suspend(WRONG[f.what](), then=self.Main_Awaited)

    def Main_Twice(self, f: MainFrame) -> Instruction:
        f.resume()
        return f.suspend(f.frame, then=self.Main_TwiceAgain)

    def Main_TwiceAgain(self, f: MainFrame) -> Instruction:
        f.resume()
        return f.finish("not reached")

    def Main_Awaited(self, f: MainFrame) -> Instruction:
        f.resume()
        return f.finish("not reached")

    def Main_Except(self, f: MainFrame) -> Instruction:
        try:
            raise
        except (TypeError, RuntimeError, LookupError) as error:
            return f.finish(f"{type(error).__name__}: {error}")


async def plain() -> None:
    pass


WRONG: dict[str, Any] = {
    "coroutine": plain,
    "number": lambda: 5,
    "default": lambda: __import__("runtime_client").default(),
    "undeclared": lambda: recv("nobody"),
}


class Unsaveable(Process):
    """Values that cannot be saved, wherever they are."""

    kept: Any = None
    line = Channel[Any](capacity=1)

    class MainFrame(Frame):
        FUNCTION = "Unsaveable.main"
        SOURCE = "unsaveable.py"
        STATES = {"Main_Start": State(1), "Main_Slept": State(7, live=("handle",))}

    def main(self, where: str) -> Frame:
        return Unsaveable.MainFrame(self, where=where)

    def Main_Start(self, f: MainFrame) -> Instruction:
        thing = open(__file__)  # noqa: SIM115 - a file that cannot be saved
        thing.close()
        match f.where:
            case "local":
                f.handle = [thing]
            case "field":
                self.kept = {"a": thing}
            case "send":
                return f.suspend(self.line.send(thing), then=self.Main_Slept)
            case "argument":
                return f.suspend(call(double, thing), then=self.Main_Slept)
            case "result":
                return f.finish(thing)
            case "dead":
                f.other = thing
        return f.suspend(sleep(0), then=self.Main_Slept)

    def Main_Slept(self, f: MainFrame) -> Instruction:
        f.resume()
        return f.finish("went on")
