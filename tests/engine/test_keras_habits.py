"""What users of Keras try first: it works, or the message says what to do instead."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.adversarial.test_gan import make_gan
from tests.test_case import fixed_dataset


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((("adam",), {}), "takes `generator_optimizer` and `discriminator_optimizer` by place, .* 1 without"),
        ((("adam", "adam", "hinge"), {}), "everything else by name. Received: 3 without"),
        ((("adam", "sgd"), {"generator_optimizer": "adam"}), "given `generator_optimizer` twice"),
        (
            ((), {"optimizer": "adam"}),
            "Pass `generator_optimizer` and `discriminator_optimizer` instead of `optimizer`",
        ),
        (((), {"metrics": ["accuracy"]}), "takes no `metrics`.*callbacks.Scores"),
        (((), {"discriminator_step": 2}), "Did you mean `discriminator_steps`"),
        (((), {"loss": "hinge"}), "`loss` must be a losses.AdversarialLoss"),
        (((), {"loss": None}), "`loss` must be a losses.AdversarialLoss"),
        (((), {"discriminator_penalties": [tg.penalties.Orthogonal()]}), "DiscriminatorPenalty, such as penalties.R1"),
        (((), {"generator_penalties": "path_length"}), "GeneratorPenalty, such as penalties.PathLength"),
        (((), {"augmentation": "ada"}), "`augmentation` must be None or a callable"),
        (((), {"ema": None}), "for weights that are not averaged"),
        (((), {"discriminator_steps": 1.5}), "`discriminator_steps` must be an integer"),
        (((), {"reuse_fakes": "yes"}), "`reuse_fakes` must be True or False"),
        (((), {"generator_optimizer": None}), "`generator_optimizer` must be a Keras optimizer"),
        (((), {"generator_optimizer": 0.1}), "`generator_optimizer` must be a Keras optimizer"),
        (((), {"generator_optimizer": "adamm"}), "`generator_optimizer` must be a Keras optimizer.*'adamm'"),
        (((), {"generator_optimizer": {"clas": "Adam"}}), "`generator_optimizer` must be a Keras optimizer"),
        (((), {"microbatch_size": "4"}), "`microbatch_size` must be None or an integer >= 1. Received: .*'4'"),
        (((), {"microbatch_size": True}), "`microbatch_size` must be None or an integer >= 1"),
        (((), {"steps_per_execution": 0}), "`steps_per_execution` must be an integer >= 1"),
        (((), {"steps_per_execution": "auto"}), "`steps_per_execution` must be an integer >= 1"),
        (((), {"jit_compile": "yes"}), "`jit_compile` must be True or False"),
        (((), {"run_eagerly": 1}), "`run_eagerly` must be True or False"),
    ],
)
def test_compile_checks_its_arguments_at_once(arguments, message):
    positional, named = arguments
    with pytest.raises(ValueError, match=message):
        make_gan().compile(*positional, **named)


def test_optimizers_may_be_given_by_place():
    gan = make_gan()
    gan.compile(keras.optimizers.SGD(0.1), "rmsprop", discriminator_steps=2)
    assert isinstance(gan.optimizers["generator"], keras.optimizers.SGD)
    assert isinstance(gan.optimizers["discriminator"], keras.optimizers.RMSprop)
    vae = tg.VAE(image_shape=(8, 8, 1), latent_size=2, base_channels=4, dense_units=4)
    vae.compile("sgd")
    assert [type(one) for one in vae.optimizers.values()] == [keras.optimizers.SGD]


def test_a_models_own_arguments_are_known_too():
    gan = tg.StyleGAN2(image_shape=(16, 16, 3), latent_size=4, w_size=4, num_mapping_layers=1, channel_base=32)
    assert {"style_mixing", "generator_optimizer", "jit_compile"} <= set(gan.compile_arguments())
    with pytest.raises(ValueError, match="Did you mean `style_mixing`"):
        gan.compile(style_mixin=None)


@pytest.mark.parametrize("form", [lambda images: {"images": images}, list])
def test_fit_takes_one_array_of_images(form):
    gan = make_gan()
    with pytest.raises(
        ValueError, match=r"one array of images, or \(images, labels\). Received: a (dict|tuple|list) of"
    ):
        gan.fit(form(np.zeros([4, 4, 4, 1], "float32")), verbose=0)


def test_what_belongs_under_a_strategy(two_replicas):
    with two_replicas.scope():
        inside = make_gan()
        optimizer = keras.optimizers.SGD(0.1)
    outside = make_gan()
    with pytest.raises(ValueError, match="must be called where the model was made"):
        inside.compile()
    with two_replicas.scope():
        with pytest.raises(ValueError, match="must be called where the model was made"):
            outside.compile()
        inside.compile(generator_optimizer=optimizer)
        with pytest.raises(ValueError, match="must be called without a distribution strategy. With one use `fit`"):
            inside.train_on_batch(np.zeros([4, 4, 4, 1], "float32"))
    elsewhere = keras.optimizers.SGD(0.1)
    with two_replicas.scope(), pytest.raises(ValueError, match="The optimizer of 'generator' must be made where"):
        inside.compile(generator_optimizer=elsewhere)


def test_export_says_what_exports(tmp_path):
    with pytest.raises(tg.UserError, match="Use `tfgan_suite.export_saved_model"):
        make_gan().export(tmp_path / "exported")
    assert not list(tmp_path.iterdir())


def test_one_penalty_or_none_stand_for_lists():
    gan = make_gan(discriminator_penalties=tg.penalties.R1(1.0), generator_penalties=None)
    assert [type(one).__name__ for one in gan.discriminator_penalties] == ["R1"] and gan.generator_penalties == []


def test_optimizers_by_name():
    gan = make_gan(generator_optimizer="adam", discriminator_optimizer="sgd")
    assert isinstance(gan.generator_optimizer, keras.optimizers.Adam)
    assert isinstance(gan.discriminator_optimizer, keras.optimizers.SGD)


def test_schedulers_of_the_learning_rate_keep_the_networks_ratio():
    gan = make_gan(generator_optimizer=keras.optimizers.SGD(0.1), discriminator_optimizer=keras.optimizers.SGD(0.4))
    seen = []
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: seen.append(rate) or rate / 2)
    gan.fit(fixed_dataset(gan, 8, batches=1), epochs=2, verbose=0, callbacks=[halve])
    assert seen == pytest.approx([0.1, 0.05])
    assert float(gan.generator_optimizer.learning_rate) == pytest.approx(0.025)
    assert float(gan.discriminator_optimizer.learning_rate) == pytest.approx(0.1)


def test_a_warm_up_from_a_rate_of_zero_keeps_the_networks_ratio():
    gan = make_gan(generator_optimizer=keras.optimizers.SGD(0.1), discriminator_optimizer=keras.optimizers.SGD(0.4))
    warm_up = keras.callbacks.LearningRateScheduler(lambda epoch: 0.01 * epoch)
    gan.fit(fixed_dataset(gan, 8, batches=1), epochs=3, verbose=0, callbacks=[warm_up])
    assert float(gan.generator_optimizer.learning_rate) == pytest.approx(0.02)
    assert float(gan.discriminator_optimizer.learning_rate) == pytest.approx(0.08)


def test_backup_and_restore(tmp_path):
    def train(callbacks):
        gan = make_gan()
        gan.fit(fixed_dataset(gan, 8, batches=2), epochs=3, verbose=0, callbacks=callbacks)
        return gan

    def stop(epoch, logs):
        if epoch == 1:
            raise KeyboardInterrupt

    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(KeyboardInterrupt):
        train([backup, keras.callbacks.LambdaCallback(on_epoch_begin=stop)])
    for resumed, whole in zip(train([backup]).get_weights(), train([]).get_weights()):
        np.testing.assert_array_equal(resumed, whole)


def test_lists_of_metrics_begin_with_the_loss():
    gan = make_gan()
    images = next(iter(fixed_dataset(gan, 8, batches=1)))
    values = gan.evaluate(images, verbose=0, return_dict=True)
    assert gan.evaluate(images, verbose=0) == [
        values[name] for name in ("loss", "loss/discriminator", "logits/real", "logits/fake", "loss/generator")
    ]
    assert gan.train_on_batch(images)[0] == pytest.approx(float(gan.get_metrics_result()["loss"]))


def test_there_is_a_loss_to_monitor():
    gan = make_gan()
    data = fixed_dataset(gan, 8, batches=2)
    plateau = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=1, min_delta=1e9)
    history = gan.fit(data, validation_data=data, epochs=3, verbose=0, callbacks=[plateau]).history
    np.testing.assert_allclose(
        history["loss"], np.add(history["loss/generator"], history["loss/discriminator"]), rtol=1e-6
    )
    assert "val_loss" in history
    assert float(gan.generator_optimizer.learning_rate) < 0.1
    stopped = gan.fit(
        data, epochs=5, verbose=0, callbacks=[keras.callbacks.EarlyStopping("loss", min_delta=1e9, patience=1)]
    )
    assert len(stopped.epoch) == 2


@pytest.mark.parametrize("form", [tuple, list, lambda pair: dict(zip(("latents", "labels"), pair))])
def test_predict_takes_labels(form):
    gan = make_gan(3)
    latents = np.random.default_rng(0).normal(size=[5, 6]).astype("float32")
    labels = np.array([0, 1, 2, 0, 1], "int32")
    images = gan.predict(form((latents, labels)), verbose=0, batch_size=2)
    np.testing.assert_allclose(images, gan(latents, labels), atol=1e-6)
    unconditional = make_gan()
    np.testing.assert_allclose(unconditional.predict(latents, verbose=0), unconditional(latents), atol=1e-6)


def test_predict_takes_a_data_set_of_latents_and_labels_and_asks_for_labels():
    gan = make_gan(3)
    latents, labels = np.ones([5, 6], "float32"), np.array([0, 1, 2, 0, 1], "int32")
    pairs = tf.data.Dataset.from_tensor_slices((latents, labels)).batch(2)
    np.testing.assert_allclose(gan.predict(pairs, verbose=0), gan(latents, labels), atol=1e-6)
    for data in (latents, {"latents": latents}):
        with pytest.raises(tg.UserError, match=r"takes latents and labels, such as predict\(\(latents, labels\)\)"):
            gan.predict(data, verbose=0)


def test_options_that_a_model_does_not_have_are_refused_by_name():
    gan = make_gan()
    with pytest.raises(tg.UserError, match="no sampling option `temperature`. Its options: `truncation`"):
        gan.generate(1, temperature=0.5)
    with pytest.raises(tg.UserError, match="Did you mean `truncation`"):
        gan.generate(1, truncaton=0.5)


def test_a_preset_of_any_subclass_and_a_saved_model_come_from_preset(tmp_path):
    assert type(tg.GAN.from_preset("dcgan_digits_32", base_channels=2)).__name__ == "DCGAN"
    gan = tg.DCGAN(image_shape=(8, 8, 1), base_channels=2, latent_size=4)
    gan.compile()
    gan.save(tmp_path / "model.keras")
    for path in (tmp_path, str(tmp_path / "model.keras")):
        again = tg.GAN.from_preset(path)
        np.testing.assert_array_equal(again.generate(2, seed=1), gan.generate(2, seed=1))
    with pytest.raises(tg.UserError, match="holds a DCGAN, which is no StyleGAN2"):
        tg.StyleGAN2.from_preset(tmp_path)
    with pytest.raises(tg.UserError, match="takes no arguments. Received: base_channels"):
        tg.DCGAN.from_preset(tmp_path, base_channels=4)
    with pytest.raises(tg.UserError, match="Unknown StyleGAN2 preset 'dcgan_digits_32'"):
        tg.StyleGAN2.from_preset("dcgan_digits_32")


@pytest.mark.parametrize("num_classes", [None, 3])
def test_arrays_in_an_eager_step(num_classes):
    gan = make_gan(num_classes=num_classes)
    gan.compile(run_eagerly=True)
    examples, labels = np.zeros([4, *gan.spec.shape], "float32"), np.array([0, 1, 2, 0])
    arguments = (examples,) if num_classes is None else (examples, labels)
    assert np.isfinite(gan.train_on_batch(*arguments, return_dict=True)["loss/generator"])
