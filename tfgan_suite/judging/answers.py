"""Answers of raters in an SQLite file: each is on the disk before the next picture is shown."""

import contextlib
import sqlite3
import threading
import time
from typing import NamedTuple

_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    rater TEXT NOT NULL,
    trial INTEGER NOT NULL,
    item INTEGER NOT NULL,
    choice TEXT NOT NULL,
    milliseconds REAL NOT NULL,
    shown_milliseconds REAL,
    unix_time REAL NOT NULL,
    PRIMARY KEY (rater, trial)
)
"""


class Answer(NamedTuple):
    """One answer.

    Args:
        rater: Who gave it.
        trial: Number of the screen within the rater's session, from 0.
        item: Number of what was asked, the same for all raters.
        choice: `"real"` or `"fake"`, or of a pair the chosen picture.
        milliseconds: From the picture's appearance to the answer.
        shown_milliseconds: How long the picture was to be seen, `None` if without end.
    """

    rater: str
    trial: int
    item: int
    choice: str
    milliseconds: float
    shown_milliseconds: float | None


class AnswerStore:
    """The answers of a study.

    Args:
        path: Of the SQLite file; made if it is not there.

    Example:

    >>> store = AnswerStore(":memory:")
    >>> store.add(Answer("Ada", 0, 7, "real", 812.0, None))
    >>> store.add(Answer("Ada", 0, 7, "fake", 90.0, None)).choice  # The first answer stands, and is given back.
    'real'
    """

    def __init__(self, path):
        self._lock = threading.Lock()  # One connection for the server's threads.
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(_TABLE)

    def add(self, answer: Answer) -> Answer | None:
        """Keeps an answer for good, and returns `None`; if the trial has one already, that stands and is returned."""
        with self._lock, contextlib.suppress(sqlite3.IntegrityError):
            self._connection.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)", (*answer, time.time()))
            return None
        return next(kept for kept in self.of(answer.rater) if kept.trial == answer.trial)

    def of(self, rater: str) -> list[Answer]:
        """A rater's answers in the order of trials."""
        return self._read("WHERE rater = ? ORDER BY trial", [rater])

    def all(self) -> list[Answer]:
        """All answers, by rater and trial."""
        return self._read("ORDER BY rater, trial", [])

    def _read(self, condition, values):
        columns = ", ".join(Answer._fields)
        with self._lock:
            rows = self._connection.execute(f"SELECT {columns} FROM answers {condition}", values).fetchall()
        return [Answer(*row) for row in rows]

    def close(self) -> None:
        with self._lock:
            self._connection.close()
