"""One run of the simulation: a cluster, its load, and what must hold when everything has come to its end.

A seed decides all: which processes there are, who sends what, when machines die, clocks jump and words are lost. After
`CALM_S` of simulated time nothing fails any more; then everything must end, and as it would have ended on one machine that
never fails.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import random
import sys
import tempfile
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from runtime_client import (
    Client,
    Definitions,
    NotFound,
    NotRunning,
    ProcessCancelled,
    ProcessRef,
    Rate,
    Unavailable,
    Worker,
)
from slct_runtime.runtime import Runtime
from slct_runtime.settings import Settings
from slct_runtime.store.base import StoreError
from slct_runtime.wire.api import ApiError

from ._disk import ENDED, Disk, DiskHandle, Violation, require
from ._faults import Faults
from ._loop import Hang, SimulatedLoop
from ._network import Network

T = TypeVar("T")

EPOCH_MS = 1_800_000_000_000
CALM_S = 8.0
END_S = 600.0
"""Simulated time after which a run that has not ended hangs."""
STEPS_SHOWN = 40
PROGRAMS = Path(__file__).parent / "programs"


class Failure(AssertionError):
    """What went wrong, the seed that repeats it, and the last steps."""

    def __init__(self, seed: int, reason: BaseException, steps: list[str]) -> None:
        shown = "\n".join(f"    {step}" for step in steps[-STEPS_SHOWN:])
        super().__init__(
            f"seed {seed}: {type(reason).__name__}: {reason}\n  last steps:\n{shown}\n  help: make simulate SEED={seed}"
        )
        self.seed = seed


_definitions: Definitions | None = None


def definitions() -> Definitions:
    """The simulated programs, compiled; once per OS process."""
    global _definitions
    if _definitions is None:
        from slct_compile.cli import main as compile_main

        with tempfile.TemporaryDirectory(prefix="slct-simulation-") as directory:
            build = str(Path(directory) / "build")
            assert compile_main([str(PROGRAMS), "--no-lock", "--quiet", "-o", build]) == 0
            sys.path.insert(0, build)
            sys.modules.pop("slct_definitions", None)  # another build's
            importlib.invalidate_caches()
            try:
                _definitions = importlib.import_module("slct_definitions").defs
            finally:
                sys.path.remove(build)
                sys.modules.pop("slct_definitions", None)
    return _definitions


class World:
    """A cluster under a seed."""

    def __init__(
        self, seed: int, loop: SimulatedLoop, chance: random.Random, directory: Path | None, faults: Faults
    ) -> None:
        self.seed = seed
        self.chance = chance
        self.steps: list[str] = []
        self.versions = random.Random(f"versions {seed}")  # apart from `chance`: runs of one version stay as they are
        self.faults = faults
        self._loop = loop
        self._directory = directory
        self._jump_ms = 0
        self.disk = Disk(chance, self.trace, directory)
        self.network = Network(chance, self.disk, self.trace)
        self.attempts: dict[str, set[str]] = {}
        self._up = asyncio.Event()
        self._handle: DiskHandle | None = None
        self._dead: asyncio.Queue[int | None] = asyncio.Queue()

    def trace(self, what: str) -> None:
        self.steps.append(f"{self._loop.time():.6f} {what}")

    def clock_ms(self) -> int:
        """The time that the machines share; it jumps, but for those who measure (`true_ms`)."""
        return EPOCH_MS + round(self._loop.time() * 1000) + self._jump_ms

    # --- effects -----------------------------------------------------------------------------------------------------

    async def attempt(self, key: str, value: int) -> list[object]:
        await self.pause()
        tokens = self.attempts.setdefault(key, set())
        token = f"{key}/{len(tokens)}"
        tokens.add(token)
        self.trace(f"attempt {token}")
        return [token, value]

    def stumbles(self) -> bool:
        return self.chance.random() < 0.2

    async def pause(self) -> None:
        await asyncio.sleep(self.chance.uniform(0, 0.08))

    # --- the runtime -------------------------------------------------------------------------------------------------

    async def keep_up(self) -> None:
        """A runtime is up, and after each death another one."""
        settings = Settings(
            store_retry_ms=50,
            resident_count_max=self.chance.choice([2, 5, 1000]),
            timer_window_ms=2_000,
            commit_at_once_ms_max=1 if self.seed % 10 in (2, 5, 8) else -1,
        )
        while True:
            self._handle = DiskHandle(self.disk, self._died)
            try:
                runtime = await Runtime.open(
                    self._handle,
                    settings=settings,
                    now_ms=self.clock_ms,
                    chance=self.chance.random,
                )
            except (ApiError, StoreError) as error:
                self.trace(f"runtime did not open: {error}")
                await asyncio.sleep(0.1)
                continue
            if not self._handle.is_dead:
                self.network.runtime = runtime
                self.trace("runtime is up")
            await self._dead.get()
            self.network.runtime = None
            await runtime.aclose()
            await asyncio.sleep(self.chance.uniform(0, 0.3))

    def _died(self, torn_from: int | None) -> None:
        self.network.runtime = None
        self._dead.put_nowait(torn_from)

    def kill(self) -> None:
        if self._handle is not None and not self._handle.is_dead and self.network.runtime is not None:
            self._handle.is_dead = True
            self.trace("the runtime is killed")
            self._died(None)

    async def trouble(self) -> None:
        """Deaths between commits, clocks that jump."""
        while self._loop.time() < CALM_S:
            await asyncio.sleep(self.chance.uniform(0.1, 3))
            if self.chance.random() < 0.4:
                self.kill()
            elif self.chance.random() < 0.5:
                self.disk.wake()
            elif self.chance.random() < 0.3:
                self._jump_ms += self.chance.randint(-400, 400)
                self.trace(f"the clock is off by {self._jump_ms} ms")
        self.disk.wake()
        self.disk.is_calm = self.network.is_calm = True
        self.trace("calm")

    async def work(self, name: str) -> None:
        """A worker, killed and started again from time to time."""
        while True:
            worker = Worker(
                self.network,
                definitions(),
                worker_id=name,
                effect_credits=self.chance.choice([1, 4, 100]),
                version=await self.version(),
            )
            running = asyncio.create_task(worker.run())
            life_s = self.chance.uniform(0.2, 6) if self._loop.time() < CALM_S else None
            await asyncio.wait([running], timeout=life_s)
            if running.done():
                running.result()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def version(self) -> str:
        """What a worker serves. In some runs two versions come and go; in the end the one is there that was deployed last."""
        if self.seed % 7 not in (1, 2):
            return "1"
        if self._loop.time() < CALM_S:
            return self.versions.choice("112")
        client = Client(self.network, definitions())
        told = await self.insist(client.versions)
        return next((each.version for each in told if each.is_newest and each.version in "12"), "1")

    # --- the load ----------------------------------------------------------------------------------------------------

    async def insist(self, action: Callable[[], Awaitable[T]]) -> T:
        """Again and again until it is answered."""
        while True:
            try:
                return await action()
            except (Unavailable, TimeoutError, NotFound):
                self._sane()
                await asyncio.sleep(self.chance.uniform(0.01, 0.2))

    def _sane(self) -> None:
        if self.disk.violation is not None:
            raise self.disk.violation
        if self.faults.first is not None:
            raise self.faults.first

    async def start(self, program: str, id: str, *args: Any) -> ProcessRef:
        client = Client(self.network, definitions())
        ref = await self.insist(lambda: client.start(program, *args, id=id))
        require(id in self.disk.status, f"{id} was started, and is not stored")
        return ref

    async def outcome(self, ref: ProcessRef) -> Any:
        return await self.insist(lambda: ref.result(30))

    async def counting(self, id: str) -> None:
        senders, count = self.chance.randint(1, 3), self.chance.randint(1, 6)
        ref = await self.start("counter", id, senders * count)

        async def sender(number: int) -> None:
            with suppress(NotRunning):  # the last answer was lost: the outcome tells whether the message was
                await send_all(number)

        async def send_all(number: int) -> None:
            for index in range(count):
                await self.insist(partial(ref.send, "numbers", [number, index], key=f"{number}-{index}"))

        watched = self.network.spawn(self.watching(ref, senders * count))
        await asyncio.gather(*(sender(number) for number in range(senders)))
        seen = await self.outcome(ref)
        require(await watched == seen, f"{id}: what was watched is not what was emitted")
        for number in range(senders):
            mine = [index for one, index in seen if one == number]
            require(mine == list(range(count)), f"{id}: sender {number} sent {count} numbers, received were {mine}")

    async def tallying(self, id: str) -> None:
        """Many messages that wait at the same time."""
        senders, count = self.chance.randint(5, 15), self.chance.randint(1, 5)
        ref = await self.start("tally", id, senders * count)

        async def sender(number: int) -> None:
            with suppress(NotRunning):
                for index in range(count):
                    channel = "words" if self.chance.random() < 0.3 else "marks"
                    mark = [number, index, int(channel == "words")]
                    await self.insist(partial(ref.send, channel, mark, key=f"{number}-{index}"))

        await asyncio.gather(*(sender(number) for number in range(senders)))
        seen = await self.outcome(ref)
        for number in range(senders):
            mine = [(kind, index) for one, index, kind in seen if one == number]
            indexes = sorted(index for _, index in mine)
            require(indexes == list(range(count)), f"{id}: sender {number} sent {count} numbers, received were {mine}")
            for channel in (0, 1):
                one = [index for kind, index in mine if kind == channel]
                require(one == sorted(one), f"{id}: of sender {number} were received, in this order: {mine}")

    async def watching(self, ref: ProcessRef, count: int) -> list[Any]:
        seen: list[Any] = []

        async def watch() -> None:
            async for event in ref.watch(len(seen)):
                if event.kind == "output":
                    assert event.payload is not None
                    require(event.offset == len(seen), f"{ref.id}: output {event.offset} came after {len(seen)} others")
                    seen.append(json.loads(event.payload))
            require(len(seen) == count, f"{ref.id}: {len(seen)} outputs of {count}")

        await self.insist(watch)
        return seen

    async def chaining(self, id: str) -> None:
        length = self.chance.randint(1, 5)
        self.check_tokens(id, await self.outcome(await self.start("chain", id, length)), length)

    def check_tokens(self, id: str, tokens: list[Any], length: int) -> None:
        require([value for _, value in tokens] == list(range(length)), f"{id}: {tokens}")
        issued = {token for key, made in self.attempts.items() if key.startswith(f"{id}:") for token in made}
        require({token for token, _ in tokens} <= issued, f"{id}: {tokens} were never given")

    async def racing(self, id: str) -> None:
        count = self.chance.randint(1, 5)
        ref = await self.start("racer", id, count)
        for index in range(count):
            await asyncio.sleep(self.chance.uniform(0, 0.2))
            with suppress(NotRunning):
                await self.insist(partial(ref.send, "words", index, key=f"w{index}"))
        seen = await self.outcome(ref)
        require(seen == list(range(count)), f"{id}: {seen}")

    async def napping(self, id: str) -> None:
        seconds = self.chance.choice([0.0, 0.3, 2.5, 5.0])
        jumps = self._jump_ms
        slept_ms = await self.outcome(await self.start("nap", id, seconds))
        is_early = slept_ms < seconds * 1000 and jumps == self._jump_ms
        require(not is_early, f"{id}: slept {slept_ms} ms of {seconds} s")

    async def alarms(self, id: str) -> None:
        count, jumps = self.chance.randint(2, 5), self._jump_ms
        slept = await self.outcome(await self.start("alarms", id, count))
        wanted = [1000 + 125 * index for index in range(count)]
        is_early = any(a < b for a, b in zip(slept, wanted, strict=True)) and jumps == self._jump_ms
        require(not is_early, f"{id}: slept {slept} ms of {wanted}")

    async def milling(self, id: str) -> None:
        """Senders that do not wait for each other: messages pile up."""
        count = self.chance.randint(2, 8)
        ref = await self.start("mill", id, count)

        async def send(index: int) -> None:
            with suppress(NotRunning):
                await self.insist(lambda: ref.send("numbers", index, key=f"m{index}"))

        await asyncio.gather(*(send(index) for index in range(count)))
        done = await self.outcome(ref)
        require(sorted(done) == list(range(count)), f"{id}: {done} of {count}")

    async def walking(self, id: str) -> None:
        """Effects in a queue with limits. The network checks what each attempt is told of those before it."""
        client, count = Client(self.network, definitions()), self.chance.randint(1, 4)
        await self.insist(
            lambda: client.set_queue("narrow", concurrency=2, rate=Rate(3, per=0.2), worker_concurrency=1)
        )
        walked = await self.outcome(await self.start("walkers", id, count))
        require(walked == [[0, 1, 2]] * count, f"{id}: {walked}")

    async def once(self, id: str) -> None:
        count = self.chance.randint(1, 4)
        seen = await self.outcome(await self.start("once", id, count))
        require(all(value in (index, -1) for index, value in enumerate(seen)), f"{id}: {seen}")
        twice = {key for key, made in self.attempts.items() if key.startswith(f"{id}:") and len(made) > 1}
        require(not twice, f"{id}: {twice} were started twice")

    async def hurrying(self, id: str) -> None:
        count, seconds, jumps = self.chance.randint(1, 4), self.chance.choice([0.15, 0.6]), self._jump_ms
        ends = await self.outcome(await self.start("hurried", id, count, seconds))
        for index, (ended, took) in enumerate(ends):
            key = f"{id}:{index + 1}"  # effects are counted from 1
            issued = self.attempts.get(key, set())
            require(ended in ("done", "unknown", "OSError", "TimeoutError"), f"{key} ended by {ended}")
            require(bool(issued) or ended in ("TimeoutError", "unknown"), f"{key} ended by {ended} without an attempt")
            is_early = ended == "TimeoutError" and took < seconds and jumps == self._jump_ms
            require(not is_early, f"{key} has had {took} s of {seconds} s")
            if index % 3 == 2:
                require(len(issued) <= 1, f"{key} was started {len(issued)} times")
            else:
                require(ended != "unknown", f"{key} may be attempted again, and is unknown")

    async def lending(self, id: str) -> None:
        rounds = self.chance.randint(1, 3)
        got = await self.outcome(await self.start("lender", id, rounds))
        require(got == list(range(rounds)), f"{id}: {got}")

    async def guarding(self, id: str) -> None:
        child, seconds = f"{id}-child", self.chance.choice([0.0, 0.5])
        await self.outcome(await self.start("guardian", id, child, seconds))
        try:
            await self.outcome(Client(self.network, definitions()).get(child))
        except ProcessCancelled:
            return
        raise Violation(f"{child} is attached to {id}, which has ended, and is {self.disk.status[child]}")

    async def raising(self, id: str) -> None:
        count = self.chance.randint(1, 5)
        counted, naps = await self.outcome(await self.start("parent", id, count))
        require(counted == [[0, number] for number in range(count)], f"{id}: its child received {counted}")
        require(len(naps) == 2, f"{id}: {naps}")

    async def leaving(self, id: str) -> None:
        child = await self.outcome(await self.start("legacy", id, f"{id}-child"))
        ref = Client(self.network, definitions()).get(child)
        self.check_tokens(child, await self.outcome(ref), 2)

    async def crewing(self, id: str) -> None:
        count = self.chance.randint(0, 4)
        got = await self.outcome(await self.start("crew", id, count))
        require(got == [*range(count), 0, 10, 20], f"{id}: {got}")

    async def asking(self, id: str) -> None:
        count = self.chance.randint(1, 4)
        ref = await self.start("desk", id, count)

        async def ask(index: int) -> Any:
            return await self.insist(lambda: ref.request("questions", index, key=f"q{index}", timeout=5))

        answers = await asyncio.gather(*(ask(index) for index in range(count)))
        require(sorted(answers) == list(range(1, count + 1)), f"{id}: {answers}")
        require(await self.outcome(ref) == count, id)

    async def cancelling(self, id: str) -> None:
        ref = await self.start("cleaner", id)
        await asyncio.sleep(self.chance.uniform(0, 1))
        try:
            await self.insist(ref.cancel)
        except NotRunning:
            pass
        try:
            await self.outcome(ref)
        except ProcessCancelled:
            return
        raise Violation(f"{id} was cancelled, and is {self.disk.status[id]}")

    async def breaking(self, id: str) -> None:
        await self.start("broken", id)
        while self.disk.status[id] != "faulted":
            require(self.disk.status[id] not in ENDED, f"{id} is {self.disk.status[id]}")
            self._sane()
            await asyncio.sleep(0.2)

    async def waiting(self, id: str) -> None:
        """Messages that wait for their receiver."""
        count = self.chance.randint(1, 3)
        ref = await self.start("counter", id, count)
        for index in range(count):
            try:
                await self.insist(partial(ref.send, "numbers", [0, index], key=f"k{index}", wait=True))
            except NotRunning:
                require(index == count - 1, f"{id} ended before message {index}")
        await self.outcome(ref)

    async def run(self) -> None:
        kinds = [
            self.counting,
            self.tallying,
            self.chaining,
            self.racing,
            self.napping,
            self.alarms,
            self.raising,
            self.leaving,
            self.crewing,
            self.asking,
            self.cancelling,
            self.breaking,
            self.waiting,
            self.milling,
            self.once,
            self.walking,
            self.hurrying,
            self.lending,
            self.guarding,
        ]
        chosen = deque(self.chance.choices(kinds, k=self.chance.randint(2, 7)))
        around = [self.keep_up(), self.trouble(), *(self.work(f"worker{n}") for n in range(self.chance.randint(1, 3)))]
        tasks = [asyncio.create_task(each) for each in around]
        load = [asyncio.create_task(kind(f"{kind.__name__}{n}")) for n, kind in enumerate(chosen)]
        try:
            async with asyncio.timeout(END_S):
                await self._finish(tasks, load)
        except TimeoutError:
            self._sane()
            left = sorted(f"{pid} ({status})" for pid, status in self.disk.status.items() if status not in ENDED)
            raise Hang(f"after {END_S:g} s there are {', '.join(left) or 'waiting clients only'}") from None
        finally:
            await self._stop(tasks, load)
        self._sane()

    async def _finish(self, tasks: list[asyncio.Task[None]], load: list[asyncio.Task[None]]) -> None:
        """Until the load has ended; trouble comes to an end before that, and whatever else ends has failed."""
        waiting: asyncio.Future[Any] = asyncio.gather(*load)
        pending: set[asyncio.Future[Any]] = {waiting, *tasks}
        try:
            while not waiting.done():
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in sorted(done, key=[*tasks, waiting].index):
                    task.result()
        finally:
            waiting.cancel()
            await asyncio.wait([waiting])

    async def _stop(self, tasks: list[asyncio.Task[None]], load: list[asyncio.Task[None]]) -> None:
        runtime, self.network.runtime = self.network.runtime, None
        for task in [*tasks, *load, *self.network.tasks]:
            task.cancel()
        await asyncio.gather(*tasks, *load, *self.network.tasks, return_exceptions=True)
        if runtime is not None:
            await runtime.aclose()
        self.disk.store.close()


def simulate(seed: int, *, sqlite: bool | None = None) -> list[str]:
    """Run one seed; every fourth is on SQLite, with torn writes, unless told otherwise. Gives its trace.

    Raises:
      Failure: something that must hold did not.
    """
    defs = definitions()
    chance = random.Random(seed)
    on_sqlite = seed % 4 == 0 if sqlite is None else sqlite
    world: World | None = None

    async def scene(directory: Path | None) -> None:
        nonlocal world
        world = World(seed, loop, chance, directory, faults)
        for name, module in list(sys.modules.items()):
            if name == "simulated_effects":
                module.world = world  # type: ignore[attr-defined]  # what the effects of simulated programs ask for
        await world.run()

    assert defs is not None
    loop = SimulatedLoop(chance)
    faults = Faults()
    loop.set_exception_handler(faults.unseen)
    log = logging.getLogger("slct")
    log.addHandler(faults)
    log.propagate = False
    try:
        with (
            tempfile.TemporaryDirectory(prefix="slct-simulation-") as directory,
            asyncio.Runner(loop_factory=lambda: loop) as runner,
        ):
            runner.run(scene(Path(directory) if on_sqlite else None))
    except (AssertionError, Exception) as error:
        cause = faults.first if isinstance(error, Hang) and faults.first is not None else error
        raise Failure(seed, cause, world.steps if world is not None else []) from cause
    finally:
        log.removeHandler(faults)
        log.propagate = True
    assert world is not None
    return world.steps
