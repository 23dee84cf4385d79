"""GAN: the adversarial training step, written once. Every GAN of the suite trains with this one.

One step on one batch of real images:

1. `discriminator_steps` times: draw latents, generate fakes, update the discriminator on its share of the batch;
2. draw latents, generate fakes, update the generator through the discriminator;
3. each lazy penalty that is due: an update of its own;
4. move the averaged generator, count the images.

`GAN.updates` says this; what differs between models comes in as objects (networks, loss, penalties, augmentation, EMA) or
by one of seven hooks: `sample_latents`, `sample_labels`, `generate_fakes`, `view`, `discriminate`,
`compute_discriminator_loss`, `compute_generator_loss`. Hooks take tensors and return tensors.
"""

from typing import NamedTuple

import keras
import tensorflow as tf

from tfgan_suite.adversarial.adversarial_model import AdversarialModel
from tfgan_suite.adversarial.penalties import Batch
from tfgan_suite.adversarial.san_head import has_san_head
from tfgan_suite.engine.added_losses import AddedLosses, not_counted
from tfgan_suite.engine.networks import call_network
from tfgan_suite.engine.update import Objective, Recorded, Update, WholeBatch
from tfgan_suite.foundation.randomness import draw_per_example, fold
from tfgan_suite.layers.san_dense import Directions


class Fakes(NamedTuple):
    """Generated images, their labels, the tape that knows how the generator made them, and what its layers added to its loss."""

    images: tf.Tensor
    labels: tf.Tensor | None
    tape: tf.GradientTape
    added: tuple = ()


@keras.saving.register_keras_serializable("tfgan_suite")
class GAN(AdversarialModel):
    """Two networks that train against each other, and a third that averages the generator.

    Networks are called as `generator(latents, labels)` and `discriminator(images, labels)`, or without labels if
    `num_classes` is `None`. Networks with several inputs made by the functional API get a list. Regularizers of their layers
    and what these add by `add_loss` count in the loss of the network.

    Args:
        generator: A `keras.Model`. Maps latents float32 `[batch, latent_size]` to images `[batch, height, width, channels]`
            in [-1, 1].
        discriminator: A `keras.Model`. Maps such images to logits `[batch]` or `[batch, 1]`.
        image_shape: Tuple `(height, width, channels)`; by default the generator's output shape.
        spec: `ExampleSpec` of what the generator makes, where that is no image.
        latent_size: Integer; by default the size of the generator's first input, which a subclassed network does not tell.
        num_classes: Integer, the number of classes of a conditional pair, or `None`.
        label_weights: List of floats, the relative frequency of each class among generated labels; `None` for all alike.
        latent_distribution: A `latents.LatentDistribution`; by default standard normal.
        san_head: Boolean. Whether the discriminator scores its features by `layers.SANDense` rather than by a head of its own.
            For the suite's own discriminators; in one of yours, make that layer the last.
        seed: Integer. Base seed for all randomness in training.

    Raises:
        ValueError: A network cannot be called with these inputs, returns something else, does not tell its sizes, or the
            generator cannot be copied for its average.

    Example:

    >>> generator = keras.Sequential([keras.Input([8]), keras.layers.Dense(16), keras.layers.Reshape([4, 4, 1])])
    >>> discriminator = keras.Sequential([keras.Input([4, 4, 1]), keras.layers.Flatten(), keras.layers.Dense(1)])
    >>> gan = GAN(generator, discriminator)
    >>> gan.compile()
    >>> history = gan.fit(np.zeros([8, 4, 4, 1], "float32"), batch_size=4, verbose=0)

    Reference: Goodfellow et al., "Generative Adversarial Nets" (2014), algorithm 1.
    """

    # === The step ===

    def updates(self):
        """Algorithm 1: the discriminator k times, the generator once; then the penalties that have an interval."""
        discriminator, generator = self.discriminator.trainable_variables, self.generator.trainable_variables
        by_discriminator, by_generator = self.discriminator_penalties, self.generator_penalties
        of_direction = ("loss/direction",) if has_san_head(self.discriminator) else ()
        return [
            Update(
                "discriminator",
                discriminator,
                self.discriminator_objective,
                logs=(
                    "loss/discriminator",
                    *of_direction,
                    "logits/real",
                    "logits/fake",
                    *_log_names(every_step(by_discriminator)),
                ),
                times=self.discriminator_steps,
                observe=self._adapt_augmentation,
            ),
            Update(
                "generator",
                generator,
                [self.generator_objective, *map(self._generator_penalty, every_step(by_generator))],
                logs=("loss/generator", *_log_names(every_step(by_generator))),
                has_own_share=self.separate_batches,
            ),
            *(
                self._lazy(one, discriminator, "discriminator", self._discriminator_penalty(one))
                for one in lazy(by_discriminator)
            ),
            *(self._lazy(one, generator, "generator", self._generator_penalty(one)) for one in lazy(by_generator)),
        ]

    def discriminator_objective(self, batch):
        """The discriminator's loss and its penalties, on real images and fresh fakes."""
        fakes = batch.kept["fakes"] = self._make_fakes(batch, batch.seed)
        fake_images = tf.stop_gradient(fakes.images)
        with Directions() as directions:
            losses, real_logits, fake_logits = self.compute_discriminator_loss(
                self._training_discriminate(batch.seed), batch.examples, fake_images, batch.labels, fakes.labels
            )
        minimized = {"loss/discriminator": losses}
        if directions:
            minimized["loss/direction"] = directions.loss(real_logits, fake_logits)
        real, fake = Batch(batch.examples, batch.labels, real_logits), Batch(fake_images, fakes.labels, fake_logits)
        for penalty in every_step(self.discriminator_penalties):
            minimized[f"penalty/{penalty.name}"] = self._penalize(penalty, real, fake, batch.seed)
        realness = self.adversarial_loss.realness(real_logits, fake_logits)
        return Objective(minimized, {"logits/real": real_logits, "logits/fake": fake_logits}, rows=realness)

    def generator_objective(self, batch):
        """The generator's loss, through the discriminator."""
        fakes = batch.kept.get("fakes") if self.reuse_fakes else None
        if fakes is None:
            fakes = self._make_fakes(batch, self._fakes_seed(batch))
        batch.tape.watch(fakes.images)
        losses = self.compute_generator_loss(
            self._training_discriminate(batch.seed), fakes.images, fakes.labels, batch.examples, batch.labels
        )
        # The chain rule in two parts: the fakes may be those that the discriminator has just been trained on.
        return Objective({"loss/generator": losses}, through=Recorded(fakes.images, fakes.tape, fakes.added))

    # === Penalties ===

    def _lazy(self, penalty, variables, optimizer, objective):
        """An update of its own for a penalty that is due, on fresh latents."""
        return Update(penalty.name, variables, objective, _log_names([penalty]), optimizer, penalty.interval)

    def _discriminator_penalty(self, penalty):
        def objective(batch):
            real, fake = Batch(batch.examples, batch.labels), None
            if penalty.uses_fake_images or penalty.uses_fake_logits:
                fakes = self._make_fakes(batch, batch.seed)
                fake = Batch(tf.stop_gradient(fakes.images), fakes.labels)
            discriminate = self._training_discriminate(batch.seed)
            if penalty.uses_real_logits:
                real = real._replace(logits=discriminate(real.images, real.labels))
            if penalty.uses_fake_logits:
                fake = fake._replace(logits=discriminate(fake.images, fake.labels))
            return Objective({f"penalty/{penalty.name}": self._penalize(penalty, real, fake, batch.seed)})

        return objective

    def _penalize(self, penalty, real, fake, seed):
        seed = fold(seed, penalty.name)
        with not_counted():
            return self.apply_penalty(penalty, self._training_discriminate(seed), real, fake, seed)

    def apply_penalty(self, penalty, discriminate, real, fake, seed):
        """Values of a discriminator penalty, float32 `[batch]`. For a model that penalizes in a form of its own."""
        return penalty(discriminate, real, fake, seed)

    def _generator_penalty(self, penalty):
        def arguments(batch):
            latents, labels = self.draw_latents(tf.shape(batch.examples)[0], self._fakes_seed(batch))
            return self.generator, latents, labels, fold(batch.seed, penalty.name)

        def objective_of(values):
            return Objective({f"penalty/{penalty.name}": values})

        if penalty.compares_examples:
            return WholeBatch(
                measure=not_counted()(lambda batch: penalty.measure(*arguments(batch))),
                evaluate=lambda measures: objective_of(penalty.evaluate(measures)),
                rows_per_example=1 / penalty.batch_shrink,
            )
        return not_counted()(lambda batch: objective_of(penalty(*arguments(batch))))

    # === Parts ===

    def draw_latents(self, batch_size, seed):
        """Latents and labels of fakes, the same for any number of replicas and microbatches."""
        latents = draw_per_example(self.sample_latents, batch_size, fold(seed, "latents"))
        if self.num_classes is None:
            return latents, None
        return latents, draw_per_example(self.sample_labels, batch_size, fold(seed, "labels"))

    def _fakes_seed(self, batch):
        """The seed of the fakes that the generator is updated on: its own, or the last discriminator update's."""
        if not self.reuse_fakes or batch.step_seed is None:
            return batch.seed
        return fold(batch.step_seed, "discriminator", self.discriminator_steps - 1)

    def _make_fakes(self, batch, seed):
        """`Fakes` of fresh latents by the hook `generate_fakes`, as many as the batch has examples."""
        latents, labels = self.draw_latents(tf.shape(batch.examples)[0], seed)
        if self.adversarial_loss.pairs_share_label:
            labels = batch.labels
        # The update's own tape need not know how the fakes were made.
        with batch.tape.stop_recording(), tf.GradientTape() as tape, AddedLosses([self.generator]) as layers:
            images = tf.cast(self.generate_fakes(latents, labels, fold(seed, "noise")), tf.float32)
        return Fakes(images, labels, tape, tuple(layers.values))

    def _training_discriminate(self, seed):
        """The discriminator in training mode, seen through the augmentation."""

        def discriminate(images, labels, score=self.discriminate):
            return score(self.view(images, seed), labels, training=True)

        return discriminate

    def _adapt_augmentation(self, realness):
        if hasattr(self.augmentation, "update"):
            self.augmentation.update(realness)
        if hasattr(self.augmentation, "probability"):
            self.track_value("augmentation/probability", tf.convert_to_tensor(self.augmentation.probability))

    def _output_shapes(self):
        # Of a hook that is overridden only its author knows what it makes of the network's outputs.
        hooks = type(self)
        return {
            "generator": (self.spec.shape,) if hooks.generate_fakes is GAN.generate_fakes else None,
            "discriminator": ((), (1,)) if hooks.discriminate is GAN.discriminate else None,
        }

    # === Hooks (and sample_latents, sample_labels of the bases) ===

    def generate_fakes(self, latents, labels, seed):
        """The generator in training mode. `seed` is for networks that draw noise of their own."""
        return call_network(self.generator, latents, labels, training=True)

    def view(self, images, seed):
        """Images as the discriminator sees them in training, augmented; the same changes for the same `seed`, int32 `[2]`."""
        return images if self.augmentation is None else self.augmentation(images, fold(seed, "augmentation"))

    def discriminate(self, images, labels=None, training=False):
        """Logits float32 `[batch]` of float images `[batch, height, width, channels]`; higher is more real."""
        logits = call_network(self.discriminator, images, labels, training=training)
        return tf.reshape(tf.cast(logits, tf.float32), [-1])

    def compute_discriminator_loss(self, discriminate, real_images, fake_images, real_labels, fake_labels):
        """Per-example loss, logits of real images and logits of fakes, each float32 `[batch]`.

        `discriminate` is the hook of that name in training mode, seen through the augmentation. For a discriminator with
        extra outputs, pass `score=fn`; `fn` has the hook's signature.
        """
        real_logits = discriminate(real_images, real_labels)
        fake_logits = discriminate(fake_images, fake_labels)
        return self.adversarial_loss.discriminator_loss(real_logits, fake_logits), real_logits, fake_logits

    def compute_generator_loss(self, discriminate, fake_images, fake_labels, real_images, real_labels):
        """Per-example loss, float32 `[batch]`."""
        real_logits = discriminate(real_images, real_labels) if self.adversarial_loss.uses_real_logits else None
        return self.adversarial_loss.generator_loss(discriminate(fake_images, fake_labels), real_logits)


def every_step(penalties):
    """Those that are part of each update."""
    return [penalty for penalty in penalties if penalty.interval == 1]


def lazy(penalties):
    """Those that have an update of their own, on every k-th step."""
    return [penalty for penalty in penalties if penalty.interval > 1]


def _log_names(penalties):
    return tuple(f"penalty/{penalty.name}" for penalty in penalties)
