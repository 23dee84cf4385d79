"""Reads from and writes to clients that may be slow."""

import io
import time


class PatientStream(io.RawIOBase):
    """The byte stream of a connection, with a deadline for each request and answer as a whole.

    A socket's own timeout restarts with each byte, so a client that sends one byte now and then would hold a thread
    forever.

    Args:
        connection: A connected `socket.socket`.
        patience_seconds: Float. How long to wait for the first byte, and then for the whole request or answer.

    Raises:
        TimeoutError: On reading or writing after the deadline.
    """

    def __init__(self, connection, patience_seconds):
        self._connection = connection
        self._patience_seconds = patience_seconds
        self._deadline = None

    def expect_new(self):
        """Expects a new request, whose deadline is counted from its first byte."""
        self._deadline = None

    def begin(self):
        """Counts the deadline from now."""
        self._deadline = time.monotonic() + self._patience_seconds

    def readable(self):
        return True

    def writable(self):
        return True

    def readinto(self, buffer):
        self._set_timeout()
        length = self._connection.recv_into(buffer)
        if self._deadline is None:
            self.begin()
        return length

    def write(self, data):
        self._set_timeout()
        return self._connection.send(data)

    def _set_timeout(self):
        left = self._patience_seconds if self._deadline is None else self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("The client is too slow")
        self._connection.settimeout(left)
