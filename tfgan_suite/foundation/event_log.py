"""EventLog: a TensorBoard directory, into which a process writes one file."""

import contextlib
import weakref

import tensorflow as tf

from tfgan_suite.foundation.paths import local_path

_writers = weakref.WeakValueDictionary()


class EventLog:
    """A TensorBoard directory. All logs of a directory in one process share one writer, and so write one file.

    TensorBoard's own loader, which it uses wherever its fast one is not installed, reads the files of a directory one after
    the other and never returns to an older one: of two files that are written in turns it would show one alone. Another
    process needs a directory of its own, such as a folder within this one.

    Args:
        directory: String or path.

    Example:

    >>> log = EventLog("runs/any/tensorboard")
    >>> with log.writing():
    ...     tf.summary.scalar("loss", 0.5, step=64)
    """

    def __init__(self, directory):
        self.directory = local_path(directory)
        self._writer = None

    @contextlib.contextmanager
    def writing(self):
        """Within, `tf.summary` writes here. What is written is on disk afterwards."""
        writer = self._open()
        with writer.as_default():
            yield
        writer.flush()

    def _open(self):
        """The writer of the directory. It ends with the last log that has written through it."""
        name = str(self.directory.resolve())
        self._writer = _writers.get(name)
        # A directory that was removed and made again begins a new file.
        if self._writer is None or not any(self.directory.glob("events.out.tfevents.*")):
            self._writer = _writers[name] = tf.summary.create_file_writer(name)
        return self._writer
