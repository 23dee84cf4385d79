"""Whether an exported model loads and answers where none of this package is: in a process with TensorFlow alone."""

import json
import subprocess
import sys
from pathlib import Path

from tfgan_suite.foundation.errors import UserError

_SCRIPT = Path(__file__).with_name("answer_request.py")


def validate_infrastructure(version_dir, timeout_seconds=300.0):
    """Loads a SavedModel in a fresh process that cannot import this package, and asks it for pictures.

    Args:
        version_dir: `.../NAME/VERSION` as `export_saved_model` writes it.
        timeout_seconds: Longest time for both.

    Returns:
        Dict with `seconds_load`, `seconds_answer` and `image_shape`.

    Raises:
        UserError: The model does not load, does not answer in time, or answers with other than pictures.

    Example:

    >>> validate_infrastructure("saved_models/digits/1")["image_shape"]
    [32, 32, 1]
    """
    # -I: neither the working directory nor PYTHONPATH; the script itself imports TensorFlow alone.
    command = [sys.executable, "-I", str(_SCRIPT), str(version_dir)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        raise UserError(
            f"The exported model {version_dir} gave no answer within {timeout_seconds:.0f} seconds. It was not pushed."
        ) from None
    if done.returncode != 0:
        last_line = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"The exported model {version_dir} does not answer in a process of its own: {last_line}")
    return json.loads(done.stdout.splitlines()[-1])
