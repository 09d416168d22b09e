"""Every exception of the public surface.

    SlctError
    |-- ProcessError            raised inside processes; leaving a goroutine it fails the process (rule 6)
    |   |-- ChannelClosed           you sent to, or closed, a closed channel; or received from a drained one
    |   |-- CallFailed              an effect ended in an error; `__cause__` is that error
    |   |   `-- EffectUnknown       an at-most-once effect was started and its outcome is not known
    |   |-- CompensationFailed      compensations of a saga failed; `__cause__` is why the saga was undone
    |   `-- ProcessFailed           another process failed; `__cause__` is its error
    |       `-- ProcessCancelled    another process was cancelled or terminated
    |-- CodecError              a value cannot be saved, or a document cannot be read
    |-- RemoteError             stands in for an exception whose type is not known here; it keeps name and message
    |-- DefinitionError         a class cannot be a definition; misuse, raised when it is declared or deployed
    `-- ClientError             a request was refused; nothing was changed
        |-- NotFound                no such process, definition or channel
        |-- AlreadyExists           that id or key was used with other arguments
        |-- NotRunning              the process has ended, or the channel is closed
        |-- CannotEdit              a value of the process cannot be changed by hand, or not just now
        |-- CannotFork              the process as it was then is not kept, or nothing can begin there
        |-- CannotMove              the process cannot go on under that version
        |-- CannotRetry             the process is not faulted
        |-- NoHistory               the runtime keeps none
        |-- InvalidValue            a value does not fit the declared type; `.path` says where
        |-- LimitExceeded           a named limit; try again later or send less
        `-- Unavailable             the runtime cannot be reached, or its store cannot be written; try again

    Cancelled (BaseException)   raised at a suspension point of a cancelled process or goroutine

Messages are lower case, give both facts and a `help:` where there is a cure; the facts are attributes too.
"""

from __future__ import annotations


class SlctError(Exception):
    """Root of all errors of slct."""


class ProcessError(SlctError):
    """Errors of the durable API, and what authors derive from it: leaving a goroutine, it fails the process."""


class ChannelClosed(ProcessError):
    """The channel is closed. `channel` is its name."""

    def __init__(self, channel: str = "", what: str = "") -> None:
        super().__init__(channel, what)
        self.channel = channel
        self.what = what

    def __str__(self) -> str:
        return f"channel {self.channel!r} is closed" + (f": {self.what}" if self.what else "")


class CallFailed(ProcessError):
    """An effect failed for good. `function` is what was called, `attempts` how often; `__cause__` is its error."""

    def __init__(self, function: str = "", reason: str = "") -> None:
        super().__init__(function, reason)
        self.function = function
        self.reason = reason

    def __str__(self) -> str:
        return f"call({self.function}) failed: {self.reason}"


class EffectUnknown(CallFailed):
    """An at-most-once effect was started, and whether it happened is not known (rule 19)."""

    def __str__(self) -> str:
        return f"call({self.function}) was started once and its outcome is not known"


class CompensationFailed(ProcessError):
    """Compensations of a saga failed. `errors` are theirs, in the order in which they ran; `__cause__` is what the block raised."""

    def __init__(self, count: int = 0, errors: tuple[BaseException, ...] = ()) -> None:
        super().__init__(count, errors)
        self.count = count
        self.errors = errors

    def __str__(self) -> str:
        shown = "; ".join(f"{type(error).__name__}: {error}" for error in self.errors)
        return f"{self.count} compensation{'s' if self.count != 1 else ''} of a saga failed: {shown}"


class ProcessFailed(ProcessError):
    """Another process failed. `process_id` names it; `__cause__` is its own exception (detail D19)."""

    def __init__(self, process_id: str = "", reason: str = "") -> None:
        super().__init__(process_id, reason)
        self.process_id = process_id
        self.reason = reason

    def __str__(self) -> str:
        return f"process {self.process_id!r} failed: {self.reason}"


class ProcessCancelled(ProcessFailed):
    """Another process was cancelled or terminated."""

    def __str__(self) -> str:
        return f"process {self.process_id!r} was {self.reason or 'cancelled'}"


class CodecError(SlctError):
    """A value cannot be saved, or a document cannot be read.

    `path` leads to the offending value: attribute names, keys and indexes from the root. If it is in a frame, `variable` and
    `function` name the local, `defined` (`orders.py:20`) says where that got its value, if the sources tell, and `place`
    (`orders.py:22`) which suspension would have saved it. In a shared field, `variable` is `self.name`.
    """

    def __init__(self, message: str, path: tuple[str | int, ...] = (), help: str = "") -> None:
        super().__init__(message, path, help)
        self.message = message
        self.path = path
        self.help = help
        self.variable = ""
        self.function = ""
        self.defined = ""
        self.place = ""

    @property
    def inside(self) -> str:
        """The way to the value as an author would write it: `orders.items[3].handle`."""
        path = self.path
        name = self.variable.removeprefix("self.")
        if name and name in path:
            path = path[path.index(name) :]
        way = "".join(f"[{p}]" if isinstance(p, int) else (f".{p}" if i else p) for i, p in enumerate(path))
        return f"self.{way}" if self.variable.startswith("self.") else way

    def __str__(self) -> str:
        owner = ""
        if self.variable:
            kind = "shared field" if self.variable.startswith("self.") else "local"
            owner = f": {kind} {self.variable!r} of {self.function}"
            owner += f", defined at {self.defined}" if self.defined else ""
            owner += f", saved at {self.place}" if self.place else ""
        message = self.message + owner + (f" (at {self.inside})" if self.path else "")
        return message + (f"\n  help: {self.help}" if self.help else "")


class RemoteError(SlctError):
    """Stands in for an exception whose type is not known here. `type_name` is `module:qualname`, `text` its message."""

    def __init__(self, type_name: str = "", text: str = "") -> None:
        super().__init__(type_name, text)
        self.type_name = type_name
        self.text = text

    def __str__(self) -> str:
        return self.type_name + (f": {self.text}" if self.text else "")


class DefinitionError(SlctError, TypeError):
    """A class or function cannot be a definition as it is written."""


class Cancelled(BaseException):
    """Raised once at a suspension point of what is being cancelled (detail D5). Clean up in `finally`, and let it go."""


class ClientError(SlctError):
    """A request was refused; nothing was changed. `help` says what to do instead, `facts` are the values named."""

    def __init__(self, message: str, help: str = "", facts: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.facts = dict(facts or {})

    def __str__(self) -> str:
        return self.message + (f"\n  help: {self.help}" if self.help else "")


class NotFound(ClientError):
    """No process, definition or channel of that name."""


class AlreadyExists(ClientError):
    """The id or key is taken by a request with other arguments."""


class NotRunning(ClientError):
    """The process has ended, or the channel is closed."""


class CannotEdit(ClientError):
    """A value cannot be changed by hand, or not just now; the message says why, and so does `reason`.

    `process_id` is whose it is; `path` is the field, or the local as `main.total`, "" if it is about the whole process.
    """

    @property
    def process_id(self) -> str:
        return self.facts.get("process_id", "")

    @property
    def path(self) -> str:
        return self.facts.get("path", "")

    @property
    def reason(self) -> str:
        return self.facts.get("reason", "")


class CannotFork(ClientError):
    """No process can begin there; the message says why, and so does `reason`. `process_id`, `seq`."""

    @property
    def process_id(self) -> str:
        return self.facts.get("process_id", "")

    @property
    def seq(self) -> int:
        return int(self.facts.get("seq", -1))

    @property
    def reason(self) -> str:
        return self.facts.get("reason", "")


class CannotMove(ClientError):
    """The process cannot go on under that version; the message says where it is and why. `process_id`, `version`."""

    @property
    def process_id(self) -> str:
        return self.facts.get("process_id", "")

    @property
    def version(self) -> str:
        return self.facts.get("version", "")


class CannotRetry(ClientError):
    """Only a faulted process can be retried. `process_id`; `status` is what it is instead."""

    @property
    def process_id(self) -> str:
        return self.facts.get("process_id", "")

    @property
    def status(self) -> str:
        return self.facts.get("status", "")


class NoHistory(ClientError):
    """The runtime keeps no history."""


class InvalidValue(ClientError):
    """A value does not fit its declared type; the message gives the path of the offending field."""


class LimitExceeded(ClientError):
    """A named limit was reached; the message names it, its size and its setting."""


class Unavailable(ClientError):
    """The runtime cannot be reached, or cannot write its store; the request may be repeated."""
