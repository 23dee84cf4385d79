"""Stores the raters' answers in an SQLite file. Each answer is on disk before the next image is shown."""

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
    """An answer given by a rater.

    Args:
        rater: String. Name of the rater.
        trial: Integer. Index of the trial within the rater's session, starting from 0.
        item: Integer. Number of the item, the same for all raters.
        choice: String, `"real"` or `"fake"`, or for a pair the name of the chosen image.
        milliseconds: Float. Time from the appearance of the image to the answer.
        shown_milliseconds: Float or `None`. How long the image was visible. `None` if it stayed until the answer.
    """

    rater: str
    trial: int
    item: int
    choice: str
    milliseconds: float
    shown_milliseconds: float | None


class AnswerStore:
    """Stores the answers of a study.

    Args:
        path: String or path of the SQLite file, which is created if it does not exist.

    Example:

    >>> store = AnswerStore(":memory:")
    >>> store.add(Answer("Ada", 0, 7, "real", 812.0, None))
    >>> store.add(Answer("Ada", 0, 7, "fake", 90.0, None)).choice  # The first answer stands and is returned.
    'real'
    """

    def __init__(self, path):
        self._lock = threading.Lock()  # One connection for the server's threads.
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(_TABLE)

    def add(self, answer: Answer) -> Answer | None:
        """Stores an answer.

        Args:
            answer: An `Answer`.

        Returns:
            `None`, or the existing `Answer` if the trial already has one, which remains unchanged.
        """
        with self._lock, contextlib.suppress(sqlite3.IntegrityError):
            self._connection.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)", (*answer, time.time()))
            return None
        return next(kept for kept in self.of(answer.rater) if kept.trial == answer.trial)

    def of(self, rater: str) -> list[Answer]:
        """Returns a rater's answers, ordered by trial."""
        return self._read("WHERE rater = ? ORDER BY trial", [rater])

    def all(self) -> list[Answer]:
        """Returns all answers, ordered by rater and trial."""
        return self._read("ORDER BY rater, trial", [])

    def _read(self, condition, values):
        columns = ", ".join(Answer._fields)
        with self._lock:
            rows = self._connection.execute(f"SELECT {columns} FROM answers {condition}", values).fetchall()
        return [Answer(*row) for row in rows]

    def close(self) -> None:
        with self._lock:
            self._connection.close()
