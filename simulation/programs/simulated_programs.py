"""Small processes whose outcomes are known, whatever happens to the machines under them."""

from __future__ import annotations

from runtime_client import (
    CallFailed,
    Cancelled,
    Channel,
    EffectUnknown,
    Process,
    Request,
    Retry,
    after,
    call,
    emit,
    gather,
    go,
    make_channel,
    now,
    recv,
    select,
    send,
    sleep,
    start,
)

from simulated_effects import clock, fail_first, falter, hand_back, note, slow, walk


class Counter(Process):
    """Everything that came, in order."""

    numbers = Channel[list[int]]()

    async def main(self, goal: int) -> list[list[int]]:
        seen: list[list[int]] = []
        while len(seen) < goal:
            number = await recv(self.numbers)
            seen.append(number)
            emit(number)
        return seen


class Tally(Process):
    """Everything that came, in order. Most of the time it does nothing but receive, so what follows is run ahead; not so after a word."""

    marks = Channel[list[int]]()
    words = Channel[list[int]]()

    async def main(self, goal: int) -> list[list[int]]:
        seen: list[list[int]] = []
        while len(seen) < goal:
            match await select(mark=recv(self.marks), word=recv(self.words)):
                case ("mark", mark):
                    seen.append(mark)
                    if mark[1] == 3:
                        emit(mark)
                case (_, word):
                    seen.append(word)
                    await sleep(0.01 * len(seen))
        return seen


class Chain(Process):
    """Effects one after the other."""

    async def main(self, length: int) -> list[list[object]]:
        tokens: list[list[object]] = []
        for index in range(length):
            tokens.append(await call(note, index))
            if index == 1:
                await call(fail_first, index, retry=Retry(first=0.05))
        return tokens


class Racer(Process):
    """Messages against a timer and an effect: one case is taken each time."""

    words = Channel[int]()

    async def main(self, goal: int) -> list[int]:
        seen: list[int] = []
        late = 0
        while len(seen) < goal:
            taken = await select(word=recv(self.words), late=after(0.05), done=call(slow, late))
            if taken.case == "word":
                seen.append(taken.value)
            else:
                late += 1
        return seen


class Nap(Process):
    """How long it slept, by the clock of effects."""

    async def main(self, seconds: float) -> int:
        began = await call(clock)
        await sleep(seconds)
        return await call(clock) - began


class Alarms(Process):
    """How long each of several goroutines slept; their timers are due shortly after each other."""

    async def main(self, count: int) -> list[int]:
        return await gather(*(self.sleeping(1 + index / 8) for index in range(count)))

    async def sleeping(self, seconds: float) -> int:
        began = await call(clock)
        await sleep(seconds)
        return await call(clock) - began


class Mill(Process):
    """Works on each number for a while, so that others wait."""

    numbers = Channel[int]()

    async def main(self, goal: int) -> list[int]:
        done: list[int] = []
        while len(done) < goal:
            done.append(await call(slow, await recv(self.numbers)))
        return done


class Walkers(Process):
    """Effects that report how far they have come, in a queue that is narrow."""

    async def main(self, count: int) -> list[list[int]]:
        calls = [
            call(walk, 3, queue="narrow", priority=-n, retry=Retry(max_attempts=None, first=0.05)) for n in range(count)
        ]
        return await gather(*calls)


class Once(Process):
    """Effects of which nobody may see two attempts; -1 where the outcome is not known."""

    async def main(self, count: int) -> list[int]:
        seen: list[int] = []
        for index in range(count):
            try:
                seen.append((await call(note, index, at_most_once=True))[1])
            except EffectUnknown:
                seen.append(-1)
        return seen


class Hurried(Process):
    """Effects that fail or hang now and then, and have a time over all their attempts: how each ended, and after how long."""

    async def main(self, count: int, seconds: float) -> list[tuple[str, float]]:
        ends: list[tuple[str, float]] = []
        for index in range(count):
            began = now()
            retry = Retry(max_attempts=None, first=0.1)
            try:
                await call(falter, index, retry=retry, at_most_once=index % 3 == 2, schedule_to_close_timeout=seconds)
                ended = "done"
            except EffectUnknown:
                ended = "unknown"
            except CallFailed as error:
                ended = type(error.__cause__).__name__
            ends.append((ended, (now() - began).total_seconds()))
        return ends


class Lender(Process):
    """Gives the only handle of a channel to an effect, and makes many others before it has it back."""

    async def main(self, rounds: int) -> list[int]:
        got: list[int] = []
        for number in range(rounds):
            lent = make_channel(1)
            await send(lent, number)
            for _ in range(40):
                make_channel()
            lent = await call(hand_back, lent)
            got.append(await recv(lent))
        return got


class Guardian(Process):
    """Starts a child that ends with it."""

    async def main(self, child: str, seconds: float) -> str:
        start(Cleaner, id=child).attached()
        await sleep(seconds)
        return child


class Parent(Process):
    """Starts children, sends to one of them, waits for all of them."""

    async def main(self, count: int) -> list[object]:
        counter = start(Counter, count)
        naps = [start(Nap, 0.2) for _ in range(2)]
        for number in range(count):
            counter.send("numbers", [0, number])
            if number % 3 == 2:
                await sleep(0.05)
        return [await counter.result(), [await nap.result() >= 200 for nap in naps]]


class Legacy(Process):
    """Its last transition starts another process."""

    async def main(self, child: str) -> str:
        await sleep(0.01)
        start(Chain, 2, id=child)
        return child


class Crew(Process):
    """Goroutines over a channel of their own, and a gather."""

    async def main(self, count: int) -> list[int]:
        line = make_channel(1)
        go(self.produce(line, count))
        got = [await recv(line) for _ in range(count)]
        return [*got, *await gather(*(self.work(index) for index in range(3)))]

    async def produce(self, line: Channel[int], count: int) -> None:
        for number in range(count):
            await send(line, number)

    async def work(self, index: int) -> int:
        await sleep(0.01 * index)
        return await call(slow, index * 10)


class Desk(Process):
    """Answers with how many questions there were."""

    questions = Channel[Request[int, int]]()
    asked: int = 0

    async def main(self, goal: int) -> int:
        while self.asked < goal:
            request = await recv(self.questions)
            self.asked += 1
            request.reply(self.asked)
        return self.asked


class Cleaner(Process):
    """Cleans up with an effect when it is cancelled."""

    async def main(self) -> None:
        try:
            await sleep(10_000)
        except Cancelled:
            emit(await call(slow, 1))
            raise


class Broken(Process):
    """Faults, and is parked."""

    async def main(self) -> None:
        await sleep(0.01)
        raise ValueError("a mistake")
