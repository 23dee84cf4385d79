"""Compiles a lowered step for a TPU on a machine without one: `compile_for_tpu`."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tfgan_suite.compile_check.compile_report import TARGETS
from tfgan_suite.compile_check.lowering import named_operation
from tfgan_suite.foundation.errors import UserError, import_extra
from tfgan_suite.foundation.terminal import say

_SECONDS_BETWEEN_NEWS = 30
# Unless these are set, the compiler queries the network to find out which machine it runs on.
_ENVIRONMENT = {
    **{"TPU_SKIP_MDS_QUERY": "1", "TPU_WORKER_HOSTNAMES": "localhost", "TPU_ACCELERATOR_TYPE": "v5litepod-4"},
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",  # No chip is opened, so several checks may run at the same time.
}


def require_compiler():
    """Raises an error if the TPU compiler is not installed.

    Raises:
        MissingExtraError: If jaxlib or libtpu is missing.
    """
    for module in ("jaxlib", "libtpu"):
        import_extra(module, "tpu", "The TPU compiler (not used by `--stage ops` and `--stage lower`)")


def compile_for_tpu(lowered, target, operations, tell=say):
    """Compiles a step for one core of a target. This takes minutes; nothing is run.

    Args:
        lowered: A `LoweredStep`.
        target: String. A key of `TARGETS`.
        operations: Dict `{name: tf.Operation}`. Used to find out where a refused operation comes from.
        tell: Callable. Called with a line of text about the progress every 30 seconds.

    Returns:
        Dict of what the compiler reports, or with the single key `"refused"`: an `UnsupportedOperation` or a sentence.

    Raises:
        UserError: If the compiler exits without a result.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "step.hlo"
        path.write_bytes(lowered.hlo)
        command = [sys.executable, "-m", "tfgan_suite.compile_check.tpu_process", str(path), TARGETS[target][0]]
        code, output, said = _run(command, tell)
    lines = output.splitlines()
    if code or not lines:
        raise UserError(
            f"The TPU compiler exited with code {code} and without a result. Its last output: {said[-600:]}"
        )
    result = json.loads(lines[-1])
    if "error" not in result:
        return result
    return {"refused": refusal(result["error"], lowered, operations)}


def refusal(message, lowered, operations):
    """Interprets an error of the compiler.

    The compiler's own messages do not name TensorFlow operations. The lowered step only reveals those behind the
    targets of custom calls.

    Args:
        message: String. The error message.
        lowered: A `LoweredStep`.
        operations: Dict `{name: tf.Operation}`.

    Returns:
        An `UnsupportedOperation` if the message refers to one, otherwise its first sentence.
    """
    reason = message.splitlines()[0].split(": ", 1)[-1].strip()
    for target, (operation_type, name) in lowered.custom_calls.items():
        if re.search(rf"\b{re.escape(target)}\b", reason):
            return named_operation(name, operation_type, reason, operations)
    return reason


def _run(command, tell):
    environment = {**os.environ, **_ENVIRONMENT}
    start = time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            while True:
                try:
                    output, said = process.communicate(timeout=_SECONDS_BETWEEN_NEWS)
                    return process.returncode, output, said
                except subprocess.TimeoutExpired:
                    tell(f"  compiling, {time.monotonic() - start:.0f} s")
        except BaseException:
            process.kill()
            raise
