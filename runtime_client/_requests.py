"""`Request`: a question that arrived on a channel, with a way to answer it.

Made by the runtime from what a client asks with `ref.request(...)`; lives in the process like any other value, may be kept for as
long as the answer takes, passed on and sent over channels.

Source: authoring.md, "A `Channel[Request[Q, A]]` carries questions"; docs/semantics.md, rule 14.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from ._context import current

QuestionT = TypeVar("QuestionT")
AnswerT = TypeVar("AnswerT")


class Request(Generic[QuestionT, AnswerT]):
    """One question. `value` is what is asked; `reply(answer)` answers it, once, when this transition commits."""

    __slots__ = ("is_answered", "request_id", "value")
    __slct_saveable__ = True

    request_id: str
    value: QuestionT
    is_answered: bool

    def reply(self, answer: AnswerT) -> None:
        """Answer. Does not suspend. Of several copies of one request the first that is answered counts.

        Raises:
          RuntimeError: this one has been answered already.
        """
        if self.is_answered:
            raise RuntimeError(f"this request has been answered already: {self!r}")
        current().reply(self.request_id, answer)
        self.is_answered = True

    def __repr__(self) -> str:
        return f"<request {self.value!r}{', answered' if self.is_answered else ''}>"


__all__ = ["Request"]
