"""What every layer and every GAN of the suite must pass. A new model's test calls these."""

import keras
import numpy as np
import tensorflow as tf


def assert_same_weights(first, second, tolerance=0.0):
    """Compares all variables of two models; a tolerance is relative to each variable's largest value."""
    assert len(first.variables) == len(second.variables)
    for a, b in zip(first.variables, second.variables):
        a, b = np.asarray(a), np.asarray(b)
        if tolerance == 0.0:
            np.testing.assert_array_equal(a, b, err_msg=b.dtype.name)
        else:
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1e-3, np.abs(a).max()))


def run_layer_test(layer_class, config, inputs, expected_shape):
    """Symbolic and eager shapes agree, gradients reach every weight, the config makes the same layer again."""
    layer = layer_class(**config)
    assert tuple(layer.compute_output_spec(keras.KerasTensor(inputs.shape)).shape) == tuple(expected_shape)
    with tf.GradientTape() as tape:
        outputs = layer(inputs, training=True)
        loss = tf.reduce_sum(tf.square(outputs) * np.random.default_rng(0).normal(size=outputs.shape))
    assert tuple(outputs.shape) == tuple(expected_shape)
    for variable, gradient in zip(layer.trainable_variables, tape.gradient(loss, layer.trainable_variables)):
        assert gradient is not None and np.abs(gradient).max() > 0, variable.path
    again = layer_class.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    for policy in ("mixed_bfloat16", "mixed_float16"):
        mixed = layer_class(**config, dtype=policy)
        assert mixed(tf.cast(inputs, mixed.compute_dtype)).dtype == mixed.compute_dtype


def random_batch(gan, batch_size, seed=0):
    """Images and labels that fit the model, for `fit`."""
    generator = np.random.default_rng(seed)
    images = generator.uniform(-1, 1, [batch_size, *gan.image_shape]).astype("float32")
    if gan.num_classes is None:
        return images, None
    return images, generator.integers(0, gan.num_classes, batch_size).astype("int32")


def fixed_dataset(gan, batch_size, batches, seed=0):
    """A finite data set of random batches in a fixed order."""
    images, labels = random_batch(gan, batch_size * batches, seed)
    data = images if labels is None else (images, labels)
    return tf.data.Dataset.from_tensor_slices(data).batch(batch_size, drop_remainder=True)


def run_gan_test(make_gan, tmp_path, batch_size=8):
    """The contract of a GAN: what moves, what is saved, that going on equals not having stopped.

    Args:
        make_gan: Function without arguments to a new compiled model, the same one each time.
        tmp_path: An empty directory.
    """
    gan = make_gan()
    data = fixed_dataset(gan, batch_size, batches=4)
    before = {network: [np.asarray(v) for v in getattr(gan, network).trainable_variables] for network in _NETWORKS}
    before["ema_generator"] = gan.ema_generator.get_weights()
    gan.fit(data.take(1), verbose=0)
    for network in _NETWORKS:
        for variable, old in zip(getattr(gan, network).trainable_variables, before[network]):
            assert not np.array_equal(np.asarray(variable), old), f"{network}: {variable.path} did not move"
    assert not all(
        np.array_equal(new, old) for new, old in zip(gan.ema_generator.get_weights(), before["ema_generator"])
    )
    assert not gan.ema_generator.trainable_variables
    assert int(gan.examples_seen.numpy()) == batch_size and int(gan.steps.numpy()) == 1

    # Two and two steps, with a file in between, equal four steps.
    whole = make_gan()
    whole.fit(data, verbose=0)
    gan.fit(data.skip(1).take(1), verbose=0)
    gan.save(tmp_path / "half.keras")
    second_half = keras.models.load_model(tmp_path / "half.keras")
    second_half.fit(data.skip(2), verbose=0)
    assert_same_weights(whole, second_half)
    for optimizer in ("generator_optimizer", "discriminator_optimizer"):
        for a, b in zip(getattr(whole, optimizer).variables, getattr(second_half, optimizer).variables):
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b))

    # Generation: a function of the seed and the index, and of nothing else.
    images = whole.generate(6, seed=5, batch_size=4)
    assert images.shape == (6, *whole.image_shape) and images.dtype == np.uint8
    np.testing.assert_array_equal(images[:2], whole.generate(2, seed=5))
    np.testing.assert_array_equal(images, second_half.generate(6, seed=5))
    np.testing.assert_array_equal(images, whole.sample(6, seed=5))
    assert not np.array_equal(images, whole.generate(6, seed=6))
    assert whole._generate_function.experimental_get_tracing_count() == 1  # One graph for all sizes of batches.

    # A second fit traces nothing new.
    traces = whole.train_function
    whole.fit(data, verbose=0)
    assert whole.train_function is traces

    scores = whole.evaluate(data, verbose=0, return_dict=True)
    assert set(scores) == {"loss", "loss/generator", "loss/discriminator", "logits/real", "logits/fake"}
    assert np.isfinite(list(scores.values())).all()


_NETWORKS = ("generator", "discriminator")


def run_replica_test(make_gan, strategy, batch_size=8, steps=3, tolerance=1e-5):
    """Two replicas with half the batch each do what one device does. `make_gan` must use SGD: Adam hides scale."""
    single = make_gan()
    data = fixed_dataset(single, batch_size, batches=steps)
    single_history = single.fit(data, verbose=0)
    with strategy.scope():
        mirrored = make_gan()
    mirrored_history = mirrored.fit(data, verbose=0)
    assert int(mirrored.examples_seen.numpy()) == batch_size * steps
    for a, b in zip(single.variables, mirrored.variables):
        scale = max(1e-3, np.abs(np.asarray(a)).max())
        for local in strategy.experimental_local_results(b.value):
            np.testing.assert_allclose(local.numpy(), np.asarray(a), rtol=0, atol=tolerance * scale, err_msg=a.path)
    for name in ("loss/generator", "loss/discriminator", "logits/real"):
        np.testing.assert_allclose(
            mirrored_history.history[name], single_history.history[name], rtol=1e-3, err_msg=name
        )
