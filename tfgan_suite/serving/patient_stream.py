"""Reading from and writing to clients who may be slow."""

import io
import time


class PatientStream(io.RawIOBase):
    """The bytes of a connection, with a time by which what has begun must have ended.

    A socket's own timeout begins anew with each byte: a client who sends one now and then would hold a thread for ever.

    Args:
        connection: A connected socket.
        patience_seconds: How long to wait for a first byte, and then for the whole.

    Raises:
        TimeoutError: On reading and writing, when the time is over.
    """

    def __init__(self, connection, patience_seconds):
        self._connection = connection
        self._patience_seconds = patience_seconds
        self._deadline = None

    def expect_new(self):
        """Waits for the first byte of a request; the time for the whole of it begins then."""
        self._deadline = None

    def begin(self):
        """The time for the whole begins now."""
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
            raise TimeoutError("The client takes too long")
        self._connection.settimeout(left)
