"""A chat service as examples/chat.py expects it: takes questions over HTTP, each idempotency key once.

python tools/chat_service.py [PORT]         prints the questions, and what would answer them
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ChatService:
    """The service in threads of this OS process. `questions` are in order of arrival; `url` is for `$CHAT_URL`."""

    def __init__(self, port: int = 0) -> None:
        self._questions: dict[str, dict[str, Any]] = {}
        self._failures_left = 0
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.request_count = 0

    def __enter__(self) -> ChatService:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def questions(self) -> list[dict[str, Any]]:
        with self._changed:
            return list(self._questions.values())

    def wait_for_questions(self, count: int, timeout_s: float) -> list[dict[str, Any]]:
        """The questions, once there are so many.

        Raises:
          TimeoutError: there are fewer after `timeout_s`.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._questions) >= count, timeout_s):
                raise TimeoutError(f"{len(self._questions)} questions after {timeout_s} s, expected {count}")
            return list(self._questions.values())

    def fail_next(self, count: int) -> None:
        """Take the next questions, and then answer as if they had not been taken."""
        with self._changed:
            self._failures_left = count

    def take(self, key: str, question: dict[str, Any]) -> int:
        """A question was asked; gives the HTTP status."""
        with self._changed:
            self.request_count += 1
            self._questions.setdefault(key, question)
            self._changed.notify_all()
            if self._failures_left:
                self._failures_left -= 1
                return 503
            return 204

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        take = self.take

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(take(self.headers["Idempotency-Key"], json.loads(body)))
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


class _Printing(ChatService):
    """Shows each question to whoever looks at the terminal."""

    def take(self, key: str, question: dict[str, Any]) -> int:
        answer = json.dumps({"question_id": question["question_id"], "approved": True, "by": "me"})
        print(f"{question['text']}\n  slct send {question['process_id']} answers '{answer}'", flush=True)
        return super().take(key, question)


def main() -> None:
    with _Printing(int(sys.argv[1]) if len(sys.argv) > 1 else 8080) as chat:
        print(f"chat service at {chat.url}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
