"""SANDense against the numbers of the authors' code."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.golden_vectors import assert_near, load_golden, part_of
from tfgan_suite.layers.san_dense import Directions, SANDense

LOSSES = {"hinge": tg.losses.Hinge(), "nonsaturating": tg.losses.NonSaturating()}


def make_layer(golden, **arguments):
    """A layer with the weights of a file; the order of axes is the other one there."""
    parameters = part_of(golden, "param/")
    layer = SANDense(**arguments)
    layer.build([None, parameters["weight"].shape[1]])
    layer.kernel.assign(parameters["weight"].T)
    layer.scale.assign(parameters["scale"].reshape(-1))
    if layer.bias is not None:
        layer.bias.assign(parameters["bias"])
    return layer


def gradients_by_name(layer, gradients):
    weights = {"weight": layer.kernel, "scale": layer.scale, "bias": layer.bias}
    order = {id(variable): index for index, variable in enumerate(layer.trainable_variables)}
    return {name: gradients[order[id(weight)]] for name, weight in weights.items() if weight is not None}


def assert_gradients(layer, gradients, by_features, expected):
    for name, gradient in gradients_by_name(layer, gradients).items():
        gradient = np.asarray(gradient).T if name == "weight" else np.asarray(gradient)
        assert_near(gradient.reshape(expected[name].shape), expected[name], 1e-4)
    for name, gradient in by_features.items():
        assert_near(gradient, expected[f"features_{name}"], 1e-4)


@pytest.mark.parametrize("case, units", [("linear", 1), ("linear_3outputs", 3)])
@pytest.mark.parametrize("loss", LOSSES)
def test_loss_and_gradients_are_the_authors(case, units, loss):
    golden = part_of(load_golden("frontier/san_heads"), f"{case}/")
    layer = make_layer(golden, units=units)
    real, fake = (tf.constant(golden[f"in/features_{name}"]) for name in ("real", "fake"))
    with tf.GradientTape() as tape:
        tape.watch([real, fake])
        with Directions() as directions:
            real_logits, fake_logits = layer(real), layer(fake)
            rows = [tf.reshape(one, [-1]) for one in (real_logits, fake_logits)]
        losses = LOSSES[loss].discriminator_loss(*rows)
        total = tf.reduce_mean(losses + directions.loss(*rows))
    assert_near(real_logits, golden["out/fun_real"])
    assert_near(layer(real), golden["out/eval_real"])
    assert_near(total, golden[f"out/D_loss_{loss}"], 1e-5)
    gradients, *by_features = tape.gradient(total, [layer.trainable_variables, real, fake])
    expected = part_of(golden, f"grad_{loss}/")
    assert_gradients(layer, gradients, dict(zip(("real", "fake"), by_features)), expected)
    assert_near(layer.kernel.constraint(layer.kernel), golden["weight_after_normalize"].T, 1e-5)


def test_a_direction_for_each_class_is_the_authors():
    golden = part_of(load_golden("frontier/san_heads"), "embedding/")
    layer = make_layer(golden, num_classes=5, use_bias=False)
    real, labels = tf.constant(golden["in/features_real"]), golden["in/labels"]
    with tf.GradientTape() as tape:
        tape.watch(real)
        with Directions() as directions:
            logits = layer(real, labels)[:, 0]
        nothing = tf.zeros_like(logits)  # The file has real features alone.
        total = tf.reduce_mean(tf.nn.relu(1.0 - logits) + directions.loss(logits, nothing))
    assert_near(logits, golden["out/fun_real"])
    assert_near(total, golden["out/D_real_loss_hinge"], 1e-5)
    gradients, by_real = tape.gradient(total, [layer.trainable_variables, real])
    assert_gradients(layer, gradients, {"real": by_real}, part_of(golden, "grad_hinge/"))
    np.testing.assert_allclose(layer(real, tf.one_hot(labels, 5))[:, 0], logits, rtol=1e-6)


def test_it_begins_as_the_layer_in_whose_place_it_is():
    initializer = keras.initializers.RandomNormal(stddev=0.3, seed=4)
    layer = SANDense(units=3, kernel_initializer=initializer)
    features = np.random.default_rng(0).normal(size=[4, 6]).astype("float32")
    np.testing.assert_allclose(layer(features), features @ np.asarray(initializer([6, 3])), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(layer.kernel, axis=0), 1.0, rtol=1e-6)
    again = SANDense.from_config(layer.get_config())
    np.testing.assert_array_equal(again(features), layer(features))
    mixed = SANDense(units=3, dtype="mixed_float16")
    assert mixed(tf.cast(features, tf.float16)).dtype == mixed.compute_output_spec(keras.KerasTensor((4, 6))).dtype


def test_the_direction_learns_from_the_means_alone():
    layer = SANDense()
    real, fake = (np.random.default_rng(seed).normal(size=[8, 3]).astype("float32") for seed in (0, 1))
    with tf.GradientTape(persistent=True) as tape:
        with Directions() as directions:
            # In one call, as BigGAN does it.
            fake_logits, real_logits = tf.split(layer(np.concatenate([fake, real]))[:, 0], 2)
        direction = tf.reduce_mean(directions.loss(real_logits, fake_logits))
        loss = tf.reduce_mean(tf.square(real_logits - 1.0) + tf.square(fake_logits))
    assert tape.gradient(loss, layer.kernel) is None
    assert tape.gradient(direction, [layer.scale, layer.bias]) == [None, None]
    # By hand: the part of the difference of means that is orthogonal to the direction, times the scale.
    gap = fake.mean(axis=0) - real.mean(axis=0)
    unit = np.asarray(layer.kernel)[:, 0]
    by_hand = float(layer.scale[0]) * (gap - unit * (unit @ gap))
    np.testing.assert_allclose(tape.gradient(direction, layer.kernel)[:, 0], by_hand, rtol=1e-4, atol=1e-6)
    assert float(direction) == pytest.approx(float(tf.reduce_mean(fake_logits) - tf.reduce_mean(real_logits)))


def test_classes_and_units_exclude_each_other():
    with pytest.raises(ValueError, match="`units` must be 1 with classes. Received: units=2"):
        SANDense(units=2, num_classes=3)
