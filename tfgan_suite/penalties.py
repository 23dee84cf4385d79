"""Penalties on the discriminator and the generator: passive objects with a weight and an interval.

A penalty returns one value per example, its weight included. `GAN` adds it to the loss; one with `interval` k > 1 is
"lazy": it is evaluated on every k-th step only, and counts k times then (Karras et al., "Analyzing and Improving the
Image Quality of StyleGAN" (2020), section 3.1).
"""

import keras
import tensorflow as tf

from tfgan_suite.randomness import draw_per_example, uniform


class Penalty:
    """Base of all penalties.

    Args:
        weight: Factor of the penalty, >= 0.
        interval: Steps from one evaluation to the next, >= 1.
        name: Tag in the logs, `penalty/<name>`. By default the class's own.
    """

    default_name = "penalty"

    def __init__(self, weight, interval=1, name=None):
        if weight < 0:
            raise ValueError(f"Expected weight >= 0. Received: weight={weight}")
        if interval < 1 or interval != int(interval):
            raise ValueError(f"Expected interval to be a whole number of steps >= 1. Received: interval={interval}")
        self.weight = float(weight)
        self.interval = int(interval)
        self.name = name or self.default_name

    def get_config(self):
        return {"weight": self.weight, "interval": self.interval, "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class DiscriminatorPenalty(Penalty):
    """A penalty on the discriminator.

    Attributes:
        uses_real_logits: Whether `real_logits` is needed. If not, a lazy penalty is spared that forward pass.
    """

    uses_real_logits = False

    def __call__(self, discriminate, real_images, fake_images, real_logits, seed):
        """Computes the penalty.

        Args:
            discriminate: Function from images to float32 logits `[batch]`, labels and augmentation applied.
            real_images: float32 `[batch, height, width, channels]` in [-1, 1].
            fake_images: The same shape.
            real_logits: float32 `[batch]`, or `None` for a lazy penalty that does not use them.
            seed: int32 `[2]`.

        Returns:
            float32 `[batch]`.
        """
        raise NotImplementedError


class GeneratorPenalty(Penalty):
    """A penalty on the generator."""

    def __call__(self, generator, latents, labels, seed):
        """Computes the penalty.

        Args:
            generator: The generator network.
            latents: float32 `[batch, latent_size]`.
            labels: int32 `[batch]` or `None`.
            seed: int32 `[2]`.

        Returns:
            float32 `[batch]`. A penalty on weights alone returns its value once for each example, so that the mean
            over the global batch is that value for any number of replicas.
        """
        raise NotImplementedError


def _squared_gradient_norms(discriminate, images):
    """Squared L2 norm of d logits / d images, float32 `[batch]`."""
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = tf.reduce_sum(discriminate(images))
    gradients = tf.cast(tape.gradient(logits, images), tf.float32)  # [batch, height, width, channels]
    return tf.reduce_sum(tf.square(gradients), axis=[1, 2, 3])


@keras.saving.register_keras_serializable("tfgan_suite")
class R1(DiscriminatorPenalty):
    """`weight / 2 * ||grad D(x)||^2` on real images; `weight` is the papers' gamma.

    Reference: Mescheder et al., "Which Training Methods for GANs do actually Converge?" (2018), equation 9.
    """

    default_name = "r1"

    def __init__(self, weight=10.0, interval=1, name=None):
        super().__init__(weight, interval, name)

    def __call__(self, discriminate, real_images, fake_images, real_logits, seed):
        return 0.5 * self.weight * _squared_gradient_norms(discriminate, real_images)


@keras.saving.register_keras_serializable("tfgan_suite")
class GradientPenalty(DiscriminatorPenalty):
    """`weight * (||grad D(x')|| / target - 1)^2`, x' on straight lines between real and fake images.

    Args:
        target: The gradient norm that is asked for, > 0. ProGAN's CIFAR-10 runs use 750.

    Reference: Gulrajani et al., "Improved Training of Wasserstein GANs" (2017), equation 3. With a target: Karras et
    al., "Progressive Growing of GANs" (2018), appendix A.1 (there `(||grad|| - target)^2 / target^2`, the same).
    """

    default_name = "gradient_penalty"

    def __init__(self, weight=10.0, interval=1, target=1.0, name=None):
        super().__init__(weight, interval, name)
        if target <= 0:
            raise ValueError(f"Expected target > 0. Received: target={target}")
        self.target = float(target)

    def __call__(self, discriminate, real_images, fake_images, real_logits, seed):
        mixing = draw_per_example(
            lambda batch_size, seed: uniform([batch_size, 1, 1, 1], seed),
            tf.shape(real_images)[0],
            seed,
        )
        mixed_images = real_images + (fake_images - real_images) * mixing
        squared_norms = _squared_gradient_norms(discriminate, mixed_images)
        # The root has no derivative at 0, where a dead discriminator is.
        norms = tf.sqrt(tf.maximum(squared_norms, 1e-12))
        return self.weight * tf.square(norms / self.target - 1.0)

    def get_config(self):
        return {**super().get_config(), "target": self.target}


@keras.saving.register_keras_serializable("tfgan_suite")
class Drift(DiscriminatorPenalty):
    """`weight * D(x)^2` on real images, which keeps a Wasserstein critic's scores near zero.

    Reference: Karras et al., "Progressive Growing of GANs" (2018), appendix A.1.
    """

    default_name = "drift"
    uses_real_logits = True

    def __init__(self, weight=0.001, interval=1, name=None):
        super().__init__(weight, interval, name)

    def __call__(self, discriminate, real_images, fake_images, real_logits, seed):
        return self.weight * tf.square(real_logits)


@keras.saving.register_keras_serializable("tfgan_suite")
class Orthogonal(GeneratorPenalty):
    """`weight * ||W^T W * (1 - I)||^2`, summed over the generator's kernels; the diagonal is left free.

    Embeddings and other tables are left out: only weights that are named `kernel` count. Each is taken as a matrix
    with the output channels as columns.

    Reference: Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis" (2019), equation 3.
    """

    default_name = "orthogonal"

    def __init__(self, weight=1e-4, interval=1, name=None):
        super().__init__(weight, interval, name)

    def __call__(self, generator, latents, labels, seed):
        penalty = 0.0
        for variable in generator.trainable_variables:
            if variable.name != "kernel":
                continue
            kernel = tf.cast(tf.convert_to_tensor(variable), tf.float32)
            matrix = tf.reshape(kernel, [-1, kernel.shape[-1]])  # [inputs, outputs]
            products = tf.matmul(matrix, matrix, transpose_a=True)  # [outputs, outputs]
            off_diagonal = tf.linalg.set_diag(products, tf.zeros([kernel.shape[-1]]))
            penalty += tf.reduce_sum(tf.square(off_diagonal))
        return tf.fill([tf.shape(latents)[0]], self.weight * penalty)
