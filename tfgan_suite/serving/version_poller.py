"""Periodically checks the disk for added and removed versions."""

import logging
import threading

logger = logging.getLogger(__name__)


class VersionPoller:
    """Refreshes a repository in a thread of its own, from `start()` to `stop()`. Requests continue to be answered.

    Args:
        repository: A `ModelRepository`.
        poll_seconds: Float > 0. Interval between checks. Corresponds to `file_system_poll_wait_seconds` of TensorFlow
            Serving.
    """

    def __init__(self, repository, poll_seconds: float):
        self._repository = repository
        self._poll_seconds = poll_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="version poller", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stops polling. Waits for a version that is being loaded."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _poll(self):
        while not self._stopping.wait(self._poll_seconds):
            try:
                self._repository.refresh()
            except OSError as error:  # For example, a directory deleted while it was listed. The next check settles it.
                logger.warning("Could not look for new versions: %s", error)
