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

from tfgan_suite.adversarial.adversarial_model import call_network
from tfgan_suite.adversarial.step_parts import StepParts, after, gradients_of
from tfgan_suite.foundation.randomness import fold


@keras.saving.register_keras_serializable("tfgan_suite")
class GAN(StepParts):
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
        # With microbatches the loops over them stand between the calls of the replicas, see `accumulate`.
        begin = self._run if self.microbatch_size is None else _call
        done = self._local(begin(self._adversarial_phase, data))
        for penalty in self.discriminator_penalties + self.generator_penalties:
            if penalty.interval > 1:
                # Not inside a replica: a replica may not meet the others (gradients, moments) under a condition.
                due = tf.equal(after(done, tf.convert_to_tensor(self.steps)) % penalty.interval, 0)
                run_penalty = functools.partial(begin, self._lazy_penalty_phase, data, penalty)
                done = tf.cond(due, lambda run=run_penalty: self._local(run()), lambda done=done: done)
        self._run(self._closing_phase, data)
        return self.get_metrics_result()

    def _adversarial_phase(self, data):
        """Discriminator updates, then the generator's. Returns a number that is known when all that is done."""
        seed = fold(self.seed, "train_step", self.steps)
        for index in range(self.discriminator_steps):
            fakes_seed = fold(seed, "discriminator", index)
            gradients, real_logits, fakes = self._accumulate(
                self._discriminator_gradients, data, self.discriminator.trainable_variables, 1, index, fakes_seed
            )
            done = self._run(self._update_discriminator, gradients, real_logits)
            seed = after(self._local(done), seed)

        seed = fold(seed, "generator")
        if not self.reuse_fakes:
            fakes, fakes_seed = None, seed
        variables = self.generator.trainable_variables
        gradients, *_ = self._accumulate(self._generator_gradients, data, variables, 0, fakes, fakes_seed, seed)
        penalty_gradients = [
            self._generator_penalty_gradients(data, penalty, fakes_seed, seed)
            for penalty in self.generator_penalties
            if penalty.interval == 1
        ]
        return self._run(self._update_generator, gradients, *penalty_gradients)

    def _discriminator_gradients(self, data, index, seed):
        """Gradients of the loss and of the penalties that are part of it, logits of real images, and the fakes."""
        real_images, real_labels = self._share(*self._unpack(data), index)
        fakes = self._make_fakes(tf.shape(real_images)[0], seed)
        with tf.GradientTape() as tape:
            losses, real_logits, fake_logits = self.compute_discriminator_loss(
                self._training_discriminate(seed),
                real_images,
                tf.stop_gradient(fakes.images),
                real_labels,
                fakes.labels,
            )
            loss = self._reduce(losses)
            for penalty in self.discriminator_penalties:
                if penalty.interval == 1:
                    loss += self._discriminator_penalty(
                        penalty, real_images, tf.stop_gradient(fakes.images), real_labels, real_logits, seed
                    )
            loss = self.discriminator_optimizer.scale_loss(loss)
        self._track("loss/discriminator", losses)
        self._track("logits/real", real_logits)
        self._track("logits/fake", fake_logits)
        return gradients_of(tape, loss, self.discriminator.trainable_variables), real_logits, fakes

    def _update_discriminator(self, gradients, real_logits):
        if hasattr(self.augmentation, "update"):
            self.augmentation.update(real_logits)
        if hasattr(self.augmentation, "probability"):
            self._track("augmentation/probability", tf.convert_to_tensor(self.augmentation.probability))
        return self._apply("discriminator", gradients)

    def _generator_gradients(self, data, fakes, fakes_seed, seed):
        """Gradients of the loss, on `fakes` or on those that `fakes_seed` makes."""
        real_images, real_labels = self._share(*self._unpack(data), self.discriminator_steps - 1)
        if fakes is None:
            fakes = self._make_fakes(tf.shape(real_images)[0], fakes_seed)
        with tf.GradientTape() as tape:
            tape.watch(fakes.images)
            losses = self.compute_generator_loss(
                self._training_discriminate(seed), fakes.images, fakes.labels, real_images, real_labels
            )
            loss = self.generator_optimizer.scale_loss(self._reduce(losses))
        self._track("loss/generator", losses)
        # The chain rule in two parts: the fakes may be those that the discriminator has just been trained on.
        image_gradients = tape.gradient(loss, fakes.images)
        variables = self.generator.trainable_variables
        return gradients_of(fakes.tape, fakes.images, variables, output_gradients=image_gradients), None, None

    def _update_generator(self, *gradients):
        return self._apply("generator", [tf.add_n(parts) for parts in zip(*gradients)])  # Of the loss and each penalty.

    def _lazy_penalty_phase(self, data, penalty):
        """An update of its own for a penalty that is due, on fresh latents; it stands for `interval` steps."""
        seed = fold(self.seed, "lazy_penalty", penalty.name, self.steps)
        if penalty in self.generator_penalties:
            variables, optimizer = self.generator.trainable_variables, self.generator_optimizer
            gradients = self._generator_penalty_gradients(data, penalty, seed, seed)
        else:
            variables, optimizer = self.discriminator.trainable_variables, self.discriminator_optimizer
            gradients, *_ = self._accumulate(self._discriminator_penalty_gradients, data, variables, 0, penalty, seed)

        def update(gradients):
            optimizer.apply(gradients, variables)
            return tf.linalg.global_norm(gradients)

        return self._run(update, gradients)

    def _discriminator_penalty_gradients(self, data, penalty, seed):
        real_images, real_labels = self._share(*self._unpack(data), self.discriminator_steps - 1)
        fake_images = None
        if penalty.uses_fake_images:
            fake_images = tf.stop_gradient(self._make_fakes(tf.shape(real_images)[0], seed).images)
        with tf.GradientTape() as tape:
            real_logits = None
            if penalty.uses_real_logits:
                real_logits = self._training_discriminate(seed)(real_images, real_labels)
            value = self._discriminator_penalty(penalty, real_images, fake_images, real_labels, real_logits, seed)
            loss = self.discriminator_optimizer.scale_loss(penalty.interval * value)
        return gradients_of(tape, loss, self.discriminator.trainable_variables), None, None

    def _generator_penalty_gradients(self, data, penalty, latents_seed, seed):
        """Of a penalty on the whole batch, microbatches measure twice: in between all that was measured is evaluated,
        and its derivative by each measured number says how strongly that one's gradient counts."""
        variables, arguments = self.generator.trainable_variables, (penalty, latents_seed, seed)
        if self.microbatch_size is None or not hasattr(penalty, "measure"):
            return self._accumulate(self._evaluated_penalty_gradients, data, variables, 0, *arguments)[0]
        _, measures, _ = self._accumulate(self._penalty_measures, data, [], 1 / penalty.batch_shrink, *arguments)
        derivatives = self._run(self._penalty_derivatives, penalty, measures)
        return self._accumulate(self._weighted_measure_gradients, (data, derivatives), variables, 0, *arguments)[0]

    def _evaluated_penalty_gradients(self, data, penalty, latents_seed, seed):
        latents, labels = self._latents_of(data, latents_seed)
        with tf.GradientTape() as tape:
            values = penalty(self.generator, latents, labels, fold(seed, penalty.name))
            loss = self.generator_optimizer.scale_loss(penalty.interval * self._reduce(values))
        self._track(f"penalty/{penalty.name}", values)
        return gradients_of(tape, loss, self.generator.trainable_variables), None, None

    def _penalty_measures(self, data, penalty, latents_seed, seed):
        latents, labels = self._latents_of(data, latents_seed)
        return [], penalty.measure(self.generator, latents, labels, fold(seed, penalty.name)), None

    def _penalty_derivatives(self, penalty, measures):
        with tf.GradientTape() as tape:
            tape.watch(measures)
            values = penalty.evaluate(measures)
            loss = self.generator_optimizer.scale_loss(penalty.interval * self._reduce(values))
        self._track(f"penalty/{penalty.name}", values)
        return tape.gradient(loss, measures)

    def _weighted_measure_gradients(self, data, penalty, latents_seed, seed):
        data, derivatives = data
        with tf.GradientTape() as tape:
            _, measures, _ = self._penalty_measures(data, penalty, latents_seed, seed)
            total = tf.reduce_sum(derivatives * measures)
        return gradients_of(tape, total, self.generator.trainable_variables), None, None

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


def _call(function, *arguments):
    return function(*arguments)
