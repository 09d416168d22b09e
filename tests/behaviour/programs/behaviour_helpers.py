"""Durable functions of a library, ordinary classes, and effects, for the behaviour programs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from runtime_client import Channel, ProcessError, after, call, current_effect, durable, heartbeat, recv, select


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Parcel:
    """Something to carry across suspensions."""

    name: str
    weight: float
    colour: Colour = Colour.RED


class OutOfStock(ProcessError):
    """What an author derives from ProcessError."""

    def __init__(self, item: str, missing: int) -> None:
        super().__init__(item, missing)
        self.item = item
        self.missing = missing


def double(number: int) -> int:
    return number * 2


async def double_slowly(number: int) -> int:
    return number * 2


def fail(message: str) -> None:
    raise ValueError(message)


def succeed_at(attempt: int) -> int:
    """Fails until the attempt of that number."""
    if current_effect().attempt < attempt:
        raise OSError(f"attempt {current_effect().attempt}")
    return current_effect().attempt


def stumble(steps: int) -> list[int]:
    """One step per attempt, each of which ends in an error but the last; every step is done once."""
    effect = current_effect()
    done: list[int] = effect.progress or []
    assert isinstance(effect.last_error, LookupError) == (effect.attempt > 1), effect
    if len(done) < steps:
        heartbeat([*done, len(done)])
        raise LookupError(f"stumbled over {len(done)}")
    return done


def effect_key() -> str:
    return current_effect().idempotency_key


@durable
async def answer_within(channel: Channel[str], seconds: float) -> str:
    """A library function with a suspension: an answer, or `late`."""
    match await select(answer=recv(channel), late=after(seconds)):
        case ("answer", text):
            return str(text)
        case _:
            return "late"


@durable
async def quadruple(number: int) -> int:
    return await call(double, await call(double, number))
