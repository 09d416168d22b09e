"""What calls give that does not outlive a suspension: tables of the standard library, and of functions of the tree.

Only what is certain. A test makes each of `UNSAVEABLE` and compares with what the codec does.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """code: of the finding if such a value is used after a suspension. what: with its article. help: the cure.

    is_iterated: whether a loop over it holds on to it.
    """

    code: str
    what: str
    help: str
    is_iterated: bool = False


LOCK = Kind(
    "SLC202", "a lock", "release it before the suspension, or use a channel: between two suspensions nobody else runs"
)
_FILE = Kind(
    "SLC201",
    "an open file",
    "read it before the suspension and close it; or keep its path and position, and open it again after",
    is_iterated=True,
)
_SOCKET = Kind("SLC201", "a connection", "keep the address, and connect in the effect: await call(...)")
_THREAD = Kind("SLC201", "a thing of threads", "use go(...) and channels")
_QUEUE = Kind("SLC201", "a queue of threads", "use a channel")
_CHILD = Kind(
    "SLC201", "a child of the operating system", "run it, and wait for it, within one effect: await call(...)"
)
_MATCH = Kind("SLC201", "a match of a regular expression", "keep match.group(...) or match.groupdict()")
_HASH = Kind("SLC201", "a hash that is being computed", "keep the bytes, or the digest")
_VIEW = Kind("SLC201", "a memoryview", "keep bytes(view)")
_SENTINEL = Kind("SLC201", "an object() sentinel", "use a member of an Enum: it stays identical")
_LOGGER = Kind("SLC201", "a logger", "take it again after the suspension, or keep it at module level")
_ITERATOR = Kind("SLC201", "an iterator that cannot be saved", "make a list of it", is_iterated=True)
_TEMPORARY = Kind(
    "SLC201",
    "a temporary file or directory",
    "keep its content, or make it and use it within one effect: await call(...)",
)
GENERATOR = Kind(
    "SLC201", "a live generator", "make a list of it, or keep what is needed to begin again", is_iterated=True
)
MANAGER = Kind(
    "SLC201",
    "a context manager made by contextlib or the like",
    "end the block before the suspension, or write the manager as a class",
)

UNSAVEABLE: dict[str, Kind] = {
    **dict.fromkeys(
        ("open", "io.open", "os.fdopen", "os.popen", "gzip.open", "bz2.open", "lzma.open", "codecs.open", "io.StringIO",
         "io.BytesIO", "zipfile.ZipFile", "tarfile.open"),
        _FILE,
    ),
    **dict.fromkeys(("socket.socket", "socket.create_connection", "sqlite3.connect", "smtplib.SMTP", "smtplib.SMTP_SSL",
                     "http.client.HTTPConnection", "http.client.HTTPSConnection"), _SOCKET),
    **dict.fromkeys(("threading.Lock", "threading.RLock", "threading.Semaphore", "threading.BoundedSemaphore",
                     "threading.Condition", "multiprocessing.Lock", "multiprocessing.RLock"), LOCK),
    **dict.fromkeys(("threading.Thread", "threading.Timer", "threading.Event", "threading.Barrier", "threading.local",
                     "concurrent.futures.ThreadPoolExecutor", "concurrent.futures.ProcessPoolExecutor"), _THREAD),
    **dict.fromkeys(("queue.Queue", "queue.SimpleQueue", "queue.LifoQueue", "queue.PriorityQueue", "multiprocessing.Queue"), _QUEUE),
    "subprocess.Popen": _CHILD,
    **dict.fromkeys(("re.match", "re.search", "re.fullmatch"), _MATCH),
    **dict.fromkeys(("hashlib.new", "hashlib.md5", "hashlib.sha1", "hashlib.sha256", "hashlib.sha512", "hmac.new"), _HASH),
    "memoryview": _VIEW,
    "object": _SENTINEL,
    "logging.getLogger": _LOGGER,
    **dict.fromkeys(("re.finditer", "csv.reader", "csv.writer", "csv.DictReader", "csv.DictWriter", "os.scandir", "os.walk",
                     "glob.iglob", "itertools.tee"), _ITERATOR),
    **dict.fromkeys(("tempfile.TemporaryFile", "tempfile.NamedTemporaryFile", "tempfile.SpooledTemporaryFile",
                     "tempfile.TemporaryDirectory"), _TEMPORARY),
    **dict.fromkeys(("contextlib.ExitStack", "contextlib.redirect_stdout", "contextlib.redirect_stderr", "contextlib.closing",
                     "contextlib.chdir", "warnings.catch_warnings", "decimal.localcontext"), MANAGER),
}  # fmt: skip
"""By the name of what is called, however it was imported."""

_IDENTITY = Kind(
    "SLC206", "the identity of an object", "compare by a key of its own: after a restart the object is elsewhere"
)
_HASHED = Kind(
    "SLC206", "a hash", "compare by the key itself, or by hashlib: hash() differs from one worker to the next"
)
_MONOTONIC = Kind(
    "SLC401", "a reading of a clock of this machine", "use now(), or after(...) and timeout(...) for deadlines"
)
_PLACE = Kind(
    "SLC404",
    "a fact about this worker",
    "ask again after the suspension, or take it once in an effect: await call(...)",
)

VOLATILE: dict[str, Kind] = {
    "id": _IDENTITY,
    "hash": _HASHED,
    **dict.fromkeys(("time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.perf_counter_ns", "time.process_time",
                     "time.process_time_ns", "time.thread_time"), _MONOTONIC),
    **dict.fromkeys(("os.getpid", "os.getppid", "os.getcwd", "os.getenv", "os.environ.get", "os.environ.copy", "pathlib.Path.cwd",
                     "tempfile.mkdtemp", "tempfile.mkstemp", "tempfile.gettempdir", "threading.get_ident",
                     "threading.get_native_id"), _PLACE),
}  # fmt: skip
"""What can be saved, and means nothing on another worker."""

NAIVE_CLOCKS = frozenset({"datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today"})
NAIVE = Kind(
    "SLC401",
    "a deadline by the local time of a worker",
    "use after(...) or timeout(...), or datetime.now(timezone.utc)",
)
ENVIRONMENT = _PLACE

LAST_WORDS = frozenset(name.rpartition(".")[2] for name in (*UNSAVEABLE, *VOLATILE, *NAIVE_CLOCKS))
"""What calls of interest end in."""

PASSED_ON = frozenset({"iter", "enumerate", "zip", "map", "filter"})
"""What keeps its arguments' iterators inside."""
