"""Looks at the disk from time to time for versions that came or went."""

import logging
import threading

logger = logging.getLogger(__name__)


class VersionPoller:
    """Refreshes a repository in a thread of its own, from `start` to `stop`; requests go on meanwhile.

    Args:
        repository: The `ModelRepository`.
        poll_seconds: How long to wait between two looks, > 0: `file_system_poll_wait_seconds` of TensorFlow Serving.
    """

    def __init__(self, repository, poll_seconds: float):
        self._repository = repository
        self._poll_seconds = poll_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="version poller", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Waits for a version that is being loaded."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _poll(self):
        while not self._stopping.wait(self._poll_seconds):
            try:
                self._repository.refresh()
            except OSError as error:  # Such as a directory that went while it was being listed: the next look tells.
                logger.warning("Could not look for new versions: %s", error)
