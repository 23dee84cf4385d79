"""StepParts: what the training step is put together from. The step itself is `GAN`'s."""

from typing import NamedTuple

import keras
import tensorflow as tf

from tfgan_suite.adversarial.adversarial_model import AdversarialModel
from tfgan_suite.engine.loss_scaling import scales_loss
from tfgan_suite.foundation.microbatches import accumulate, count_microbatches, parts_of_batch
from tfgan_suite.foundation.randomness import draw_per_example, fold


class Fakes(NamedTuple):
    """Generated images, their labels, and the tape that knows how the generator made them."""

    images: tf.Tensor
    labels: tf.Tensor | None
    tape: tf.GradientTape


class StepParts(AdversarialModel):
    """Batches, fakes, losses and updates as the step needs them, whatever the replicas and microbatches."""

    def _run(self, function, *arguments):
        if tf.distribute.in_cross_replica_context():
            return self.distribute_strategy.run(function, args=arguments)
        return function(*arguments)  # Keras's own loop, or the caller's, is inside the one replica already.

    def _local(self, values):
        """What `_run` returned, as a list with one value for each replica of this process."""
        return list(self.distribute_strategy.experimental_local_results(values))

    def _accumulate(self, compute, data, variables, rows_an_image, *arguments):
        """`compute(data, *arguments)`: gradients of `variables`, numbers of the examples, something to keep; or the first
        two of microbatches, summed and joined. An image of a microbatch yields `rows_an_image` numbers."""
        if self.microbatch_size is None:
            return compute(data, *arguments)
        images = tf.nest.flatten(data)[0]
        images = self._local(images)[0]
        batch_size = tf.shape(images)[0] if images.shape[0] is None else images.shape[0]
        sums, rows = accumulate(
            lambda part: compute(part, *arguments)[:2],
            data,
            variables,
            int(self.microbatch_size * rows_an_image),
            count_microbatches(batch_size, self.microbatch_size * self.discriminator_steps),
            self._run,
        )
        return sums, rows, None

    def _unpack(self, data, image_shape=None):
        """Images and labels of a batch, labels `None` without classes. Refuses what cannot be trained on."""
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

    def _latents_of(self, data, seed):
        """Latents and labels of as many fakes as one update's share of `data` has images."""
        images, _ = self._share(*self._unpack(data), self.discriminator_steps - 1)
        return self._draw(tf.shape(images)[0], seed)

    def _make_fakes(self, batch_size, seed):
        """`Fakes` of fresh latents by the hook `generate_fakes`."""
        latents, labels = self._draw(batch_size, seed)
        with tf.GradientTape() as tape:
            images = self.generate_fakes(latents, labels, fold(seed, "noise"))
        return Fakes(images, labels, tape)

    def _training_discriminate(self, seed):
        """The discriminator in training mode, seen through the augmentation."""

        def discriminate(images, labels, score=self.discriminate):
            if self.augmentation is not None:
                images = self.augmentation(images, fold(seed, "augmentation"))
            return score(images, labels, training=True)

        return discriminate

    def _reduce(self, per_example):
        """The one place where losses and penalties become a number: the mean over the global batch.

        Gradients are summed over replicas and microbatches, so each divides its sum by the global batch size.
        """
        return tf.nn.compute_average_loss(per_example, global_batch_size=tf.size(per_example) * parts_of_batch()[1])

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

    def _track(self, name, values, weights=None):
        self._trackers[name].update_state(values, weights)

    def _apply(self, name, gradients):
        """Updates a network, and tracks how long its gradients were. Returns a number that is known after that."""
        network, optimizer = getattr(self, name), getattr(self, f"{name}_optimizer")
        norm = tf.linalg.global_norm(gradients) / optimizer.scale_loss(1.0)
        optimizer.apply(gradients, network.trainable_variables)
        # An overflow only tells loss scaling to be smaller: that update is left out, and does not count here.
        counts = tf.math.is_finite(norm) if scales_loss(optimizer) else True
        self._track(f"gradient_norm/{name}", tf.where(counts, norm, 0.0), tf.cast(counts, tf.float32))
        return norm


def after(done, value):
    """`value`, not before all of `done` is known: else TensorFlow would begin with the next update's fakes while the
    last one's activations are in memory."""
    with tf.control_dependencies(done):
        return tf.identity(value)


def gradients_of(tape, target, variables, output_gradients=None):
    """Plain tensors for all variables: zeros for one that `target` does not depend on, and no slices of embeddings,
    since replicas cannot exchange slices and tensors in one step."""
    gradients = tape.gradient(target, variables, output_gradients=output_gradients)
    return [
        tf.zeros_like(tf.convert_to_tensor(variable)) if gradient is None else tf.convert_to_tensor(gradient)
        for variable, gradient in zip(variables, gradients)
    ]
