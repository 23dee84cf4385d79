"""TensorBoard beside a running training: its own loader sees every point, what each number means, and rates and sizes."""

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

import tfgan_suite as tg
from tfgan_suite.callbacks.hyperparameters import model_hyperparameters
from tfgan_suite.callbacks.scalar_descriptions import describe_scalar
from tfgan_suite.callbacks.training_log import TrainingLog
from tfgan_suite.engine.alerts import Alert
from tfgan_suite.foundation.event_log import EventLog
from tfgan_suite.metrics.protocol.results import EvaluationRow
from tfgan_suite.metrics.protocol.score_log import describe_score, write_scalars


def make_gan():
    gan = tg.DCGAN(image_shape=(8, 8, 1), latent_size=4, base_channels=2, kernel_size=4)
    gan.compile()
    return gan


def make_images(count):
    return np.random.default_rng(0).integers(0, 256, [count, 8, 8, 1]).astype("uint8")


class Reader(keras.callbacks.Callback):
    """Reads a directory at the end of each tick, as TensorBoard's Python loader does."""

    def __init__(self, directory):
        super().__init__()
        self.events = EventAccumulator(str(directory), size_guidance={"tensors": 0})
        self.counts = []

    def on_epoch_end(self, epoch, logs=None):
        self.events.Reload()
        names = self.events.Tags()["tensors"]
        self.counts.append(len(self.events.Tensors("examples_seen")) if "examples_seen" in names else 0)


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A run of three ticks in two fits with an alert, the reader that watched it, and its TensorBoard directory."""
    run_dir = tmp_path_factory.mktemp("run")
    images = make_images(128)
    probe = {"real_images": images, "grace_images": 0}
    gan = make_gan()
    callbacks = tg.default_callbacks(run_dir, model=gan, collapse_probe=probe, hyperparameters={"batch_size": 16})
    monitor = next(one for one in callbacks if getattr(one, "name", None) == "stability")
    reader = Reader(run_dir / "tensorboard")
    options = {"batch_size": 16, "callbacks": [*callbacks, reader], "verbose": 0}
    gan.fit(tg.to_float(tf.constant(images)), epochs=2, **options)
    monitor.add(Alert("rule", "measurement", 1.0, 0.5, 128, "symptom", "advice"))
    gan.fit(tg.to_float(tf.constant(images)), epochs=3, initial_epoch=2, **options)
    row = EvaluationRow(
        "frechet_distance_16", 3.0, 0.1, "repeats", None, "lower", {"num_fake": 16}, {"images_seen": 384}
    )
    write_scalars([row], run_dir / "tensorboard")
    return reader, run_dir / "tensorboard"


def test_a_process_writes_one_file(watched):
    assert len(list(watched[1].rglob("events*"))) == 1


def test_the_loader_sees_every_point(watched):
    reader, _ = watched
    assert reader.counts == [1, 2, 3]
    events = reader.events.Reload()
    assert [event.step for event in events.Tensors("loss/generator")] == [128, 256, 384]
    assert [event.step for event in events.Tensors("samples")] == [0, 128, 256, 384]
    assert [event.step for event in events.Tensors("alert/rule")] == [128]
    assert [event.step for event in events.Tensors("frechet_distance_16")] == [384]


def test_every_number_says_what_it_is(watched):
    events = watched[0].events.Reload()
    names = [name for name in events.Tags()["tensors"] if not name.startswith(("alert/rule", "_hparams_"))]
    descriptions = {name: events.SummaryMetadata(name).summary_description for name in names}
    assert len(names) > 15 and all(descriptions.values())
    # The last resort is for numbers of models and callbacks that the suite does not know.
    assert not [name for name, text in descriptions.items() if text.startswith("`")]
    assert (
        descriptions["frechet_distance_16"]
        == "Score `frechet_distance_16`; lower is better. Computed from 16 fake examples."
    )
    assert "over repeats" in descriptions["frechet_distance_16_std"]


def test_descriptions_of_numbers_by_name():
    assert describe_scalar("gradient_norm/generator").startswith("Global norm of the gradients of the generator")
    assert describe_score("dataset_classifier_inception_score_5k").endswith("higher is better.")
    assert describe_score("intra_class_frechet_distance_5k").endswith("lower is better.")
    assert describe_score("frechet_distance") is None and describe_score("loss_5k") is None
    assert describe_scalar("my_number").startswith("`my_number`")


def test_hyperparameters_are_rates_and_sizes(watched):
    metadata = watched[0].events.Reload().SummaryMetadata("_hparams_/session_start_info")
    content = plugin_data_pb2.HParamsPluginData.FromString(metadata.plugin_data.content)
    values = content.session_start_info.hparams
    gan = make_gan()
    assert values["generator_optimizer/learning_rate"].number_value == pytest.approx(
        float(gan.optimizers["generator"].learning_rate)
    )
    assert values["base_channels"].number_value == gan.get_config()["base_channels"]
    assert values["latent_size"].number_value == gan.latent_size and values["batch_size"].number_value == 16
    assert values["loss"].string_value == "NonSaturating"
    assert {value.WhichOneof("kind") for value in values.values()} == {"number_value", "string_value"}  # And no flags.


def test_hyperparameters_of_penalties_schedules_and_own_networks():
    generator = keras.Sequential([keras.Input((4,)), keras.layers.Dense(64), keras.layers.Reshape((8, 8, 1))])
    discriminator = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
    gan = tg.GAN(generator, discriminator)
    rate = keras.optimizers.schedules.CosineDecay(1e-3, 100)
    gan.compile(generator_optimizer=keras.optimizers.Adam(rate), discriminator_penalties=[tg.penalties.R1(weight=3.0)])
    values = model_hyperparameters(gan)
    assert values["generator_optimizer/learning_rate"] == "CosineDecay"
    assert values["generator_optimizer/learning_rate/initial_learning_rate"] == 0.001
    assert values["discriminator_penalties/R1/weight"] == 3.0
    assert values["parameters"] == generator.count_params() + discriminator.count_params() == 320 + 65
    assert not [name for name in values if "Dense" in name]


def test_a_directory_that_is_made_anew_gets_a_file_of_its_own(tmp_path):
    log = EventLog(tmp_path / "log")
    for value in (1.0, 2.0):
        with log.writing():
            tf.summary.scalar("value", value, step=0)
        (event,) = EventAccumulator(str(tmp_path / "log")).Reload().Tensors("value")
        assert tf.make_ndarray(event.tensor_proto) == value
        shutil.rmtree(tmp_path / "log")


def test_a_log_alone_writes_one_file_too(tmp_path):
    gan = make_gan()
    log = TrainingLog(tmp_path / "history.jsonl", tmp_path / "log")
    for epoch in range(2):
        gan.fit(
            tg.to_float(tf.constant(make_images(32))),
            batch_size=16,
            epochs=epoch + 1,
            initial_epoch=epoch,
            callbacks=[log],
            verbose=0,
        )
    assert len(list((tmp_path / "log").iterdir())) == 1
