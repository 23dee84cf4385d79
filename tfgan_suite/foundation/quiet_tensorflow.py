"""TensorFlow for programs whose output people read: it tells at its start of CPU instructions and absent GPUs."""

import importlib
import os
import sys
import tempfile

_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "GRPC_VERBOSITY": "ERROR", "KERAS_BACKEND": "tensorflow"}


def set_quiet_environment():
    """Asks for errors alone, in this process and in those that it starts, unless the user has set another level."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)


def import_tensorflow_quietly():
    """Imports TensorFlow with the process's standard error set aside; shows it if the import fails.

    What it says before its log level counts cannot be silenced otherwise.
    """
    set_quiet_environment()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as said:
        standard_error = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            importlib.import_module("tensorflow").get_logger().setLevel("ERROR")
        except Exception:
            said.seek(0)
            os.write(standard_error, said.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
