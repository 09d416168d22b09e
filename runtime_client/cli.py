"""The `slct` command: one function per verb, over the public client.

A verb raises; `main` alone turns exceptions into `error: ...` and `hint: ...` on stderr and an exit code: 0 done,
1 refused or failed, 2 wrong usage, 130 interrupted. A traceback is shown only with `--debug`.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import getpass
import importlib
import io
import json
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version as distribution_version
from pathlib import Path
from typing import Any, NoReturn, get_args

from slct_runtime.wire.address import BadAddress, check_address
from slct_runtime.wire.api import ApiError, MovePolicy
from slct_runtime.wire.work import DefinitionRecord

from . import _cli_output as output
from . import _cli_versions
from ._client import Client, Rate
from ._definitions import Definitions
from ._errors import ClientError, DefinitionError, SlctError
from ._loops import run_serving
from ._schedule import CatchUp, Overlap, ScheduleSpec
from ._source import path_in_build

DEFAULT_ADDRESS = "127.0.0.1:9090"
DAY_MS = 24 * 3600 * 1000
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141
"""What a shell reports for a command that died of SIGPIPE."""

SERVING = frozenset({"runtime", "worker", "dev"})
"""Commands that go on until they are stopped."""

Verb = Callable[[argparse.Namespace], Coroutine[Any, Any, int]]


class Refusal(Exception):
    """Something on the command line cannot be done. `hint` says what to do instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    _prepare_output()
    arguments = _arguments(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        run = run_serving if arguments.command in SERVING else asyncio.run
        code: int = run(arguments.run(arguments))
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more is written when Python exits
        return EXIT_BROKEN_PIPE
    except Exception as error:
        if getattr(arguments, "debug", False):
            traceback.print_exc()
        _report(error)
        return 1


def _prepare_output() -> None:
    """A terminal that cannot show a character shows an escape; one that is closed shows nothing."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for as long as this OS process lives
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower() != "utf-8":
            stream.reconfigure(errors="backslashreplace")


def _report(error: Exception) -> None:
    """Print what went wrong and what to do about it. The only place that maps exceptions to words."""
    match error:
        case Refusal(hint=hint):
            message = str(error)
        case ClientError(message=message, help=hint) | ApiError(message=message, help=hint):
            pass
        case SlctError() | OSError() | TimeoutError():
            message, _, hint = str(error).partition("\n  help: ")
        case _ if type(error).__module__.startswith("slct_runtime.store"):
            message, _, hint = str(error).partition("\n  help: ")
        case _:
            message = f"this is a fault of slct: {type(error).__name__}: {error}"
            hint = "run the same command with --debug and report what it prints"
    _print_error(message or type(error).__name__, hint)


def _print_error(message: str, hint: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)


# --- servers ---------------------------------------------------------------------------------------------------------


COLLECTED_EVERY = (10_000, 20, 20)
"""When a server looks for garbage in cycles. Most of what it holds are processes, which are no garbage, and many die young."""


def _collect_seldom() -> None:
    """This OS process is a server and nothing else: what was imported stays, and what is made has few cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED_EVERY)


async def run_runtime(arguments: argparse.Namespace) -> int:
    """Serve a store to clients and workers until SIGTERM or Ctrl-C."""
    from slct_runtime.runtime import Runtime
    from slct_runtime.server import serve_grpc

    with _Stop() as stop:
        runtime = await Runtime.open(arguments.store, settings=_runtime_settings(arguments))
        try:
            server = await serve_grpc(runtime, arguments.listen)
            _collect_seldom()
            print(f"slct runtime listens on {server.address}, store {arguments.store}", flush=True)
            try:
                await stop.wait()
            finally:
                await server.stop()
        finally:
            await runtime.aclose()
        return stop.exit_code


def _runtime_settings(arguments: argparse.Namespace) -> Any:
    from slct_runtime.settings import Settings

    retention_ms = None if arguments.retention is None else round(arguments.retention * DAY_MS)
    return Settings(history_transitions_max=arguments.history, ended_retention_ms=retention_ms)


async def dev(arguments: argparse.Namespace) -> int:
    """Serve what is in a directory of sources, and follow every change: compile, deploy, and let running processes go on."""
    from . import _dev

    if not Path(arguments.source).exists():
        raise Refusal(
            f"there are no sources {arguments.source!r}", "slct dev SRC: the directory that slct-compile is given"
        )
    with _Stop() as stop:
        await _dev.run(arguments, stop.event)
        return stop.exit_code


async def vacuum(arguments: argparse.Namespace) -> int:
    """Delete processes that ended long ago from a store that no runtime uses now."""
    from slct_runtime.settings import Settings
    from slct_runtime.store import open_store

    path = arguments.store.removeprefix("sqlite:///")
    if not os.path.exists(path):
        _print_error(f"there is no store {path!r}", "--store sqlite:///FILE, as given to slct runtime")
        return 1
    now_ms = round(time.time() * 1000)
    store = open_store(arguments.store)
    try:
        before_ms = now_ms - round(arguments.older_than * DAY_MS)
        count = store.vacuum(before_ms, now_ms - Settings().key_retention_ms)
    finally:
        store.close()
    print(f"deleted {count} ended processes")
    return 0


async def run_worker(arguments: argparse.Namespace) -> int:
    """Run the transitions and effects of one build until SIGTERM or Ctrl-C."""
    from ._worker import Worker

    worker = Worker(
        arguments.runtime,
        load_build(arguments.build),
        version=arguments.version,
        queues=arguments.queue,
        effect_credits=arguments.concurrency,
        drain=arguments.drain,
        tells_faults=not arguments.while_stdin,  # whoever has started it shows the runtime's words
    )
    if not arguments.while_stdin:
        await _say_if_changed(worker.definitions, arguments)
    _collect_seldom()
    with _Stop() as stop:
        serving = asyncio.create_task(worker.run())
        announcing = asyncio.create_task(_announce(worker, arguments))
        stopping = asyncio.create_task(stop.wait())
        if arguments.while_stdin:
            stop.when_stdin_ends()
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        announcing.cancel()
        stopping.cancel()
        worker.stop()
        await serving
        return stop.exit_code


async def _say_if_changed(definitions: Definitions, arguments: argparse.Namespace) -> None:
    """Before the runtime takes this build for that version. A runtime that is not there yet has nothing to compare with."""
    try:
        async with _client(arguments) as client:
            changed = await _cli_versions.changed_code(client, definitions, arguments.version)
    except ClientError:
        return
    _cli_versions.warn_of_changed_code(changed, arguments.version)


async def _announce(worker: Any, arguments: argparse.Namespace) -> None:
    await worker.connected.wait()
    names = ", ".join(worker.definitions.names)
    print(f"slct worker serves {names} as version {arguments.version} to {arguments.runtime}", flush=True)


class _Stop:
    """Waits for SIGTERM or SIGINT; a second SIGINT does not wait for anything."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.exit_code = 0

    def __enter__(self) -> _Stop:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop, 0)
        loop.add_signal_handler(signal.SIGINT, self._stop, EXIT_INTERRUPTED)
        return self

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_signal_handler(signal.SIGTERM)
        loop.remove_signal_handler(signal.SIGINT)

    def _stop(self, exit_code: int) -> None:
        self.exit_code = exit_code
        self.event.set()
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)

    def when_stdin_ends(self) -> None:
        """Stop when whoever has started this command is gone: nothing else holds the other end."""
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self._stdin_has_ended)

    def _stdin_has_ended(self) -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self.event.set()

    async def wait(self) -> None:
        await self.event.wait()


def load_build(directory: str) -> Definitions:
    """The definitions of a build directory; it is put first on the import path.

    Raises:
      Refusal: there is no such directory, it is not a build, or it cannot be imported.
    """
    build = Path(directory).resolve()
    hint = f"compile your sources into it: slct-compile src/ -o {directory}"
    if not build.is_dir():
        raise Refusal(f"there is no build directory {directory!r}", hint)
    if not (build / "slct_definitions.py").is_file():
        raise Refusal(f"{directory!r} holds no slct_definitions.py, so it is not a build", hint)
    sys.path.insert(0, str(build))
    try:
        defs = importlib.import_module("slct_definitions").defs
    except Exception as error:
        if isinstance(error, DefinitionError) and str(error).startswith("slct_manifest.json "):
            message, _, help = str(error).partition("\n  help: ")
            raise Refusal(f"the build {directory!r} cannot be used: {message}", help) from error
        mend = (
            f"mend that in your sources and compile again, or install what is missing: slct-compile src/ -o {directory}"
        )
        raise Refusal(f"the build {directory!r} cannot be imported: {_last_line(error, build)}", mend) from error
    if not isinstance(defs, Definitions):
        raise Refusal(f"{directory}/slct_definitions.py holds no Definitions named `defs`", hint)
    if not defs.names:
        raise Refusal(
            f"the build {directory!r} defines no process",
            "a process is a class that derives from Process and has a main",
        )
    return defs


def _last_line(error: Exception, build: Path) -> str:
    """The error, and where in the author's own files it was raised."""
    frames = [(path_in_build(f.filename, build), f.lineno) for f in traceback.extract_tb(error.__traceback__)]
    places = [f"{path}:{line}: " for path, line in frames if path is not None]
    place = places[-1] if places else ""
    return f"{place}{type(error).__name__}: {error}"


# --- what is done to processes ---------------------------------------------------------------------------------------


@asynccontextmanager
async def _client(arguments: argparse.Namespace) -> AsyncIterator[Client]:
    async with Client(arguments.runtime) as client:
        yield client


async def start(arguments: argparse.Namespace) -> int:
    """Start a process and print its id."""
    async with _client(arguments) as client:
        positional, keywords = await _start_arguments(client, arguments, arguments.version)
        ref = await client.start_json(
            arguments.definition,
            positional,
            keywords,
            id=arguments.id,
            labels=_pairs(arguments.label),
            version=arguments.version,
        )
        print(ref.id)
    return 0


async def _start_arguments(
    client: Client, arguments: argparse.Namespace, version: str | None
) -> tuple[list[Any], dict[str, Any]]:
    """What a process is to be started with, as the definition's parameters read it."""
    parameters = _Parameters(await client.definitions(), arguments.definition, version)
    positional = [_value(text, parameters.at(index), arguments.json) for index, text in enumerate(arguments.arguments)]
    keywords = {
        name: _value(text, parameters.named(name), arguments.json) for name, text in _pairs(arguments.arg).items()
    }
    return positional, keywords


async def schedule(arguments: argparse.Namespace) -> int:
    """Start a process at each time of a cron expression, and print the schedule's id."""
    async with _client(arguments) as client:
        positional, keywords = await _start_arguments(client, arguments, None)
        try:
            spec = ScheduleSpec(
                arguments.cron,
                arguments.definition,
                positional,
                keywords,
                arguments.timezone,
                arguments.catch_up,
                arguments.overlap,
            )
        except ValueError as error:
            reason, _, help = str(error).partition("\n  help: ")
            raise Refusal(reason, help) from None
        ref = await client.start_schedule(spec, id=arguments.id, labels=_pairs(arguments.label))
        print(ref.id)
    return 0


async def send(arguments: argparse.Namespace) -> int:
    """Send a value to a channel of a process; returns when it is stored."""
    async with _client(arguments) as client:
        ref = client.get(arguments.id)
        info = (await ref.describe()).info
        channels = _manifest(await client.definitions(), info.definition, info.version).get("channels", {})
        value = _value(arguments.value, channels.get(arguments.channel, {}).get("type"), arguments.json)
        await ref.send_json(arguments.channel, value, key=arguments.key, wait=arguments.wait)
    return 0


async def request(arguments: argparse.Namespace) -> int:
    """Ask a process on one of its channels, and print the answer."""
    async with _client(arguments) as client:
        ref = client.get(arguments.id)
        info = (await ref.describe()).info
        channels = _manifest(await client.definitions(), info.definition, info.version).get("channels", {})
        declared = channels.get(arguments.channel, {}).get("type") or {}
        question = _value(arguments.value, declared.get("value"), arguments.json)
        answer = await ref.request_json(arguments.channel, question, key=arguments.key, timeout=arguments.timeout)
    print(output.payload_text(answer))
    return 0


async def close(arguments: argparse.Namespace) -> int:
    """Close a channel of a process."""
    async with _client(arguments) as client:
        await client.get(arguments.id).close(arguments.channel)
    return 0


async def cancel(arguments: argparse.Namespace) -> int:
    """Raise `Cancelled` in every goroutine of a process, so that it can clean up and end."""
    async with _client(arguments) as client:
        await client.get(arguments.id).cancel()
    return 0


async def terminate(arguments: argparse.Namespace) -> int:
    """End a process at once; no code of it runs any more."""
    async with _client(arguments) as client:
        await client.get(arguments.id).terminate()
    return 0


async def retry(arguments: argparse.Namespace) -> int:
    """Take a faulted process up again from its last committed state."""
    async with _client(arguments) as client:
        await client.get(arguments.id).retry()
    return 0


async def edit(arguments: argparse.Namespace) -> int:
    """Put other values in the place of those that a parked process has; who and why is kept in its history."""
    changes = {name: _json_or_text(text) for name, text in _pairs(arguments.changes).items()}
    fields = {name: value for name, value in changes.items() if "." not in name}
    local_values = {name: value for name, value in changes.items() if "." in name}
    async with _client(arguments) as client:
        for line in await client.get(arguments.id).edit(
            fields, local_values, who=arguments.who or getpass.getuser(), why=arguments.why
        ):
            print(line)
    return 0


async def fork(arguments: argparse.Namespace) -> int:
    """Begin a new process with what another one had after a transition of its history; prints its id."""
    who = arguments.who or getpass.getuser()
    async with _client(arguments) as client:
        ref = await client.fork(arguments.id, arguments.at, who=who, why=arguments.why, id=arguments.new_id)
    print(ref.id)
    return 0


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


async def deploy(arguments: argparse.Namespace) -> int:
    """Make a build the newest version; says first which running processes go on under it, and why others cannot."""
    definitions = load_build(arguments.build)
    async with _client(arguments) as client:
        return await _cli_versions.deploy(client, definitions, arguments)


async def move(arguments: argparse.Namespace) -> int:
    """Let processes go on under another deployed version."""
    if bool(arguments.ids) == (arguments.definition is not None):
        hint = "slct move ID --to 2, or slct move --definition order --from 1 --to 2 --limit 10"
        raise Refusal("say either which processes, or of which definition", hint)
    async with _client(arguments) as client:
        return await _cli_versions.move(client, arguments)


async def graph(arguments: argparse.Namespace) -> int:
    """Draw the states of a deployed definition; with --live, how many processes are in each."""
    from . import _cli_graph

    async with _client(arguments) as client:
        return await _cli_graph.graph(client, arguments)


async def versions(arguments: argparse.Namespace) -> int:
    """Print every deployed version: how many processes are left on it, and how many workers run it."""
    async with _client(arguments) as client:
        return await _cli_versions.versions(client, arguments)


async def limit_queue(arguments: argparse.Namespace) -> int:
    """Limit a queue of effects, on all workers together or on each; what is left out is not limited any more."""
    names = ("concurrency", "worker_concurrency", "rate", "worker_rate")
    given = {name: getattr(arguments, name) for name in names}
    is_limit = any(limit is not None for limit in given.values())
    if is_limit == arguments.unlimited:
        raise Refusal("say either what is limited or --unlimited", f"slct queue {arguments.name} --concurrency 10")
    async with _client(arguments) as client:
        await client.set_queue(arguments.name, **given)
    return 0


# --- looking ---------------------------------------------------------------------------------------------------------


async def show(arguments: argparse.Namespace) -> int:
    """Print where every goroutine of a process stands, with its locals."""
    async with _client(arguments) as client:
        description = await client.get(arguments.id).describe()
    print(output.description_json(description) if _wants_json(arguments) else output.description_text(description))
    return 0


async def list_processes(arguments: argparse.Namespace) -> int:
    """Print the processes that match."""
    async with _client(arguments) as client:
        listed = client.list(
            definition=arguments.definition, status=arguments.status, labels=_pairs(arguments.label) or None
        )
        write = output.write_list_json if _wants_json(arguments) else output.write_list_text
        await write(_first(listed, arguments.limit), sys.stdout)
    return 0


async def _first(items: AsyncIterator[Any], count: int | None) -> AsyncIterator[Any]:
    taken = 0
    async for item in items:
        if count is not None and taken >= count:
            return
        yield item
        taken += 1


async def queues(arguments: argparse.Namespace) -> int:
    """Print the queues of effects: their limits, what waits and what runs."""
    async with _client(arguments) as client:
        found = await client.queues()
    if _wants_json(arguments):
        print(output.queues_json(found))
    else:
        output.write_queues_text(found, sys.stdout)
    return 0


async def watch(arguments: argparse.Namespace) -> int:
    """Print what happens to a process, until it ends."""
    async with _client(arguments) as client:
        async for event in client.get(arguments.id).watch():
            print(output.event_json(event) if _wants_json(arguments) else output.event_text(event), flush=True)
    return 0


async def history(arguments: argparse.Namespace) -> int:
    """Print what a process has done, transition by transition, if the runtime keeps that."""
    async with _client(arguments) as client:
        async for entry in client.get(arguments.id).history(arguments.after):
            print(output.history_json(entry) if _wants_json(arguments) else output.history_text(entry))
    return 0


async def result(arguments: argparse.Namespace) -> int:
    """Wait for the end of a process and print its result."""
    timeout_ms = None if arguments.timeout is None else round(arguments.timeout * 1000)
    async with _client(arguments) as client:
        await _say_if_stuck(client, arguments.id)
        outcome = await client.api.result(arguments.id, timeout_ms)
    if _wants_json(arguments):
        print(output.outcome_json(outcome))
    elif outcome.status == "completed":
        print(output.payload_text(outcome.result))
    else:
        reason = f": {output.payload_text(outcome.error)}" if outcome.error and outcome.status == "failed" else ""
        raise Refusal(f"process {arguments.id!r} {_ended(outcome.status)}{reason}", f"slct show {arguments.id}")
    return 0 if outcome.status == "completed" else 1


async def _say_if_stuck(client: Client, process_id: str) -> None:
    """Whoever waits for what cannot come without help is told so, and waits on."""
    status = (await client.get(process_id).describe()).info.status
    if status in ("faulted", "deadlocked"):
        print(f"process {process_id!r} is {status}, and has no result before that is mended", file=sys.stderr)
        print(f"hint: slct show {process_id} tells why", file=sys.stderr)


def _ended(status: str) -> str:
    return status if status == "failed" else f"was {status}"


def _wants_json(arguments: argparse.Namespace) -> bool:
    return bool(arguments.format == "json")


# --- values on the command line --------------------------------------------------------------------------------------


def _value(text: str, description: Any, is_json: bool) -> Any:
    """The value that a word stands for: itself where a str is declared; otherwise JSON, or itself if it is none.

    With `--json` a word is JSON and nothing else, so that `'"40"'` can be told from `40` where both would fit.
    """
    if not is_json and output.is_text(text, description):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if is_json:
            raise Refusal(
                f"{text!r} is not JSON: {error}", "quote a text twice: '\"like this\"', or leave out --json"
            ) from None
        return text


@dataclass(frozen=True, slots=True)
class _Parameters:
    """What `main` of a definition takes, as far as its manifest tells; the runtime checks what is sent."""

    records: tuple[DefinitionRecord, ...]
    definition: str
    version: str | None

    def _list(self) -> list[dict[str, Any]]:
        return list(_manifest(self.records, self.definition, self.version).get("parameters") or ())

    def at(self, index: int) -> Any:
        by_position = [p for p in self._list() if p["kind"] in ("positional_only", "positional_or_keyword")]
        rest = [p for p in self._list() if p["kind"] == "var_positional"]
        found = by_position[index : index + 1] or rest
        return found[0].get("type") if found else None

    def named(self, name: str) -> Any:
        rest = [p for p in self._list() if p["kind"] == "var_keyword"]
        found = [p for p in self._list() if p["name"] == name] or rest
        return found[0].get("type") if found else None


def _manifest(records: Sequence[DefinitionRecord], name: str, version: str | None) -> dict[str, Any]:
    """The manifest of that version, or of any if None; empty if it is not deployed (the runtime will say so)."""
    found = [r for r in records if r.name == name and version in (None, r.version)]
    return dict(json.loads(found[-1].manifest)) if found else {}


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    """`["k=v", ...]` as a dict; checked by the parser."""
    return dict(text.split("=", 1) for text in texts)


# --- the parser ------------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """Wrong usage in the words of every other error; options may stand between positional arguments."""

    _is_intermixing = False

    def error(self, message: str) -> NoReturn:
        _print_error(message, f"{self.prog} --help")
        raise SystemExit(2)


class _VerbParser(_Parser):
    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._is_intermixing:
            return super().parse_known_args(args, namespace)
        self._is_intermixing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_intermixing = False


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    arguments, unknown = _parser().parse_known_args(argv)
    if unknown:
        _print_error(f"unrecognized arguments: {' '.join(unknown)}", f"slct {arguments.command} --help")
        raise SystemExit(2)
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="slct", description="Run durable processes, talk to them and look at them.")
    parser.add_argument("--version", action="version", version=f"slct {distribution_version('slct')}")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    verbs = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="command", required=True, parser_class=_VerbParser
    )
    _add_servers(verbs)
    _add_actions(verbs)
    _add_views(verbs)
    return parser


def _add_servers(verbs: Any) -> None:
    verb = _add(verbs, "runtime", run_runtime, is_client=False)
    verb.add_argument(
        "--store", default="sqlite:///slct.db", metavar="URL", help="sqlite:///FILE (default: %(default)s)"
    )
    verb.add_argument(
        "--listen",
        type=_address,
        default=DEFAULT_ADDRESS,
        metavar="ADDRESS",
        help="HOST:PORT, or unix:PATH for this machine alone; default: %(default)s",
    )
    verb.add_argument(
        "--history",
        type=_count,
        default=0,
        metavar="N",
        help="keep the last N transitions of each process (default: none)",
    )
    verb.add_argument(
        "--retention",
        type=_days,
        metavar="DAYS",
        help="delete processes that ended longer ago, such as 7 or 0.5 (default: keep them)",
    )
    verb = _add(verbs, "dev", dev, is_client=False)
    verb.add_argument("source", metavar="SRC", help="the directory that slct-compile is given")
    verb.add_argument(
        "--directory", default=".slct", metavar="DIR", help="for builds and processes (default: %(default)s)"
    )
    verb.add_argument(
        "--listen",
        type=_address,
        default=DEFAULT_ADDRESS,
        metavar="ADDRESS",
        help="HOST:PORT, or unix:PATH for this machine alone; default: %(default)s",
    )
    verb.add_argument(
        "--history",
        type=_count,
        default=100,
        metavar="N",
        help="keep the last N transitions of each process (default: 100)",
    )
    verb = _add(verbs, "vacuum", vacuum, is_client=False)
    verb.add_argument(
        "--store", default="sqlite:///slct.db", metavar="URL", help="sqlite:///FILE (default: %(default)s)"
    )
    verb.add_argument(
        "--older-than", type=_days, required=True, metavar="DAYS", help="only those that ended longer ago; 0 is all"
    )
    verb = _add(verbs, "worker", run_worker)
    verb.add_argument("build", metavar="BUILD", help="a directory made by slct-compile")
    verb.add_argument("--version", default="1", help="what to register the build as (default: %(default)s)")
    verb.add_argument(
        "--queue",
        action="append",
        default=[],
        metavar="NAME",
        help="take effects from this queue only; may be repeated",
    )
    verb.add_argument(
        "--concurrency", type=_positive, default=100, metavar="N", help="effects run at a time (default: %(default)s)"
    )
    verb.add_argument(
        "--while-stdin", action="store_true", help="stop when standard input is closed: for those who start workers"
    )
    verb.add_argument(
        "--drain",
        type=_seconds,
        default=30.0,
        metavar="SECONDS",
        help="how long effects may go on after SIGTERM; the rest goes back to the runtime (default: %(default)s)",
    )


def _add_actions(verbs: Any) -> None:
    verb = _add(verbs, "start", start)
    verb.add_argument("definition", metavar="DEFINITION")
    verb.add_argument("arguments", metavar="ARGUMENT", nargs="*", help="text where a str is declared, JSON elsewhere")
    verb.add_argument(
        "--arg", type=_pair, action="append", default=[], metavar="NAME=VALUE", help="an argument by name"
    )
    verb.add_argument("--id", help="the same id again gives the same process (default: a new one)")
    verb.add_argument("--label", type=_pair, action="append", default=[], metavar="NAME=VALUE")
    verb.add_argument("--version", help="which deployed version to run on (default: the newest)")
    verb.add_argument("-J", "--json", action="store_true", help="arguments are JSON and nothing else")
    verb = _add(verbs, "schedule", schedule)
    verb.add_argument("cron", metavar="CRON", help="minute hour day month weekday, as in '30 6 * * MON-FRI'")
    verb.add_argument("definition", metavar="DEFINITION")
    verb.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="of each process, as in `slct start`")
    verb.add_argument("--arg", type=_pair, action="append", default=[], metavar="NAME=VALUE", help="by keyword")
    verb.add_argument("--id", help="of the schedule; the same id again is the same schedule")
    verb.add_argument("--label", type=_pair, action="append", default=[], metavar="NAME=VALUE", help="of the schedule")
    verb.add_argument(
        "--timezone", default="UTC", metavar="ZONE", help="whose wall clock the times are of (default: UTC)"
    )
    verb.add_argument(
        "--catch-up", choices=get_args(CatchUp), default="last", help="times that were missed (default: last)"
    )
    verb.add_argument(
        "--overlap", choices=get_args(Overlap), default="allow", help="with the run before (default: allow)"
    )
    verb.add_argument("-J", "--json", action="store_true", help="arguments are JSON and nothing else")
    verb = _add_to_process(verbs, "send", send)
    verb.add_argument("channel", metavar="CHANNEL")
    verb.add_argument("value", metavar="VALUE", help="text where a str is declared, JSON elsewhere")
    verb.add_argument("--key", help="a resend with the same key is delivered once")
    verb.add_argument("--wait", action="store_true", help="return when a goroutine has received it")
    verb.add_argument("-J", "--json", action="store_true", help="the value is JSON and nothing else")
    verb = _add_to_process(verbs, "request", request)
    verb.add_argument("channel", metavar="CHANNEL")
    verb.add_argument("value", metavar="QUESTION", help="text where a str is declared, JSON elsewhere")
    verb.add_argument("--key", help="the same key again waits for the same answer")
    verb.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="how long to wait (default: for ever)")
    verb.add_argument("-J", "--json", action="store_true", help="the question is JSON and nothing else")
    verb = _add_to_process(verbs, "close", close)
    verb.add_argument("channel", metavar="CHANNEL")
    _add_to_process(verbs, "cancel", cancel)
    _add_to_process(verbs, "terminate", terminate)
    _add_to_process(verbs, "retry", retry)
    verb = _add_to_process(verbs, "edit", edit)
    verb.add_argument(
        "changes",
        type=_pair,
        nargs="+",
        metavar="NAME=VALUE",
        help="a shared field, paid=100, or a local, main.total=100; JSON or text",
    )
    verb.add_argument("--why", required=True, metavar="TEXT", help="kept in the history of the process")
    verb.add_argument("--who", metavar="NAME", help="the same (default: the user who runs this command)")
    verb = _add_to_process(verbs, "fork", fork)
    verb.add_argument("--at", type=_count, required=True, metavar="SEQ", help="after which entry of `slct history`")
    verb.add_argument("--as", dest="new_id", metavar="NEW_ID", help="id of the new process (default: one is made)")
    verb.add_argument("--why", required=True, metavar="TEXT", help="kept in the history of the new process")
    verb.add_argument("--who", metavar="NAME", help="the same (default: the user who runs this command)")
    _add_version_actions(verbs)
    verb = _add(verbs, "queue", limit_queue)
    verb.add_argument("name", metavar="NAME", help="as in call(..., queue=NAME)")
    verb.add_argument("--concurrency", type=_count, metavar="N", help="run at once on all workers together; 0 holds it")
    verb.add_argument("--worker-concurrency", type=_positive, metavar="N", help="run at once on each worker")
    rate_help = "begin in a time, COUNT/SECONDS: 100/60"
    verb.add_argument("--rate", type=_rate, metavar="RATE", help=f"{rate_help}; on all workers together")
    verb.add_argument("--worker-rate", type=_rate, metavar="RATE", help=f"{rate_help}; on each worker")
    verb.add_argument("--unlimited", action="store_true", help="lift all limits")


def _add_version_actions(verbs: Any) -> None:
    verb = _add(verbs, "deploy", deploy)
    verb.add_argument("build", metavar="BUILD", help="a directory made by slct-compile")
    verb.add_argument("--version", required=True, help="what to register the build as")
    verb.add_argument(
        "--policy",
        choices=[policy.value for policy in MovePolicy],
        default=MovePolicy.AUTO.value,
        help="which processes of other versions go on under it: those that can, those that are told to, none (default: %(default)s)",
    )
    verb.add_argument("--dry-run", action="store_true", help="only say what would become of the processes that run")
    verb.add_argument("--force", action="store_true", help="also if processes are left that no worker runs")
    _add_format(verb)
    verb = _add(verbs, "move", move)
    verb.add_argument("ids", metavar="ID", nargs="*", help="processes")
    verb.add_argument("--to", required=True, metavar="VERSION")
    verb.add_argument("--definition", help="all processes of this definition, instead of single ones")
    verb.add_argument("--from", dest="from_version", metavar="VERSION", help="only those on this version")
    verb.add_argument("--limit", type=_count, metavar="N", help="how many at most (default: all)")


def _add_views(verbs: Any) -> None:
    verb = _add(verbs, "list", list_processes)
    verb.add_argument("--definition")
    verb.add_argument("--status", choices=output.STATUSES)
    verb.add_argument("--label", type=_pair, action="append", default=[], metavar="NAME=VALUE")
    verb.add_argument("--limit", type=_count, metavar="N", help="how many at most (default: all)")
    _add_format(verb)
    _add_format(_add_to_process(verbs, "show", show))
    verb = _add(verbs, "graph", graph)
    verb.add_argument("definition", metavar="DEFINITION")
    verb.add_argument("--version", help="which deployed version (default: the newest)")
    verb.add_argument("--live", action="store_true", help="with how many processes are in each state")
    verb.add_argument("--format", choices=("mermaid", "dot", "svg"), default="mermaid", help="default: %(default)s")
    verb.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: standard output")
    verb = _add(verbs, "versions", versions)
    verb.add_argument("definition", metavar="DEFINITION", nargs="?", help="only of this one")
    _add_format(verb)
    _add_format(_add(verbs, "queues", queues))
    _add_format(_add_to_process(verbs, "watch", watch))
    verb = _add_to_process(verbs, "history", history)
    verb.add_argument("--after", type=int, default=-1, metavar="SEQ", help="only what came after that seq")
    _add_format(verb)
    verb = _add_to_process(verbs, "result", result)
    verb.add_argument("--timeout", type=_seconds, metavar="SECONDS", help="how long to wait (default: for ever)")
    _add_format(verb)


def _add(verbs: Any, name: str, run: Verb, *, is_client: bool = True) -> argparse.ArgumentParser:
    summary = (run.__doc__ or "").strip().splitlines()[0]
    verb: argparse.ArgumentParser = verbs.add_parser(name, help=summary, description=summary)
    verb.set_defaults(run=run)
    verb.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks")
    if is_client:
        default = os.environ.get("SLCT_RUNTIME", DEFAULT_ADDRESS)
        help = "default: $SLCT_RUNTIME, or " + DEFAULT_ADDRESS
        verb.add_argument("--runtime", type=_address, default=default, metavar="ADDRESS", help=help)
    return verb


def _add_to_process(verbs: Any, name: str, run: Verb) -> argparse.ArgumentParser:
    verb = _add(verbs, name, run)
    verb.add_argument("id", metavar="ID", help="a process")
    return verb


def _add_format(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--format", choices=("text", "json"), default="text", help="default: %(default)s")


def _address(text: str) -> str:
    try:
        check_address(text)
    except BadAddress as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _pair(text: str) -> str:
    name, equals, _ = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return text


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 up")
    return int(text)


def _positive(text: str) -> int:
    if (count := _count(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 up")
    return count


def _rate(text: str) -> Rate:
    count, slash, per = text.partition("/")
    try:
        return Rate(_positive(count), _seconds(per if slash else "1"))
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not COUNT/SECONDS, such as 100/60") from None


def _days(text: str) -> float:
    try:
        return _seconds(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days") from None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
