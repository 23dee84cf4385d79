"""Checks that an exported model loads and runs without this package, in a process with only TensorFlow."""

import json
import subprocess
import sys
from pathlib import Path

from tfgan_suite.foundation.errors import UserError

_SCRIPT = Path(__file__).with_name("answer_request.py")


def validate_infrastructure(version_dir, timeout_seconds=300.0):
    """Loads a SavedModel in a new process that cannot import this package and requests images from it.

    Args:
        version_dir: String or path of a directory `.../NAME/VERSION` written by `export_saved_model`.
        timeout_seconds: Float > 0. Maximum time for loading and answering together.

    Returns:
        Dict with `seconds_load`, `seconds_answer`, and `example_shape`.

    Raises:
        UserError: If the model does not load, does not respond in time, or does not return images.

    Example:

    >>> validate_infrastructure("saved_models/digits/1")["example_shape"]
    [32, 32, 1]
    """
    # -I ignores the working directory and PYTHONPATH; the script itself imports only TensorFlow.
    command = [sys.executable, "-I", str(_SCRIPT), str(version_dir)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        raise UserError(
            f"The exported model {version_dir} did not respond within {timeout_seconds:.0f} seconds. It was not pushed."
        ) from None
    if done.returncode != 0:
        last_line = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"The exported model {version_dir} does not work in a separate process: {last_line}")
    return json.loads(done.stdout.splitlines()[-1])
