"""Schedules: a process that starts other processes at the times of a cron expression.

A process like any other: it is started, listed, shown, cancelled; its next time is a timer, its state a few fields. Written in the
shape that the compiler writes, so that every worker has it. A run is started in the transition that notes its time, under an id
made of the schedule's id and that time: once, whatever crashes.

Times are those of the wall clock of `timezone`, by cronsim, which follows Debian's cron through daylight saving: jobs at fixed
hours that fall into the gap run right after it, none runs twice.

Source: docs/semantics.md, "Schedules".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ._channels import Channel
from ._errors import ProcessFailed
from ._frame import Frame, Instruction, State
from ._functions import after, now, recv, select, start
from ._handles import ChildRef
from ._process import Process
from ._structured import SOURCE
from ._trampoline import OWN_FILES

OWN_FILES.add(__file__)

SCHEDULE_NAME = "slct.schedule"
"""The definition of every schedule."""

CatchUp: TypeAlias = Literal["last", "all", "none"]
Overlap: TypeAlias = Literal["allow", "skip"]
Control: TypeAlias = Literal["pause", "resume", "run"]

GRACE = timedelta(minutes=1)
"""A time that is further back than this when the schedule gets to it was missed: nobody served it then."""

RUNS_PER_TRANSITION_MAX = 100
"""Missed times are caught up with so many at once."""


@dataclass(frozen=True)
class ScheduleSpec:
    """What to start, and when.

    cron: five fields (minute, hour, day, month, weekday), or six with seconds first. timezone: an IANA name. catch_up: what to do about
    times that were missed: start once for the `last` of them, for `all`, or for `none`. overlap: whether a run may start while
    the one before is under way; `skip` lets that time pass.

    Raises:
      ValueError: the expression, the time zone or a policy is none.
    """

    __slct_saveable__: ClassVar[bool] = True

    cron: str
    definition: str
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    timezone: str = "UTC"
    catch_up: CatchUp = "last"
    overlap: Overlap = "allow"

    def __post_init__(self) -> None:
        for name, allowed in (("catch_up", CatchUp), ("overlap", Overlap)):
            if getattr(self, name) not in get_args(allowed):
                raise ValueError(f"{name} is one of {', '.join(get_args(allowed))}, got {getattr(self, name)!r}")
        self.after(datetime.now(UTC))

    def after(self, moment: datetime) -> datetime | None:
        """The first time later than `moment`, in UTC; None if there will never be one."""
        from cronsim import CronSim, CronSimError

        try:
            zone = ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(
                f"{self.timezone!r} is no time zone\n  help: give an IANA name, such as 'Europe/Stockholm' or 'UTC'"
            ) from None
        try:
            return next(CronSim(self.cron, moment.astimezone(zone))).astimezone(UTC)
        except StopIteration:
            return None
        except CronSimError as error:
            raise ValueError(
                f"{self.cron!r} is no cron expression: {str(error).lower()}\n"
                "  help: minute hour day-of-month month day-of-week, such as '30 6 * * MON-FRI'"
            ) from None


class Schedule(Process, name=SCHEDULE_NAME):
    """Starts `spec.definition` at each time of `spec.cron`, until it is cancelled or there are no more times."""

    control = Channel[Control]()
    """`pause` (times pass meanwhile), `resume`, `run` (now, besides the times)."""
    change = Channel[ScheduleSpec]()
    """Another spec from now on."""

    spec: ScheduleSpec
    paused: bool = False
    next_time: datetime | None = None
    last_time: datetime | None = None
    run_count: int = 0
    running: ChildRef | None = None

    class MainFrame(Frame):
        """See `Schedule`. `considered` is the moment up to which times have been dealt with."""

        FUNCTION: ClassVar[str] = "Schedule.main"
        SOURCE: ClassVar[str] = SOURCE
        considered: datetime
        STATES: ClassVar[dict[str, State]] = {
            "Main_Start": State(0),
            "Main_Wait": State(0),
            "Main_Woken": State(0, live=("considered",), on_error="Main_RunFailed", caught="failure"),
            "Main_RunFailed": State(0),
        }

    def main(self, spec: ScheduleSpec) -> MainFrame:
        return Schedule.MainFrame(self, spec=spec)

    def Main_Start(self, f: Any) -> Instruction:
        self.spec = f.spec
        del f.spec
        f.considered = now()
        return f.goto(self.Main_Wait)  # type: ignore[no-any-return]  # as compiled states have it: `f` is Any

    def Main_Wait(self, f: Any) -> Instruction:
        self.next_time = self.spec.after(f.considered)
        if self.next_time is None:
            return f.finish()  # type: ignore[no-any-return]  # as compiled states have it: `f` is Any
        cases: dict[str, Any] = {"control": recv(self.control), "change": recv(self.change)}
        if self.running is not None:
            cases["ended"] = self.running.result()
        return f.suspend(select(**cases, time=after(self.next_time)), then=self.Main_Woken)  # type: ignore[no-any-return]  # as compiled states have it: `f` is Any

    def Main_Woken(self, f: Any) -> Instruction:
        match f.resume():
            case ("control", control):
                self._obey(control)
            case ("change", spec):
                self.spec, f.considered = spec, now()
            case ("ended", _):
                self.running = None
            case _:
                f.considered = self._start_due(f.considered)
        return f.goto(self.Main_Wait)  # type: ignore[no-any-return]  # as compiled states have it: `f` is Any

    def Main_RunFailed(self, f: Any) -> Instruction:
        """A run has failed: that is its own business."""
        failure = f.failure
        del f.failure
        if not isinstance(failure, ProcessFailed):
            raise failure
        self.running = None
        return f.goto(self.Main_Wait)  # type: ignore[no-any-return]  # as compiled states have it: `f` is Any

    def _obey(self, control: Control) -> None:
        match control:
            case "pause":
                self.paused = True
            case "resume":
                self.paused = False
            case "run":
                self._start(now())

    def _start_due(self, considered: datetime) -> datetime:
        """Start what is due since `considered`; gives the moment up to which that is done."""
        due: list[datetime] = []
        time = self.spec.after(considered)
        while time is not None and time <= now() and len(due) < RUNS_PER_TRANSITION_MAX:
            due.append(time)
            time = self.spec.after(time)
        is_all = time is None or time > now()
        for each in self._chosen(due, is_all=is_all):
            self._start(each)
        return due[-1] if due else considered

    def _chosen(self, due: list[datetime], *, is_all: bool) -> list[datetime]:
        """Those of the due times that count; `is_all`: no further times have come yet."""
        if self.paused:
            return []
        match self.spec.catch_up:
            case "all":
                return due
            case "last":
                return due[-1:] if is_all else []
            case "none":
                return [each for each in due if now() - each <= GRACE]

    def _start(self, time: datetime) -> None:
        if self.spec.overlap == "skip" and self.running is not None:
            return
        run = f"{self.id}-{time.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        child = start(self.spec.definition, *self.spec.args, id=run, **self.spec.kwargs)
        self.last_time = time
        self.run_count += 1
        if self.spec.overlap == "skip":
            self.running = child


__all__ = ["SCHEDULE_NAME", "Schedule", "ScheduleSpec"]
