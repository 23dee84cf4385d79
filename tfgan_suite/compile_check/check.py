"""Compiles a model's real training step for a TPU on a machine without one: `check_model`."""

import collections
import contextlib
import time

import tensorflow as tf

from tfgan_suite.compile_check.compile_report import STAGES, TARGETS, CompileReport
from tfgan_suite.compile_check.lowering import graph_of, lower
from tfgan_suite.compile_check.operations import UnsupportedOperation, all_operations, unsupported_operations
from tfgan_suite.compile_check.tpu_compiler import compile_for_tpu, require_compiler
from tfgan_suite.foundation.errors import unknown_name


def check_model(model, batch_size, target="tpu-v5e", stage="compile", tell=None):
    """Checks whether the training step of a model can be compiled for a TPU. The model is neither run nor changed.

    There are three stages, each of which is reached only if the previous one found no problems: `"ops"` lists all
    operations of the traced step that XLA does not support; `"lower"` converts the step to XLA's own operations with
    static shapes; `"compile"` passes them to the TPU compiler, which is installed by the extra `[tpu]`.

    Args:
        model: A compiled `GAN`, created outside the scope of any strategy.
        batch_size: Integer. Number of images per step on one core.
        target: String. A key of `TARGETS`.
        stage: String, one of `"ops"`, `"lower"`, or `"compile"`. The last stage to run.
        tell: Callable or `None`. Called with a line of text before each stage.

    Returns:
        A `CompileReport`.

    Raises:
        UserError: If the target or stage is unknown.
        MissingExtraError: If the compiler is needed, but not installed.

    Example:

    >>> gan = tg.DCGAN(image_shape=(32, 32, 1), base_channels=4)
    >>> gan.compile()
    >>> check_model(gan, batch_size=8, stage="ops").passed
    True
    """
    if target not in TARGETS:
        raise unknown_name("target", target, TARGETS)
    if stage not in STAGES:
        raise unknown_name("stage", stage, STAGES)
    if stage == "compile":
        require_compiler()
    clock = _Clock(tell or (lambda line: None))
    function, specs = training_step(model, batch_size)
    with clock.time("trace"):
        operations = all_operations(graph_of(function, specs))
    lowered = compiled = None
    refused = ""
    with clock.time("ops"):
        unsupported = unsupported_operations(operations)
    if not unsupported and stage != "ops":
        with clock.time("lower"):
            lowered = lower(function, specs)
        unsupported = lowered.unsupported
    if not unsupported and stage == "compile":
        with clock.time("compile"):
            by_name = {operation.name: operation for operation in operations}
            compiled = compile_for_tpu(lowered, target, by_name, clock.tell)
        refused = compiled.pop("refused", "")
        if isinstance(refused, UnsupportedOperation):
            unsupported, refused = [refused], ""
    return CompileReport(
        model=type(model).__name__,
        target=target,
        stage=stage,
        batch_size=batch_size,
        precision=model.dtype_policy.name,
        operations=dict(collections.Counter(operation.type for operation in operations)),
        unsupported=unsupported,
        refused=refused,
        num_instructions=lowered.num_instructions if lowered else None,
        argument_bytes=lowered.argument_bytes if lowered else None,
        compiled=compiled or None,
        core_bytes=TARGETS[target][1],
        seconds=clock.seconds,
    )


def training_step(model, batch_size):
    """Returns the training step as a `tf.function` of flat arguments, and the list of their `tf.TensorSpec`s."""
    examples = tf.TensorSpec([batch_size, *model.spec.shape], tf.float32)
    if model.num_classes is None:
        return tf.function(model.train_step, autograph=False, jit_compile=True), [examples]

    def train_step(examples, labels):
        return model.train_step((examples, labels))

    labels = tf.TensorSpec([batch_size], tf.int32)
    return tf.function(train_step, autograph=False, jit_compile=True), [examples, labels]


class _Clock:
    """Reports the start of each stage and records how long it took."""

    def __init__(self, tell):
        self.tell = tell
        self.seconds = {}

    @contextlib.contextmanager
    def time(self, name):
        self.tell(f"{name} ...")
        start = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - start, 1)
