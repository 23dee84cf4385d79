"""The trunk of all models, shown by one that is no GAN: a linear Gaussian model with a likelihood in closed form."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

import tfgan_suite as tg
from tests.linear_gaussian import LinearGaussian
from tests.test_case import assert_same_weights, fixed_dataset, random_batch, run_model_test, run_replica_test


def make(seed=3, **training):
    model = LinearGaussian(seed=seed)
    model.compile(**training)
    return model


def test_contract(tmp_path):
    run_model_test(make, tmp_path)


def test_its_likelihood_is_that_of_a_normal_distribution():
    model = make()
    images, _ = random_batch(model, 5)
    kernel, bias = (np.asarray(v, "float64") for v in model.ema_decoder.variables)
    expected = scipy.stats.multivariate_normal(bias, kernel.T @ kernel + 0.09 * np.eye(64)).logpdf(
        images.reshape(5, 64)
    )
    np.testing.assert_allclose(model.log_prob(images), expected + 64 * np.log(2 / 255), rtol=1e-4)


def test_it_learns_the_principal_components():
    """The likelihood comes near that of the covariance that made the images, which it cannot know better."""
    generator = np.random.default_rng(0)
    weights = generator.normal(size=[4, 64]) * 0.3
    images = generator.normal(size=[2000, 4]) @ weights + 0.3 * generator.normal(size=[2000, 64])
    truth = scipy.stats.multivariate_normal(np.zeros(64), weights.T @ weights + 0.09 * np.eye(64)).logpdf(images)
    truth += 64 * np.log(2 / 255)
    images = images.reshape(-1, 8, 8, 1).astype("float32")
    model = make(optimizer=tg.Adam(0.03), ema=tg.ExponentialMovingAverage(decay=0.9))
    before = np.mean(model.log_prob(images))
    model.fit(tf.data.Dataset.from_tensor_slices(images).batch(100), epochs=15, verbose=0)
    assert before < truth.mean() - 10
    assert truth.mean() - 1.0 < np.mean(model.log_prob(images)) < truth.mean() + 1.0
    assert np.mean(np.square(model.reconstruct(images) - images)) < 1.1 * 0.09


def test_two_replicas_equal_one(two_replicas):
    run_replica_test(lambda: make(optimizer=keras.optimizers.SGD(0.001)), two_replicas)


@pytest.mark.parametrize("steps_per_execution", [1, 2])
def test_microbatches_equal_the_whole_batch(steps_per_execution):
    sgd = {"steps_per_execution": steps_per_execution}
    whole = make(optimizer=keras.optimizers.SGD(0.001), **sgd)
    sliced = make(optimizer=keras.optimizers.SGD(0.001), microbatch_size=2, **sgd)
    data = fixed_dataset(whole, 8, batches=4)
    whole.fit(data, verbose=0), sliced.fit(data, verbose=0)
    assert_same_weights(whole, sliced, tolerance=1e-5)
    with pytest.raises(Exception, match="divide each replica"):
        make(microbatch_size=3).fit(fixed_dataset(whole, 8, batches=1), verbose=0)


def test_what_an_update_logs_must_be_named():
    class Chatty(LinearGaussian):
        def objective(self, batch):
            objective = super().objective(batch)
            return tg.Objective(objective.losses, logs={"brightness": tf.reduce_mean(batch.examples, [1, 2, 3])})

    model = Chatty()
    model.compile()
    with pytest.raises(ValueError, match="`logs` of an update must name everything.*'brightness'"):
        model.fit(fixed_dataset(model, 8, batches=1), verbose=0)


@pytest.mark.parametrize("axis", [None, (1, 2)])
def test_losses_are_one_value_per_example(axis):
    """A mean over the batch, or values that are not summed yet, would weigh the losses of a step otherwise."""

    class Unsummed(LinearGaussian):
        def objective(self, batch):
            return tg.Objective(
                {"loss": tf.reduce_mean(tf.square(batch.examples - self.decoder.variables[1][0]), axis)}
            )

    model = Unsummed()
    model.compile()
    with pytest.raises(
        ValueError, match=r"must be one value per example, of shape \[batch\]. Received: 'loss' of shape"
    ):
        model.fit(fixed_dataset(model, 4, batches=1), verbose=0)


def test_evaluate_is_the_mean_of_what_training_minimizes():
    """Over batches of unequal size, by the model's closed form, and without a trace on the model."""
    model = make()
    examples = np.random.default_rng(0).uniform(-1.0, 1.0, [10, 8, 8, 1]).astype("float32")
    before = model.decoder.get_weights()
    steps = int(model.steps)
    score = model.evaluate(examples, batch_size=4, return_dict=True, verbose=0)
    assert score["loss"] == pytest.approx(-np.mean(model._log_density(model.decoder, examples)), rel=1e-5)
    assert int(model.steps) == steps and int(model.examples_seen) == 0
    for one, other in zip(before, model.decoder.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_validation_is_logged_beside_training():
    model = make()
    examples = np.random.default_rng(0).uniform(-1.0, 1.0, [8, 8, 8, 1]).astype("float32")
    history = model.fit(examples[:4], validation_data=(examples[4:],), batch_size=4, epochs=2, verbose=0).history
    expected = -np.mean(model._log_density(model.decoder, examples[4:]))
    assert history["val_loss"][-1] == pytest.approx(expected, rel=1e-5)
    assert len(history["val_loss"]) == len(history["loss"]) == 2


def test_compile_of_one_network_takes_an_optimizer():
    assert isinstance(make(optimizer="sgd").optimizer, keras.optimizers.SGD)
    with pytest.raises(ValueError, match="has no argument `generator_optimizer`"):
        make(generator_optimizer="adam")


@pytest.mark.parametrize("name", ["model.h5", "model"])
def test_another_format_than_keras_is_refused(name, tmp_path):
    with pytest.raises(
        ValueError, match=f"`filepath` of a LinearGaussian must end in .keras.*{name}'.*tfgan_suite.export"
    ):
        make().save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_subclass_may_replace_the_step():
    class Still(LinearGaussian):
        def train_step(self, data):
            return {"loss": tf.reduce_mean(data)}

    model = Still()
    model.compile()
    before = model.decoder.get_weights()
    history = model.fit(fixed_dataset(model, 8, batches=1), verbose=0).history
    assert np.isfinite(history["loss"]).all()
    for one, other in zip(before, model.decoder.get_weights()):
        np.testing.assert_array_equal(one, other)
