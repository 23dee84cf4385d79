import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.adversarial.test_gan import make_gan
from tfgan_suite.compile_check.check import check_model, training_step
from tfgan_suite.compile_check.checked_model import model_of_preset
from tfgan_suite.compile_check.lowering import graph_of, lower
from tfgan_suite.compile_check.operations import all_operations, unsupported_operations

FOUR = tf.TensorSpec([4], tf.float32)
MODELS = {
    "dcgan": lambda: tg.DCGAN(image_shape=(8, 8, 1), num_classes=3, base_channels=2),
    "progan": lambda: tg.ProGAN(image_shape=(8, 8, 3), latent_size=6, channel_base=16, max_channels=8),
    "biggan": lambda: tg.BigGAN(
        image_shape=(32, 32, 3), num_classes=2, base_channels=2, shared_size=4, attention_resolutions=(8,)
    ),
    "stylegan2": lambda: tg.StyleGAN2(
        image_shape=(16, 16, 3), latent_size=8, w_size=8, num_mapping_layers=1, channel_base=32
    ),
}


def unsupported_in(function, *specs):
    return unsupported_operations(all_operations(graph_of(tf.function(function, autograph=False), specs)))


def ask_python(x):
    y = tf.py_function(lambda y: y, [x], tf.float32)
    y.set_shape(x.shape)
    return y


def write_text(x):
    return tf.strings.to_number(tf.strings.as_string(x))


def pick_positive(x):
    return tf.reduce_sum(tf.gather(x, tf.where(x > 0)[:, 0]))


def keep_distinct(x):
    return tf.unique(x)[0]


def in_double_complex(x):
    return tf.math.real(tf.signal.fft(tf.cast(x, tf.complex128)))


def print_it(x):
    tf.print(x)
    return x


@pytest.mark.parametrize(
    "function, types",
    [
        (ask_python, {"EagerPyFunc"}),
        (write_text, {"AsString", "StringToNumber"}),
        (pick_positive, {"Where"}),
        (keep_distinct, {"Unique"}),
        (in_double_complex, {"Cast", "FFT", "Real"}),
        (print_it, {"StringFormat", "PrintV2"}),
    ],
)
def test_what_cannot_be_compiled_is_named_with_where_it_was_made(function, types):
    found = unsupported_in(function, FOUR)
    assert {operation.type for operation in found} == types
    for operation in found:
        assert operation.source.startswith("tests/compile_check/test_operations.py:")
        assert operation.source.endswith(f"({function.__name__})")
        assert operation.type in str(operation) and operation.source in str(operation)


def test_branches_loops_and_functions_are_followed():
    def in_a_branch(x):
        return tf.cond(x[0] > 0, lambda: ask_python(x), lambda: x)

    def in_a_condition(x):
        return tf.while_loop(lambda y: write_text(y)[0] < 9, lambda y: (y + 1,), [x])[0]

    def in_a_function(x):
        return tf.function(ask_python, autograph=False)(x)

    assert [operation.type for operation in unsupported_in(in_a_branch, FOUR)] == ["EagerPyFunc"]
    assert {operation.type for operation in unsupported_in(in_a_condition, FOUR)} == {"AsString", "StringToNumber"}
    assert [operation.type for operation in unsupported_in(in_a_function, FOUR)] == ["EagerPyFunc"]


def test_types_count():
    """XLA adds numbers, not texts."""

    def add(x):
        return tf.raw_ops.Add(x=x, y=x)

    (operation, *_) = [found for found in unsupported_in(add, tf.TensorSpec([4], tf.string)) if found.type == "Add"]
    assert "does not support this operation for string" in operation.reason
    assert unsupported_in(add, FOUR) == []


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_only_what_a_tpu_can_do(name):
    gan = MODELS[name]()
    gan.compile(discriminator_steps=1, reuse_fakes=True, generator_penalties=[])  # Presets as they are: below.
    operations = all_operations(graph_of(*training_step(gan, 4)))
    assert len(operations) > 1000
    assert unsupported_operations(operations) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "preset",
    [
        "dcgan_avatars_64",
        "gat_avatars_64",
        "progan_avatars_64",
        "biggan_imagenet_64",
        "stylegan2_few_images_64",
        "stylegan2",
    ],
)
def test_presets_are_lowered(preset):
    """At 64 pixels, with what they train with: lazy penalties, path length, adaptive augmentation."""
    model, batch_size = model_of_preset(preset, {}, None, {"batch_size": 8})
    report = check_model(model, batch_size, stage="lower")
    assert report.passed, report
    assert report.num_instructions > 3000


class CheckedInPython(tg.penalties.Drift):
    """A penalty that asks Python."""

    def __call__(self, discriminate, real, fake, seed):
        return super().__call__(discriminate, real._replace(logits=ask_python(real.logits)), fake, seed)


class PicksItsImages(tg.GAN):
    """A hook whose shapes depend on values."""

    def compute_generator_loss(self, *arguments):
        losses = super().compute_generator_loss(*arguments)
        return tf.gather(losses, tf.where(losses > 0)[:, 0])


def test_a_lazy_penalty_that_asks_python_is_refused():
    gan = make_gan(discriminator_penalties=[CheckedInPython(0.1, interval=2)])
    report = check_model(gan, 4, stage="ops")
    assert not report.passed
    assert {operation.type for operation in report.unsupported} >= {"EagerPyFunc"}
    assert "(ask_python)" in report.unsupported[0].source


def test_a_hook_with_shapes_that_values_decide_is_refused():
    networks = make_gan()
    gan = PicksItsImages(networks.generator, networks.discriminator, latent_size=6, image_shape=(4, 4, 1))
    gan.compile()
    report = check_model(gan, 4, stage="lower")
    assert "Where" in {operation.type for operation in report.unsupported}
    assert report.num_instructions is None  # Not lowered: what is known to fail is not tried.
    assert "(compute_generator_loss)" in report.obstacles[0]


# === Lowering ===


def lowered(function, *specs):
    return lower(tf.function(function, autograph=False, jit_compile=True), specs)


def test_shapes_that_values_decide_are_found_in_what_is_lowered():
    (operation, *_) = [found for found in lowered(pick_positive, FOUR).unsupported if found.type == "Where"]
    assert "(pick_positive)" in operation.source and "depends on values" in operation.reason
    assert lowered(lambda x: x[:2] + tf.cast(tf.shape(x)[0], tf.float32), FOUR).unsupported == []


@pytest.mark.parametrize(
    "function, operation_type",
    [(ask_python, "EagerPyFunc"), (lambda x: tf.reshape(x, tf.cast(x[:1], tf.int32)), "Reshape")],
)
def test_what_tensorflow_cannot_lower_is_named(function, operation_type):
    step = lowered(function, FOUR)
    (operation,) = step.unsupported
    assert operation.type == operation_type and step.hlo == b""
    assert operation.source.startswith("tests/compile_check/test_operations.py:")
    assert operation_type in operation.reason


def test_arguments_are_the_batch_and_the_variables():
    gan = make_gan()
    report = check_model(gan, 8, stage="lower")
    assert report.passed and report.num_instructions > 500
    used = graph_of(*training_step(gan, 8)).variables
    variables = sum(variable.shape.num_elements() * variable.dtype.size for variable in used)
    networks = sum(
        4 * int(tf.size(weight)) for network in (gan.generator, gan.discriminator) for weight in network.weights
    )
    assert variables > 3 * networks / 2  # The averaged generator too.
    assert report.argument_bytes == 8 * 4 * 4 * 1 * 4 + variables
