"""What every layer and every model of the suite must pass. A new model's test calls these."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative import abilities


def assert_same_weights(first, second, tolerance=0.0):
    """Compares all variables of two models; a tolerance is relative to each variable's largest value."""
    assert len(first.variables) == len(second.variables)
    for a, b in zip(first.variables, second.variables):
        a, b = np.asarray(a), np.asarray(b)
        if tolerance == 0.0:
            np.testing.assert_array_equal(a, b, err_msg=b.dtype.name)
        else:
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1e-3, np.abs(a).max()))


def assert_same_examples(first, second):
    """Compares examples of two graphs or two sizes of batches: floats may differ by their rounding, which whole levels hide."""
    if np.asarray(first).dtype.kind == "f":
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-5)
    else:
        np.testing.assert_array_equal(first, second)


def run_layer_test(layer_class, config, inputs, expected_shape):
    """Symbolic and eager shapes agree, gradients reach every weight, the config makes the same layer again."""
    layer = layer_class(**config)
    assert tuple(layer.compute_output_spec(keras.KerasTensor(inputs.shape)).shape) == tuple(expected_shape)
    with tf.GradientTape() as tape:
        outputs = layer(inputs, training=True)
        loss = tf.reduce_sum(tf.square(outputs) * np.random.default_rng(0).normal(size=outputs.shape))
    assert tuple(outputs.shape) == tuple(expected_shape)
    for variable, gradient in zip(layer.trainable_variables, tape.gradient(loss, layer.trainable_variables)):
        assert gradient is not None and np.abs(tf.convert_to_tensor(gradient)).max() > 0, variable.path
    again = layer_class.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    for policy in ("mixed_bfloat16", "mixed_float16"):
        mixed = layer_class(**config, dtype=policy)
        assert mixed(tf.cast(inputs, mixed.compute_dtype)).dtype == mixed.compute_dtype


def count_trained_weights(make_network):
    """How many numbers a network trains, of shapes alone: nothing is allocated."""
    with keras.StatelessScope(initialize_variables=False):
        network = make_network()
        network.build()
    keras.backend.clear_session(free_memory=False)  # Else Keras would make them, together with the next ones.
    return sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)


def random_batch(model, batch_size, seed=0):
    """Examples and labels that fit the model, for `fit`."""
    generator = np.random.default_rng(seed)
    examples = generator.uniform(*(model.spec.model_range or (-1, 1)), [batch_size, *model.spec.shape]).astype(
        "float32"
    )
    if model.can(abilities.HasLikelihood) or model.spec.kind == "token":  # Of whole levels.
        examples = model.spec.to_model(model.spec.to_edge(examples)).numpy()
    if model.num_classes is None:
        return examples, None
    return examples, generator.integers(0, model.num_classes, batch_size).astype("int32")


def fixed_dataset(model, batch_size, batches, seed=0):
    """A finite data set of random batches in a fixed order."""
    examples, labels = random_batch(model, batch_size * batches, seed)
    data = examples if labels is None else (examples, labels)
    return tf.data.Dataset.from_tensor_slices(data).batch(batch_size, drop_remainder=True)


def run_model_test(make_model, tmp_path, batch_size=8):
    """The contract of any model: what moves, what is saved, that a resumed run equals one without a stop, what it can do.

    Args:
        make_model: Function without arguments to a new compiled model, the same one each time.
        tmp_path: An empty directory.
        batch_size: Integer. Examples of a step.

    Returns:
        The model, after four steps and the same four again.
    """
    model = make_model()
    data = fixed_dataset(model, batch_size, batches=4)
    networks, averages = dict(model.networks), dict(model.averages)
    before = {name: [np.asarray(v) for v in network.trainable_variables] for name, network in networks.items()}
    averages_before = {name: average.get_weights() for name, average in averages.items()}
    model.fit(data.take(1), verbose=0)
    for name, network in networks.items():
        for variable, old in zip(network.trainable_variables, before[name]):
            assert not np.array_equal(np.asarray(variable), old), f"{name}: {variable.path} did not move"
    for name, average in averages.items():
        assert not average.trainable_variables
        moved = (not np.array_equal(*pair) for pair in zip(average.get_weights(), averages_before[name]))
        assert any(moved), f"the average of {name} did not move"
    assert int(model.examples_seen.numpy()) == batch_size and int(model.steps.numpy()) == 1

    # Two and two steps, with a file in between, equal four steps.
    whole = make_model()
    whole.fit(data, verbose=0)
    model.fit(data.skip(1).take(1), verbose=0)
    model.save(tmp_path / "half.keras")
    second_half = keras.models.load_model(tmp_path / "half.keras")
    second_half.fit(data.skip(2), verbose=0)
    assert_same_weights(whole, second_half)
    for name, optimizer in whole.optimizers.items():
        for a, b in zip(optimizer.variables, second_half.optimizers[name].variables):
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    assert type(model).from_config(model.get_config()).get_config() == model.get_config()

    # Generation: a function of the seed and the index, and of nothing else.
    examples = whole.generate(6, seed=5, batch_size=4)
    assert examples.shape == (6, *whole.spec.shape) and examples.dtype == whole.spec.edge_dtype
    assert_same_examples(examples[:2], whole.generate(2, seed=5))
    np.testing.assert_array_equal(examples, second_half.generate(6, seed=5))
    assert_same_examples(examples, whole.sample(6, seed=5))
    assert not np.array_equal(examples, whole.generate(6, seed=6))
    assert whole._generate_function.experimental_get_tracing_count() == 1  # One graph for all sizes of batches.
    for option in whole.sampling_options:
        with pytest.raises(UserError, match=f"`{option.name}` must be"):
            whole.generate(1, **{option.name: option.maximum + 1.0})

    # A second fit traces nothing new; what is logged is finite, and there is a loss.
    traced = whole.train_function
    history = whole.fit(data, verbose=0).history
    assert whole.train_function is traced
    assert "loss" in history and np.isfinite(list(history.values())).all()
    check_abilities(whole, *random_batch(whole, batch_size, seed=1))
    return whole


def check_abilities(model, examples, labels):
    """Each ability that a model declares answers in the form that it promises."""
    count, latent_shape = len(examples), getattr(model, "latent_shape", None)
    answers = {
        abilities.HasLatents: (
            lambda: model.sample_latents(count, tf.constant([0, 1])),
            (count, *(latent_shape or ())),
        ),
        abilities.Encodes: (lambda: model.encode(examples, labels), (count, *(latent_shape or ()))),
        abilities.Tokenizes: (
            lambda: model.encode_tokens(examples),
            (count, *(getattr(model, "token_shape", None) or ())),
        ),
        abilities.Reconstructs: (lambda: model.reconstruct(examples, labels), (count, *model.spec.shape)),
        abilities.Completes: (
            lambda: model.complete(examples, np.zeros([count, *model.spec.positions], bool), labels),
            (count, *model.spec.shape),
        ),
        abilities.GeneratesFromDraws: (
            lambda: model.generate_from(np.full([count, *model.draws_shape], 0.4, "float32"), labels),
            (count, *model.spec.shape),
        ),
        abilities.HasLikelihood: (lambda: model.log_prob(examples, labels), (count,)),
        abilities.Discriminates: (lambda: model.discriminate(examples, labels), (count,)),
        abilities.ScoresAnomalies: (lambda: model.anomaly_score(examples), (count,)),
    }
    for ability, (ask, shape) in answers.items():
        if model.can(ability):
            answer = np.asarray(ask())
            assert answer.shape == shape and np.isfinite(answer).all(), ability.__name__
        else:
            with pytest.raises(UserError, match=f"{type(model).__name__} can: "):
                abilities.require(model, ability, "This test")


def run_gan_test(make_gan, tmp_path, batch_size=8):
    """The contract of a GAN: that of any model, and what `evaluate` says of both networks."""
    gan = run_model_test(make_gan, tmp_path, batch_size)
    scores = gan.evaluate(fixed_dataset(gan, batch_size, batches=4), verbose=0, return_dict=True)
    assert set(scores) == {"loss", "loss/generator", "loss/discriminator", "logits/real", "logits/fake"}
    assert np.isfinite(list(scores.values())).all()


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
        if a.path.endswith("seed_generator_state"):  # Of Keras's layers: each update sets it, on each replica another.
            continue
        scale = max(1e-3, np.abs(np.asarray(a)).max())
        for local in strategy.experimental_local_results(b.value):
            np.testing.assert_allclose(local.numpy(), np.asarray(a), rtol=0, atol=tolerance * scale, err_msg=a.path)
    for name in [name for name in single_history.history if name.startswith(("loss", "logits/real"))]:
        np.testing.assert_allclose(
            mirrored_history.history[name], single_history.history[name], rtol=1e-3, err_msg=name
        )
