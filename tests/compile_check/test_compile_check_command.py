"""The command, and the TPU's own compiler where it is installed."""

import importlib.util
import json
import sys

import keras
import pytest
import tensorflow as tf

from tests.adversarial.test_gan import make_gan
from tests.runs.gaussian_points import GaussianPoints
from tfgan_suite.commands import cli
from tfgan_suite.compile_check.check import check_model, training_step
from tfgan_suite.compile_check.checked_model import model_of_preset, model_of_run
from tfgan_suite.compile_check.compile_report import CompileReport
from tfgan_suite.compile_check.lowering import graph_of, lower
from tfgan_suite.compile_check.operations import all_operations
from tfgan_suite.compile_check.tpu_compiler import compile_for_tpu, refusal
from tfgan_suite.foundation.errors import MissingExtraError, UserError
from tfgan_suite.models import catalogue

SMALL = ["--preset", "dcgan", "--image-size", "8", "--set", "base_channels=2", "--batch-size", "4"]
needs_compiler = pytest.mark.skipif(
    not all(importlib.util.find_spec(module) for module in ("jaxlib", "libtpu")), reason="Needs the extra [tpu]."
)


def run(capsys, *argv):
    code = cli.main(["compile-check", *argv])
    output, error = capsys.readouterr()
    return code, output, error.splitlines()


def test_lowering_by_command(capsys):
    code, output, told = run(capsys, *SMALL, "--stage", "lower", "--json")
    report = json.loads(output)
    assert code == 0 and report["passed"] and report["unsupported"] == [] and report["compiled"] is None
    assert report["model"] == "DCGAN" and report["batch_size"] == 4 and report["needed_bytes"] is None
    assert report["operations"]["ResourceApplyAdam"] >= 4 and report["num_instructions"] > 500
    assert told == ["trace ...", "ops ...", "lower ..."]


def test_what_is_refused_is_named_by_the_command(capsys, monkeypatch):
    def print_logits(self, images, labels=None, training=False):
        logits = tf.reduce_mean(images, [1, 2, 3])
        tf.print(logits)
        return logits

    monkeypatch.setattr("tfgan_suite.models.dcgan.dcgan.DCGAN.discriminate", print_logits)
    code, output, errors = run(capsys, *SMALL, "--stage", "ops")
    assert code == 2 and "PrintV2" in output
    assert errors[-1].startswith("tfgan-suite: The training step of DCGAN cannot be compiled for tpu-v5e: ")
    assert "StringFormat" in errors[-1] and "test_compile_check_command.py" in errors[-1]


@pytest.mark.parametrize(
    "argv, expected",
    [
        (["--stage", "ops"], ["--preset", "--run"]),
        (["--preset", "dcgn"], ["Did you mean 'dcgan'?"]),
        (["--preset", "dcgan", "--target", "tpu-v5"], ["Did you mean 'tpu-v5e'?"]),
        (["--preset", "dcgan", "--set", "base_chanels=4"], ["Did you mean 'base_channels'?"]),
        (["--run", "runs/nothing"], ["'runs/nothing' holds no run"]),
        (["--run", "runs/nothing", "--set", "base_channels=4"], ["--set and --image-size go with --preset"]),
    ],
)
def test_mistakes(argv, expected, capsys):
    code, output, errors = run(capsys, *argv)
    assert code == 2 and output == "" and len(errors) == 1
    for text in expected:
        assert text in errors[0]


def test_without_the_extra_nothing_is_begun(monkeypatch):
    monkeypatch.setitem(sys.modules, "libtpu", None)
    monkeypatch.setitem(sys.modules, "jaxlib", None)
    told = []
    with pytest.raises(MissingExtraError, match=r'pip install "tfgan-suite\[tpu\]"'):
        check_model(make_gan(), 4, tell=told.append)
    assert told == []


def test_presets_and_runs_are_made_as_training_makes_them(tiny_run, tiny_config):
    model, batch_size = model_of_run(tiny_run, {})
    assert batch_size == tiny_config.batch_size and model.image_shape == (8, 8, 1) and model.num_classes == 3
    model, batch_size = model_of_run(tiny_run, {"batch_size": 4, "precision": "mixed_bfloat16"})
    assert batch_size == 4 and model.generator.dtype_policy.name == "mixed_bfloat16"

    model, batch_size = model_of_preset("dcgan_avatars_64", {}, 8, {})
    assert batch_size == 16 and model.image_shape == (8, 8, 3) and model.num_classes == 10
    assert [penalty.name for penalty in model.discriminator_penalties] == ["r1"]
    model, _ = model_of_preset("dcgan", {"base_channels": 2}, None, {"augmentation": "diff_augment"})
    assert model.image_shape == (64, 64, 3) and type(model.augmentation).__name__ == "DiffAugment"


def test_a_preset_of_a_model_that_makes_no_images(monkeypatch):
    monkeypatch.setattr(catalogue, "_REGISTERED", {"gaussian_points": GaussianPoints})
    model, batch_size = model_of_preset("points_quick", {}, None, {})
    step, (examples,) = training_step(model, batch_size)
    assert isinstance(model, GaussianPoints) and examples.shape == (8, 2)
    with pytest.raises(UserError, match="`image_size` must be None for GaussianPoints"):
        model_of_preset("gaussian_points", {}, 8, {})


def make_report(**changes):
    compiled = {
        **{"flops": 1234567.0, "transcendentals": 1.0, "accessed_bytes": 8.0, "argument_bytes": 5_000_000},
        **{
            "output_bytes": 4_000_000,
            "aliased_bytes": 3_500_000,
            "temporary_bytes": 2_000_000,
            "program_bytes": 250_000,
        },
        **{"device": "TPU v5 lite", "compiler": "built today", "versions": {"jaxlib": "1", "libtpu": "2"}},
    }
    values = {"operations": {"Mul": 2, "Conv2D": 1}, "unsupported": [], "refused": "", "num_instructions": 9}
    values |= {"argument_bytes": 4_500_000, "compiled": compiled, "core_bytes": 16_000_000_000, "seconds": {"ops": 1.0}}
    return CompileReport("DCGAN", "tpu-v5e", "compile", 8, "float32", **{**values, **changes})


def test_report():
    report = make_report()
    assert report.passed and report.needed_bytes == 7_750_000
    for text in ("7.8 MB of 16,000.0 MB", "flops                1,234,567", "libtpu 2", "Nothing was run"):
        assert text in str(report)
    refused = make_report(compiled=None, refused="Ran out of memory")
    assert not refused.passed and refused.obstacles == ["Ran out of memory"] and refused.needed_bytes is None
    assert "Ran out of memory" in str(refused) and refused.to_json()["passed"] is False


def test_a_compiler_that_breaks_down_is_no_verdict(monkeypatch):
    step = lower(tf.function(lambda x: x + 1.0, jit_compile=True), [tf.TensorSpec([4])])
    monkeypatch.setattr("tfgan_suite.compile_check.tpu_compiler.sys.executable", "/bin/false")
    with pytest.raises(UserError, match="exited with code 1 and without a result"):
        compile_for_tpu(step, "tpu-v5e", {})


# === With the compiler ===


def compiled(function, *shapes):
    function = tf.function(function, autograph=False, jit_compile=True)
    specs = [tf.TensorSpec(shape) for shape in shapes]
    operations = {operation.name: operation for operation in all_operations(graph_of(function, specs))}
    return compile_for_tpu(lower(function, specs), "tpu-v5e", operations)


@needs_compiler
@pytest.mark.slow
def test_flops_and_bytes_of_a_product():
    result = compiled(lambda x, y: x @ y, [512, 256], [256, 1024])
    assert result["flops"] == pytest.approx(2 * 512 * 256 * 1024, rel=0.01)
    assert result["argument_bytes"] == 4 * (512 * 256 + 256 * 1024) and result["output_bytes"] == 4 * 512 * 1024


@needs_compiler
@pytest.mark.slow
def test_a_step_of_many_products():
    """Gradients of a dense layer take twice what its values take; variables are written in place."""
    layer = keras.layers.Dense(512, use_bias=False)
    layer.build([256, 1024])

    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x) ** 2)
        by_kernel, by_inputs = tape.gradient(loss, [layer.kernel.value, x])
        layer.kernel.assign_sub(by_kernel)
        return by_inputs

    result = compiled(step, [256, 1024])
    assert result["flops"] == pytest.approx(3 * 2 * 256 * 1024 * 512, rel=0.02)
    assert result["argument_bytes"] == 4 * (256 * 1024 + 1024 * 512)
    assert result["aliased_bytes"] == 4 * 1024 * 512


@needs_compiler
@pytest.mark.slow
def test_what_the_compiler_refuses():
    refused = compiled(lambda x: tf.matmul(tf.sin(x), x, transpose_b=True), [70_000, 70_000])["refused"]
    assert "Ran out of memory" in refused


def test_refusals_name_the_operation_behind_a_call():
    step = lower(tf.function(lambda x: x + 1.0, jit_compile=True), [tf.TensorSpec([4])])
    step.custom_calls["nobody_knows"] = ("XlaCustomCallV2", "discriminator/call")
    message = "INVALID_ARGUMENT: Custom emitter for nobody_knows not found\n\nSuspected Python Code Location:"
    operation = refusal(message, step, {})
    assert (operation.type, operation.name) == ("XlaCustomCallV2", "discriminator/call")
    assert operation.reason == "Custom emitter for nobody_knows not found"
    assert refusal("RESOURCE_EXHAUSTED: Ran out of memory", step, {}) == "Ran out of memory"


@needs_compiler
@pytest.mark.slow
def test_a_whole_step_is_compiled(capsys):
    code, output, told = run(capsys, *SMALL, "--json")
    report = json.loads(output)
    assert code == 0 and report["passed"] and told[3] == "compile ..."
    # The TPU lays arrays out in tiles, so that they take more.
    assert report["argument_bytes"] < report["compiled"]["argument_bytes"] < 40 * report["argument_bytes"]
    assert report["compiled"]["flops"] > 1e6 and "optimal_seconds" not in output
