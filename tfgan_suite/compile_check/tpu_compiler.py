"""Compiling a lowered step for a TPU, on a machine that has none: `compile_for_tpu`."""

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

_SECONDS_BETWEEN_NEWS = 30
# The compiler looks for the machine that it runs on, and asks the network, unless it is told.
_ENVIRONMENT = {
    **{"TPU_SKIP_MDS_QUERY": "1", "TPU_WORKER_HOSTNAMES": "localhost", "TPU_ACCELERATOR_TYPE": "v5litepod-4"},
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",  # No chip is opened, so that several checks may run at a time.
}


def require_compiler():
    """Refuses to begin where the TPU's compiler is not installed.

    Raises:
        MissingExtraError: jaxlib or libtpu is missing.
    """
    for module in ("jaxlib", "libtpu"):
        import_extra(module, "tpu", "The TPU's compiler (all stages but `--stage ops` and `--stage lower`)")


def compile_for_tpu(lowered, target, operations, tell=print):
    """Compiles for one core of a target. Takes minutes; nothing is run.

    Args:
        lowered: A `LoweredStep`.
        target: A name out of `TARGETS`.
        operations: Dict of name to `tf.Operation`, to say where a refused operation comes from.
        tell: Called with a line of text now and then.

    Returns:
        Dict of what the compiler says, or with `"refused"`, an `UnsupportedOperation` or a sentence.

    Raises:
        UserError: The compiler ended without an answer.
    """
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "step.hlo"
        path.write_bytes(lowered.hlo)
        command = [sys.executable, "-m", "tfgan_suite.compile_check.tpu_process", str(path), TARGETS[target][0]]
        code, output, said = _run(command, tell)
    lines = output.splitlines()
    if code or not lines:
        raise UserError(f"The TPU's compiler ended with {code} and without an answer. It said last: {said[-600:]}")
    result = json.loads(lines[-1])
    if "error" not in result:
        return result
    return {"refused": refusal(result["error"], lowered, operations)}


def refusal(message, lowered, operations):
    """What the compiler's error speaks of: an `UnsupportedOperation` where it names one, else its first sentence.

    Its own messages name no operation of TensorFlow, only what the lowered step may tell: a custom call's target.
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
