"""What `fit`, `evaluate` and `predict` refuse of the data, whatever the data come in."""

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.test_case import random_batch
from tfgan_suite.engine.data_checks import DataChecks
from tfgan_suite.foundation.errors import UserError

IMAGES = np.random.default_rng(0).uniform(-1, 1, [12, 8, 8, 1]).astype("float32")
PIXELS = (IMAGES + 1) * 127.5
LABELS = np.arange(12) % 3


def make(num_classes=None, **compile_arguments):
    generator_inputs, inputs = keras.Input([4]), keras.Input([8, 8, 1])
    fakes = keras.layers.Reshape([8, 8, 1])(keras.layers.Dense(64, "tanh")(generator_inputs))
    generator = keras.Model(generator_inputs, fakes)
    discriminator = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(inputs)))
    if num_classes is None:
        gan = tg.GAN(generator, discriminator)
    else:
        gan = tg.DCGAN(image_shape=(8, 8, 1), num_classes=num_classes, base_channels=2, latent_size=4)
    gan.compile(**compile_arguments)
    return gan


class Batches(keras.utils.PyDataset):
    def __init__(self, *arrays):
        super().__init__()
        self.arrays = arrays

    def __len__(self):
        return 3

    def __getitem__(self, index):
        batch = tuple(array[4 * index : 4 * index + 4] for array in self.arrays)
        return batch if len(batch) > 1 else batch[0]


def dataset(*arrays):
    return tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0]).batch(4)


def generator(*arrays):
    for batch in dataset(*arrays).as_numpy_iterator():
        yield batch if isinstance(batch, tuple) else (batch,)


@pytest.mark.parametrize("make_data", [dataset, Batches, generator])
def test_images_of_another_range_are_refused_before_the_first_step(make_data):
    gan = make()
    with pytest.raises(UserError, match=r"float images in \[-1, 1\]. Received: values from .* `images / 127.5 - 1`"):
        gan.fit(make_data(PIXELS), verbose=0)
    assert int(gan.steps) == 0
    gan.fit(make_data(IMAGES), verbose=0)
    assert int(gan.steps) >= 3


def test_arrays_and_validation_data_are_refused_before_the_first_step():
    gan = make()
    for arguments in (
        {"x": PIXELS},
        {"x": IMAGES, "validation_data": PIXELS},
        {"x": IMAGES * np.nan},
        {"x": 2.5 * IMAGES},
    ):
        with pytest.raises(UserError, match="float images in"):
            gan.fit(**arguments, batch_size=4, verbose=0)
    for call in (gan.evaluate, gan.train_on_batch, gan.test_on_batch):
        with pytest.raises(UserError, match="float images in"):
            call(PIXELS)
    with pytest.raises(UserError, match="float images in"):
        gan.evaluate(dataset(PIXELS), verbose=0)
    assert int(gan.steps) == 0
    with pytest.raises(UserError, match="float images in"):
        make(run_eagerly=True).fit(dataset(PIXELS), verbose=0)


def test_only_the_first_batch_of_images_is_looked_at():
    gan = make()
    gan.fit(dataset(np.concatenate([IMAGES[:4], 1.5 * IMAGES[4:]])), epochs=2, verbose=0)
    assert int(gan.steps) == 6


def test_rounding_is_no_other_range():
    make().fit(dataset(IMAGES * 1.005), verbose=0)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS - 1, "labels from 0 to 2. Received: labels from -1 to"),
        (LABELS + 1, "labels from 0 to 2. Received: labels from 1 to 3"),
        (np.full([12], 0.7, "float32"), "whole numbers as labels from 0 to 2. Received: a label of 0.7"),
        (np.eye(3)[LABELS], "one number for each example.*argmax"),
        (np.array(["cat"] * 12), "integers as labels"),
        (np.where(np.arange(12) == 11, 7, 0), "labels from 0 to 2. Received: labels from 0 to 7"),  # In the last batch.
    ],
)
def test_labels_that_are_refused(labels, message):
    gan = make(3)
    with pytest.raises(ValueError, match=message):
        gan.fit(dataset(IMAGES, labels), verbose=0)
    with pytest.raises(ValueError, match=message):
        gan.evaluate(dataset(IMAGES, labels), verbose=0)
    steps = int(gan.steps)
    if labels.dtype.kind != "U":
        with pytest.raises(ValueError, match=message):
            gan.fit(IMAGES, labels, batch_size=4, verbose=0)
        with pytest.raises(ValueError, match=message):
            gan.fit(IMAGES, LABELS, validation_data=(IMAGES, labels), batch_size=4, verbose=0)
        with pytest.raises(ValueError, match=message):
            gan.predict([np.zeros([12, 4], "float32"), labels], verbose=0)
    assert int(gan.steps) == steps


def test_labels_of_any_right_form_train_alike():
    results = []
    for labels in (LABELS, LABELS[:, None].astype("uint8"), LABELS.astype("float32")[:, None]):
        gan = make(3)
        gan.fit(dataset(IMAGES, labels), verbose=0)
        results.append([np.asarray(variable) for variable in gan.generator.variables])
        shown = gan.predict([np.ones([12, 4], "float32"), labels], verbose=0)
        np.testing.assert_array_equal(shown, gan.predict([np.ones([12, 4], "float32"), LABELS], verbose=0))
    for one in results[1:]:
        for variable, expected in zip(one, results[0]):
            np.testing.assert_array_equal(variable, expected)


def test_a_dataset_is_read_once():
    read = []

    def batches():
        for index in range(3):
            read.append(index)
            yield IMAGES[4 * index : 4 * index + 4]

    data = tf.data.Dataset.from_generator(batches, output_signature=tf.TensorSpec([4, 8, 8, 1]))
    make().fit(data, steps_per_epoch=3, verbose=0)
    assert read == [0, 1, 2]


def test_several_replicas_get_the_same_parts(two_replicas):
    def sizes(data):
        distributed = two_replicas.experimental_distribute_dataset(data)
        return [[len(part) for part in two_replicas.experimental_local_results(batch[0])] for batch in distributed]

    data = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(8)
    with two_replicas.scope():
        gan = make(3)
        checks = DataChecks(gan)
    assert sizes(checks._checked(data, whole=True)) == sizes(checks._checked(data, whole=False)) == sizes(data)
    for images, labels in ((PIXELS, LABELS), (IMAGES, LABELS - 1)):
        wrong = tf.data.Dataset.from_tensor_slices((images, labels)).batch(4)
        for one in (wrong, two_replicas.experimental_distribute_dataset(wrong)):
            with pytest.raises(UserError, match="Received: (values|labels) from"):
                gan.fit(one, verbose=0)


def test_a_model_of_any_numbers_is_warned():
    from tests.linear_gaussian import LinearGaussian

    model = LinearGaussian()
    model.compile()
    with pytest.warns(UserWarning, match="float images in"):
        model.fit(PIXELS, batch_size=4, verbose=0)


def make_trained_models():
    vae = tg.VAE(image_shape=(8, 8, 1), latent_size=2, base_channels=2, dense_units=4, num_classes=3)
    gan = tg.DCGAN(image_shape=(8, 8, 1), base_channels=2, latent_size=4, num_classes=3)
    for model in (vae, gan):
        model.compile()
        examples, labels = random_batch(model, 8)
        data = tf.data.Dataset.from_tensor_slices((examples, labels)).batch(4)
        model.fit(data, validation_data=data, verbose=0)
        model.fit(examples, labels, batch_size=4, verbose=0)
        model.evaluate(examples, labels, verbose=0)
        model.generate(2)
        yield model
    vae.log_prob(vae.generate(2), labels=[0, 1])


def test_a_trained_model_that_nobody_needs_is_freed():
    """Neither TensorFlow's registry of Python functions nor a graph holds it: loops over models need memory for one."""
    references = [weakref.ref(model) for model in make_trained_models()]
    gc.collect()
    assert [reference() for reference in references] == [None, None]
