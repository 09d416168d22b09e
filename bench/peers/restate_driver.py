"""Restate: its server, one worker in Python behind hypercorn, and this client, as three OS processes.

Usage: python restate_driver.py FOLDER SECONDS

The worker is this module as well (`app`). What it notes of applied messages and woken sleepers is in its memory, and asked for. A message
to one counter goes to a virtual object: calls of one key run one after the other, in order, so that whoever is answered last was counted last.
"""

import http.client
import json
import math
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import restate

CHAIN_LENGTH = 10
CONCURRENCIES = (1, 10, 100)
SENDERS = 8
MESSAGES = 1_000
LATENCIES = 500
PARKED = 500
SLEEPERS = 500
START_S = 10.0
"""Until the sleepers are due: by then all of them sleep."""
HOST = "127.0.0.1"
PATIENCE_S = 60.0
LOOK_EVERY_S = 0.02
# Hypercorn's own limits, after which it closes a connection for which the server then waits, are not what is measured.
HYPERCORN = "h2_max_concurrent_streams = 2147483647\nkeep_alive_max_requests = 2147483647\nkeep_alive_timeout = 86400\n"

# --- the worker ------------------------------------------------------------------------------------------------------

bench = restate.Service("Bench")
counter = restate.VirtualObject("Counter")
noted: dict[str, Any] = {"parked": 0, "late_s": []}


def trivial(number: int) -> int:
    return number


@bench.handler("chain")
async def chain(ctx: restate.Context, length: int) -> int:
    total = 0
    for number in range(length):
        total += await ctx.run_typed("trivial", trivial, number=number)
    return total


@bench.handler("parked")
async def parked(ctx: restate.Context, number: int) -> None:
    _, woken = ctx.awakeable()
    noted["parked"] += 1
    await woken


@bench.handler("sleeper")
async def sleeper(ctx: restate.Context, due_s: float) -> None:
    ahead_s = due_s - await ctx.time()
    await ctx.sleep(timedelta(seconds=max(ahead_s, 0.0)))
    noted["late_s"].append(time.time() - due_s if ahead_s > 0 else math.inf)


@bench.handler("noted")
async def what_is_noted(ctx: restate.Context, _: int) -> dict[str, Any]:
    return noted


@counter.handler("add")
async def add(ctx: restate.ObjectContext, by: int) -> int:
    count = (await ctx.get("count", type_hint=int) or 0) + by
    ctx.set("count", count)
    return count


app = restate.app([bench, counter])

# --- the client ------------------------------------------------------------------------------------------------------


class Connection:
    """One connection that is kept, for one thread."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE_S)

    def post(self, path: str, value: Any) -> Any:
        self._connection.request("POST", path, json.dumps(value), {"content-type": "application/json"})
        response = self._connection.getresponse()
        text = response.read()
        if response.status >= 300:
            raise RuntimeError(f"{path}: {response.status} {text[:300]!r}")
        return json.loads(text) if text else None


def tell(quantity: str, value: float, size: int = 0) -> None:
    print(json.dumps({"quantity": quantity, "value": value, "size": size}), flush=True)


def steps(ingress: int, concurrency: int, seconds: float) -> None:
    start = time.perf_counter()

    def one_after_the_other(_: int) -> int:
        connection, finished = Connection(ingress), 0
        while time.perf_counter() < start + seconds:
            result = connection.post("/Bench/chain", CHAIN_LENGTH)
            assert result == sum(range(CHAIN_LENGTH)), result
            finished += 1
        return finished

    with ThreadPoolExecutor(concurrency) as threads:
        finished = sum(threads.map(one_after_the_other, range(concurrency)))
    tell(f"steps, {concurrency} processes at a time", finished * CHAIN_LENGTH / (time.perf_counter() - start))


def latency(connection: Connection) -> None:
    taken_ms = []
    for number in range(LATENCIES):
        start = time.perf_counter()
        assert connection.post("/Counter/alone/add", 1) == number + 1
        taken_ms.append((time.perf_counter() - start) * 1000)
    hundredths = statistics.quantiles(taken_ms, n=100)
    tell("message applied, p50 ms", hundredths[49])
    tell("message applied, p99 ms", hundredths[98])


def messages(ingress: int) -> None:
    def send(count: int) -> None:
        connection = Connection(ingress)
        for _ in range(count):
            connection.post("/Counter/busy/add/send", 1)

    start = time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as threads:
        list(threads.map(send, [MESSAGES // SENDERS] * SENDERS))
    counted = Connection(ingress).post("/Counter/busy/add", 0)
    tell("messages to one counter, per s", counted / (time.perf_counter() - start), MESSAGES)
    assert counted == MESSAGES, counted


def started(ingress: int, handler: str, arguments: list[Any]) -> None:
    def start_some(some: list[Any]) -> None:
        connection = Connection(ingress)
        for argument in some:
            connection.post(f"/Bench/{handler}/send", argument)

    with ThreadPoolExecutor(SENDERS) as threads:
        list(threads.map(start_some, [arguments[place::SENDERS] for place in range(SENDERS)]))


def until(connection: Connection, is_so: Callable[[Any], bool]) -> Any:
    end = time.monotonic() + PATIENCE_S
    while not is_so(known := connection.post("/Bench/noted", 0)):
        if time.monotonic() > end:
            raise TimeoutError(f"the worker has noted {str(known)[:200]}")
        time.sleep(LOOK_EVERY_S)
    return known


def park(ingress: int, connection: Connection) -> None:
    start = time.perf_counter()
    started(ingress, "parked", list(range(PARKED)))
    until(connection, lambda known: known["parked"] >= PARKED)
    tell("start and park, per s", PARKED / (time.perf_counter() - start), PARKED)


def timers(ingress: int, connection: Connection) -> None:
    due_s = time.time() + START_S
    started(ingress, "sleeper", [due_s] * SLEEPERS)
    late_s = until(connection, lambda known: len(known["late_s"]) >= SLEEPERS)["late_s"]
    assert max(late_s) < math.inf, "some were started too late to sleep"
    tell("timers due together, p99 late in s", sorted(late_s)[math.ceil(SLEEPERS * 0.99) - 1], SLEEPERS)


# --- server and worker -----------------------------------------------------------------------------------------------


def server_program() -> Path:
    """Beside this environment, where npm has put it."""
    found = sorted(Path(sys.prefix).glob("node_modules/@restatedev/restate-server-*/bin/restate-server"))
    if not found:
        raise SystemExit(f"no restate-server under {sys.prefix}/node_modules")
    return found[0]


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        return int(listening.getsockname()[1])


@contextmanager
def running(command: list[str], folder: Path, log: str, port: int, **environment: str) -> Iterator[None]:
    """The program, from when it listens."""
    with (folder / log).open("w") as said:
        process = subprocess.Popen(command, cwd=folder, env=os.environ | environment, stdout=said, stderr=said)
        try:
            end = time.monotonic() + PATIENCE_S
            while not listens(port):
                if process.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f"{command[0]} does not listen: {(folder / log).read_text()[-500:]}")
                time.sleep(LOOK_EVERY_S)
            yield
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HOST, port), 0.5):
        return True
    return False


def main(folder: Path, seconds: float) -> None:
    ingress, admin, node, served = (free_port() for _ in range(4))
    (folder / "hypercorn.toml").write_text(HYPERCORN)
    directories = ["--base-dir", str(folder / "data"), "--node-name", "bench"]
    listening = ["--listen-mode", "tcp", "--bind-ip", HOST, "--bind-port", str(node)]
    server = [str(server_program()), *directories, *listening, "--log-filter", "warn", "--no-logo"]
    worker = [sys.executable, "-m", "hypercorn", "--config", "hypercorn.toml", "--bind", f"{HOST}:{served}"]
    addresses = {
        "RESTATE_INGRESS__BIND_ADDRESS": f"{HOST}:{ingress}",
        "RESTATE_ADMIN__BIND_ADDRESS": f"{HOST}:{admin}",
        "RESTATE_DISABLE_TELEMETRY": "true",
    }
    here = str(Path(__file__).resolve().parent)
    with (
        running(server, folder, "server.log", admin, **addresses),
        running([*worker, "restate_driver:app"], folder, "worker.log", served, PYTHONPATH=here),
    ):
        deploy(admin, f"http://{HOST}:{served}")
        connection = Connection(ingress)
        connection.post("/Bench/chain", 1)
        for concurrency in CONCURRENCIES:
            steps(ingress, concurrency, seconds)
        latency(connection)
        messages(ingress)
        park(ingress, connection)
        timers(ingress, connection)


def deploy(admin: int, address: str) -> None:
    """As soon as the server can: it listens before it does."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            Connection(admin).post("/deployments", {"uri": address, "force": True})
            return
        except (RuntimeError, OSError):
            if time.monotonic() > end:
                raise
            time.sleep(LOOK_EVERY_S)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
