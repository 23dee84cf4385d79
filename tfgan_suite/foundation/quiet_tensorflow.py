"""Quiet imports of TensorFlow, which otherwise reports CPU instructions and missing GPUs on the standard error."""

import importlib
import os
import sys
import tempfile

_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "GRPC_VERBOSITY": "ERROR", "KERAS_BACKEND": "tensorflow"}


def set_quiet_environment():
    """Limits logs to errors, in this process and its child processes, unless the user has set another level."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)


def import_tensorflow_quietly():
    """Imports TensorFlow with the process's standard error redirected; shows the output if the import fails.

    What TensorFlow prints before its log level takes effect cannot be silenced in any other way.
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
