"""GAN: the adversarial training step, written once. Every GAN of the suite trains with this one.

One step on one batch of real images:

1. `discriminator_steps` times: draw latents, generate fakes, update the discriminator on its share of the batch;
2. draw latents, generate fakes, update the generator through the discriminator;
3. each lazy penalty that is due: an update of its own;
4. move the averaged generator, count the images.

What differs between models comes in as objects (networks, loss, penalties, augmentation, EMA) or by one of six hooks:
`sample_latents`, `sample_labels`, `generate_fakes`, `discriminate`, `compute_discriminator_loss`,
`compute_generator_loss`. Hooks take tensors and return tensors.
"""

import functools

import keras
import tensorflow as tf

from tfgan_suite.adversarial_model import AdversarialModel, call_network
from tfgan_suite.randomness import draw_per_example, fold


@keras.saving.register_keras_serializable("tfgan_suite")
class GAN(AdversarialModel):
    """Two networks that train against each other, and a third that averages the generator.

    Networks are called as `generator(latents, labels)` and `discriminator(images, labels)`, or without labels if
    `num_classes` is `None`. Networks with several inputs made by the functional API get a list.

    Args:
        generator: Maps latents float32 `[batch, latent_size]` to images `[batch, height, width, channels]` in [-1, 1].
        discriminator: Maps such images to logits `[batch]` or `[batch, 1]`.
        image_shape: `(height, width, channels)`; by default the generator's output shape.
        latent_size: By default the generator's input size.
        num_classes: Number of classes of a conditional pair, or `None`.
        label_weights: Relative frequency of each class among generated labels; `None` for all alike.
        latent_distribution: A `latents.LatentDistribution`; by default standard normal.
        seed: Of everything random in training.

    Example:

    >>> generator = keras.Sequential([keras.Input([8]), keras.layers.Dense(16), keras.layers.Reshape([4, 4, 1])])
    >>> discriminator = keras.Sequential([keras.Input([4, 4, 1]), keras.layers.Flatten(), keras.layers.Dense(1)])
    >>> gan = GAN(generator, discriminator)
    >>> gan.compile()
    >>> history = gan.fit(np.zeros([8, 4, 4, 1], "float32"), batch_size=4, verbose=0)

    Reference: Goodfellow et al., "Generative Adversarial Nets" (2014), algorithm 1.
    """

    # === Hooks (and sample_latents, sample_labels of the bases) ===

    def generate_fakes(self, latents, labels, seed):
        """The generator in training mode. `seed` is for networks that draw noise of their own."""
        return call_network(self.generator, latents, labels, training=True)

    def discriminate(self, images, labels=None, training=False):
        """Logits float32 `[batch]` of float images `[batch, height, width, channels]`; higher is more real."""
        logits = call_network(self.discriminator, images, labels, training=training)
        return tf.reshape(tf.cast(logits, tf.float32), [-1])

    def compute_discriminator_loss(self, discriminate, real_images, fake_images, real_labels, fake_labels):
        """Per-example loss, logits of real images and logits of fakes, each float32 `[batch]`.

        `discriminate` is the hook of that name in training mode, seen through the augmentation. A discriminator that
        says more is asked by `discriminate(images, labels, score)`, with a function that is called as the hook is.
        """
        real_logits = discriminate(real_images, real_labels)
        fake_logits = discriminate(fake_images, fake_labels)
        return self.adversarial_loss.discriminator_loss(real_logits, fake_logits), real_logits, fake_logits

    def compute_generator_loss(self, discriminate, fake_images, fake_labels, real_images, real_labels):
        """Per-example loss, float32 `[batch]`."""
        real_logits = discriminate(real_images, real_labels) if self.adversarial_loss.uses_real_logits else None
        return self.adversarial_loss.generator_loss(discriminate(fake_images, fake_labels), real_logits)

    # === The step ===

    def train_step(self, data):
        """One step. Each phase runs on all replicas; what is decided here is decided once for all of them."""
        self._run(self._adversarial_phase, data)
        for penalty in self.discriminator_penalties + self.generator_penalties:
            if penalty.interval > 1:
                # Not inside a replica: a replica may not meet the others (gradients, moments) under a condition.
                due = tf.equal(tf.convert_to_tensor(self.steps) % penalty.interval, 0)
                tf.cond(due, functools.partial(self._run, self._lazy_penalty_phase, data, penalty), lambda: None)
        self._run(self._closing_phase, data)
        return self.get_metrics_result()

    def _run(self, phase, *arguments):
        if tf.distribute.in_cross_replica_context():
            self.distribute_strategy.run(phase, args=arguments)
        else:  # Keras's own loop, or the caller's, is inside the one replica already.
            phase(*arguments)

    def _adversarial_phase(self, data):
        """Discriminator updates, then the generator's."""
        real_images, real_labels = self._unpack(data)
        seed = fold(self.seed, "train_step", self.steps)
        for index in range(self.discriminator_steps):
            images, labels = self._share(real_images, real_labels, index)
            step_seed = fold(seed, "discriminator", index)
            latents, fake_labels = self._draw(tf.shape(images)[0], step_seed)
            with tf.GradientTape() as generator_tape:
                fake_images = self.generate_fakes(latents, fake_labels, fold(step_seed, "noise"))
            self._update_discriminator(images, tf.stop_gradient(fake_images), labels, fake_labels, step_seed)

        seed = fold(seed, "generator")
        if not self.reuse_fakes:
            latents, fake_labels = self._draw(tf.shape(images)[0], seed)
            with tf.GradientTape() as generator_tape:
                fake_images = self.generate_fakes(latents, fake_labels, fold(seed, "noise"))
        self._update_generator(generator_tape, latents, fake_images, fake_labels, images, labels, seed)

    def _update_discriminator(self, real_images, fake_images, real_labels, fake_labels, seed):
        discriminate = self._training_discriminate(seed)
        with tf.GradientTape() as tape:
            losses, real_logits, fake_logits = self.compute_discriminator_loss(
                discriminate, real_images, fake_images, real_labels, fake_labels
            )
            loss = self._reduce(losses)
            for penalty in self.discriminator_penalties:
                if penalty.interval == 1:
                    loss += self._discriminator_penalty(
                        penalty, real_images, fake_images, real_labels, real_logits, seed
                    )
            loss = self.discriminator_optimizer.scale_loss(loss)
        variables = self.discriminator.trainable_variables
        gradients = _gradients(tape, loss, variables)
        self.discriminator_optimizer.apply(gradients, variables)
        if hasattr(self.augmentation, "update"):
            self.augmentation.update(real_logits)
        if hasattr(self.augmentation, "probability"):
            self._track("augmentation/probability", tf.convert_to_tensor(self.augmentation.probability))
        self._track("loss/discriminator", losses)
        self._track("logits/real", real_logits)
        self._track("logits/fake", fake_logits)
        self._track("gradient_norm/discriminator", tf.linalg.global_norm(gradients))

    def _update_generator(self, generator_tape, latents, fake_images, fake_labels, real_images, real_labels, seed):
        with tf.GradientTape() as tape:
            tape.watch(fake_images)
            losses = self.compute_generator_loss(
                self._training_discriminate(seed), fake_images, fake_labels, real_images, real_labels
            )
            loss = self.generator_optimizer.scale_loss(self._reduce(losses))
        image_gradients = tape.gradient(loss, fake_images)
        variables = self.generator.trainable_variables
        # The chain rule in two parts: the fakes may be those that the discriminator has just been trained on.
        gradients = _gradients(generator_tape, fake_images, variables, output_gradients=image_gradients)
        for penalty in self.generator_penalties:
            if penalty.interval == 1:
                with tf.GradientTape() as tape:
                    loss = self.generator_optimizer.scale_loss(
                        self._generator_penalty(penalty, latents, fake_labels, seed)
                    )
                penalty_gradients = _gradients(tape, loss, variables)
                gradients = [one + other for one, other in zip(gradients, penalty_gradients)]
        self.generator_optimizer.apply(gradients, variables)
        self._track("loss/generator", losses)
        self._track("gradient_norm/generator", tf.linalg.global_norm(gradients))

    def _lazy_penalty_phase(self, data, penalty):
        """An update of its own for a penalty that is due, on fresh latents; it stands for `interval` steps."""
        real_images, real_labels = self._share(*self._unpack(data), self.discriminator_steps - 1)
        seed = fold(self.seed, "lazy_penalty", penalty.name, self.steps)
        latents, fake_labels = self._draw(tf.shape(real_images)[0], seed)
        of_generator = penalty in self.generator_penalties
        network = self.generator if of_generator else self.discriminator
        optimizer = self.generator_optimizer if of_generator else self.discriminator_optimizer
        fake_images = None
        if not of_generator and penalty.uses_fake_images:
            fake_images = tf.stop_gradient(self.generate_fakes(latents, fake_labels, fold(seed, "noise")))
        with tf.GradientTape() as tape:
            if of_generator:
                value = self._generator_penalty(penalty, latents, fake_labels, seed)
            else:
                real_logits = None
                if penalty.uses_real_logits:
                    real_logits = self._training_discriminate(seed)(real_images, real_labels)
                value = self._discriminator_penalty(penalty, real_images, fake_images, real_labels, real_logits, seed)
            loss = optimizer.scale_loss(penalty.interval * value)
        variables = network.trainable_variables
        optimizer.apply(_gradients(tape, loss, variables), variables)

    def _closing_phase(self, data):
        """Moves the averaged generator and counts."""
        batch_size = tf.shape(self._unpack(data)[0])[0] * self.distribute_strategy.num_replicas_in_sync
        decay = self.ema.decay_at(self.images_seen, self.steps, batch_size)
        self.ema.update(self.ema_generator, self.generator, decay)
        self.images_seen.assign_add(tf.cast(batch_size, tf.int64))
        self.steps.assign_add(1)

    def test_step(self, data):
        """Losses and logits on images that are not trained on; the averaged generator makes the fakes."""
        real_images, real_labels = self._unpack(data)
        seed = fold(self.seed, "test_step", self.steps)
        latents, fake_labels = self._draw(tf.shape(real_images)[0], seed)
        fake_images = self(latents, fake_labels, training=False)

        def discriminate(images, labels, score=self.discriminate):
            return score(images, labels, training=False)

        losses, real_logits, fake_logits = self.compute_discriminator_loss(
            discriminate, real_images, fake_images, real_labels, fake_labels
        )
        self._track("loss/discriminator", losses)
        self._track("logits/real", real_logits)
        self._track("logits/fake", fake_logits)
        self._track(
            "loss/generator",
            self.compute_generator_loss(discriminate, fake_images, fake_labels, real_images, real_labels),
        )
        return {name: self._trackers[name].result() for name in list(self._trackers)[:4]}

    # === Parts of the step ===

    def _unpack(self, data, image_shape=None):
        expected_shape = image_shape or self.image_shape
        images, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        if not images.dtype.is_floating:
            raise ValueError(
                f"Expected float images in [-1, 1]. Received: dtype={images.dtype.name}. "
                "tfgan_suite.load_dataset yields such images; for your own uint8 use tfgan_suite.to_float(images)."
            )
        if tuple(images.shape[1:]) != expected_shape:
            raise ValueError(f"Expected images of shape {expected_shape}. Received: {tuple(images.shape[1:])}")
        if self.num_classes is None:
            return images, None
        if labels is None:
            raise ValueError("Expected batches of (images, labels), since num_classes is set. Received images alone.")
        return images, tf.reshape(tf.cast(labels, tf.int32), [-1])

    def _share(self, images, labels, index):
        """Every k-th image of a batch, k = `discriminator_steps`: the same images for any number of replicas."""
        if images.shape[0] is not None and images.shape[0] % self.discriminator_steps:
            raise ValueError(
                f"Expected a batch that discriminator_steps={self.discriminator_steps} divides, on each replica. "
                f"Received: {images.shape[0]} images."
            )
        share = slice(index, None, self.discriminator_steps)
        return images[share], None if labels is None else labels[share]

    def _draw(self, batch_size, seed):
        """Latents and labels of the fakes."""
        latents = draw_per_example(self.sample_latents, batch_size, fold(seed, "latents"))
        if self.num_classes is None:
            return latents, None
        return latents, draw_per_example(self.sample_labels, batch_size, fold(seed, "labels"))

    def _training_discriminate(self, seed):
        """The discriminator in training mode, seen through the augmentation."""

        def discriminate(images, labels, score=self.discriminate):
            if self.augmentation is not None:
                images = self.augmentation(images, fold(seed, "augmentation"))
            return score(images, labels, training=True)

        return discriminate

    def _reduce(self, per_example):
        """The one place where losses and penalties become a number: the mean over the global batch.

        Gradients are summed over replicas, so each replica divides its sum by the global batch size.
        """
        return tf.nn.compute_average_loss(
            per_example, global_batch_size=tf.size(per_example) * self.distribute_strategy.num_replicas_in_sync
        )

    def _discriminator_penalty(self, penalty, real_images, fake_images, real_labels, real_logits, seed):
        discriminate = self._training_discriminate(fold(seed, penalty.name))
        values = penalty(
            lambda images: discriminate(images, real_labels),
            real_images,
            fake_images,
            real_logits,
            fold(seed, penalty.name),
        )
        self._track(f"penalty/{penalty.name}", values)
        return self._reduce(values)

    def _generator_penalty(self, penalty, latents, labels, seed):
        values = penalty(self.generator, latents, labels, fold(seed, penalty.name))
        self._track(f"penalty/{penalty.name}", values)
        return self._reduce(values)

    def _track(self, name, values):
        self._trackers[name].update_state(values)


def _gradients(tape, target, variables, output_gradients=None):
    """Plain tensors for all variables: zeros for one that `target` does not depend on, and no slices of embeddings,
    since replicas cannot exchange slices and tensors in one step."""
    gradients = tape.gradient(target, variables, output_gradients=output_gradients)
    return [
        tf.zeros_like(tf.convert_to_tensor(variable)) if gradient is None else tf.convert_to_tensor(gradient)
        for variable, gradient in zip(variables, gradients)
    ]
