"""Penalties on the discriminator and the generator: passive objects with a weight and an interval.

A penalty returns one value per example, its weight included. `GAN` adds it to the loss; one with `interval` k > 1 is
"lazy": it is evaluated on every k-th step only, and counts k times then (Karras et al., "Analyzing and Improving the
Image Quality of StyleGAN" (2020), section 3.1).
"""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.engine.schedule import Schedule, number_from_config, number_to_config, value_now
from tfgan_suite.foundation.microbatches import parts_of_batch
from tfgan_suite.foundation.number_kinds import is_count, is_number
from tfgan_suite.foundation.randomness import draw_per_example, fold, normal, uniform


class Batch(NamedTuple):
    """One side of what a discriminator looks at: the real images of a batch, or the generated ones.

    Attributes:
        images: float32 `[batch, height, width, channels]` in [-1, 1].
        labels: int32 `[batch]`, or `None` without classes. Each side has its own.
        logits: float32 `[batch]`, what the discriminator said of them in this update; `None` where no penalty asks for it.
    """

    images: tf.Tensor
    labels: tf.Tensor | None = None
    logits: tf.Tensor | None = None


class Penalty:
    """Base of all penalties.

    Args:
        weight: Float >= 0, or a `Schedule`. Factor of the penalty.
        interval: Integer >= 1. Steps from one evaluation to the next.
        name: String. Tag in the logs, `penalty/<name>`. By default the class's own.

    Raises:
        ValueError: An argument out of range.
    """

    default_name = "penalty"

    def __init__(self, weight, interval=1, name=None):
        if not isinstance(weight, Schedule) and (not is_number(weight) or weight < 0):
            raise ValueError(f"`weight` must be >= 0 or a `Schedule`. Received: weight={weight!r}")
        if not is_count(interval):
            raise ValueError(f"`interval` must be an integer >= 1. Received: interval={interval!r}")
        self.weight = weight if isinstance(weight, Schedule) else float(weight)
        self.interval = int(interval)
        self.name = name or self.default_name

    def make_state(self):
        """Makes the variables that the penalty keeps from step to step. Returns a list.

        Called by `compile`, under the strategy; the model saves them with its own.
        """
        return []

    def get_config(self):
        return {"weight": number_to_config(self.weight), "interval": self.interval, "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "weight": number_from_config(config["weight"])})


class DiscriminatorPenalty(Penalty):
    """A penalty on the discriminator. It sees both sides, each with its own labels and logits.

    Attributes:
        uses_real_logits: Whether `real.logits` is needed. If not, a lazy penalty is spared that forward pass.
        uses_fake_images: Likewise for `fake`.
        uses_fake_logits: Likewise for `fake.logits`.
    """

    uses_real_logits = False
    uses_fake_images = False
    uses_fake_logits = False

    def __call__(self, discriminate, real, fake, seed):
        """Computes the penalty.

        Args:
            discriminate: Function from images and labels to float32 logits `[batch]`, augmentation applied.
            real: A `Batch`, the real images.
            fake: A `Batch`, the generated images; `None` for a lazy penalty that does not use them.
            seed: int32 `[2]`.

        Returns:
            float32 `[batch]`.
        """
        raise NotImplementedError


class GeneratorPenalty(Penalty):
    """A penalty on the generator.

    A penalty that compares the examples with each other, for instance with their mean, also overrides `measure` and
    `evaluate`, so that it can be computed in microbatches.

    Attributes:
        batch_shrink: Integer. The penalty takes every k-th example of the batch.
    """

    batch_shrink = 1

    @property
    def compares_examples(self):
        """Boolean. Whether the penalty overrides `measure` and `evaluate`."""
        return type(self).measure is not GeneratorPenalty.measure

    def measure(self, generator, latents, labels, seed):
        """A number for each example that depends on no other, float32 `[batch / batch_shrink]`."""
        raise NotImplementedError

    def evaluate(self, measures):
        """The penalty, float32 `[batch / batch_shrink]`, of what was measured of the replica's whole batch."""
        raise NotImplementedError

    def __call__(self, generator, latents, labels, seed):
        """Computes the penalty.

        Args:
            generator: The generator network.
            latents: float32 `[batch, latent_size]`.
            labels: int32 `[batch]` or `None`.
            seed: int32 `[2]`.

        Returns:
            float32 `[batch]`, or of a part of the batch. A penalty on weights alone returns its value once for each
            example, so that the mean over the global batch is that value for any number of replicas.
        """
        raise NotImplementedError


def _squared_gradient_norms(discriminate, images, labels):
    """Squared L2 norm of d logits / d images, float32 `[batch]`."""
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = tf.reduce_sum(discriminate(images, labels))
    gradients = tf.cast(tape.gradient(logits, images), tf.float32)  # [batch, *shape of an example]
    return tf.reduce_sum(tf.square(gradients), axis=list(range(1, images.shape.rank)))


@keras.saving.register_keras_serializable("tfgan_suite")
class R1(DiscriminatorPenalty):
    """`weight / 2 * ||grad D(x)||^2` on real images; `weight` is the papers' gamma.

    Args:
        weight: Float >= 0, gamma, or a `Schedule`, or `"auto"` for `0.0002 * height * width / batch size`.

    Reference: Mescheder et al., "Which Training Methods for GANs do actually Converge?" (2018), equation 9. The
    automatic weight: Karras et al., "Training Generative Adversarial Networks with Limited Data" (2020), appendix C.
    """

    default_name = "r1"

    def __init__(self, weight=10.0, interval=1, name=None):
        is_auto = isinstance(weight, str) and weight == "auto"
        super().__init__(0.0 if is_auto else weight, interval, name)
        if is_auto:
            self.weight = "auto"

    def __call__(self, discriminate, real, fake, seed):
        weight = value_now(self.weight)
        if isinstance(weight, str):
            batch_size, height, width, _ = tf.unstack(tf.cast(tf.shape(real.images), tf.float32))
            weight = 0.0002 * height * width / (batch_size * tf.cast(parts_of_batch()[1], tf.float32))
        return 0.5 * weight * _squared_gradient_norms(discriminate, real.images, real.labels)


@keras.saving.register_keras_serializable("tfgan_suite")
class R2(DiscriminatorPenalty):
    """`weight / 2 * ||grad D(G(z))||^2` on generated images, each with its own class.

    Args:
        weight: Float >= 0, gamma, or a `Schedule`.

    Reference: Mescheder et al., "Which Training Methods for GANs do actually Converge?" (2018), equation 10.
    """

    default_name = "r2"
    uses_fake_images = True

    def __init__(self, weight=10.0, interval=1, name=None):
        super().__init__(weight, interval, name)

    def __call__(self, discriminate, real, fake, seed):
        return 0.5 * value_now(self.weight) * _squared_gradient_norms(discriminate, fake.images, fake.labels)


class _FiniteDifference(DiscriminatorPenalty):
    """`weight / 2 * ((D(x) - D(x + epsilon n)) / epsilon)^2`, n standard normal; a subclass says which images x are."""

    def __init__(self, weight=10.0, interval=1, epsilon=0.01, name=None):
        super().__init__(weight, interval, name)
        if not is_number(epsilon) or epsilon <= 0:
            raise ValueError(f"`epsilon` must be > 0. Received: epsilon={epsilon!r}")
        self.epsilon = float(epsilon)

    def penalize(self, discriminate, images, labels, seed):
        shape = images.shape[1:]
        noise = draw_per_example(
            lambda batch_size, seed: normal([batch_size, *shape], seed), tf.shape(images)[0], fold(seed, "direction")
        )
        # Both with the same augmentation, whose draws depend on the seed and an example's place alone.
        differences = discriminate(images, labels) - discriminate(images + self.epsilon * noise, labels)
        return 0.5 * value_now(self.weight) * tf.square(differences / self.epsilon)

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("tfgan_suite")
class ApproximateR1(_FiniteDifference):
    """R1 without a gradient of a gradient: how much the logit of a real image changes along one random direction.

    Its mean over directions is R1, of the same weight, where the discriminator is linear within `epsilon`; of one direction the
    deviation is 1.4 times the mean. It needs two passes of the discriminator and their gradients, takes layers that can be
    differentiated once only, and compiles for every device.

    Logits are compared in float32, but a network that computes in bfloat16 does not tell images apart that differ by a hundredth:
    there take `epsilon=0.1`.

    Args:
        weight: Float >= 0, gamma, or a `Schedule`.
        epsilon: Float > 0. Standard deviation of the change, where images lie in [-1, 1].

    Example:

    >>> gan = DCGAN(image_shape=(8, 8, 1), base_channels=2)
    >>> gan.compile(discriminator_penalties=[ApproximateR1(weight=1.0)])

    Reference: Lin et al., "Diffusion Adversarial Post-Training for One-Step Video Generation" (2025), section 3.4.
    """

    default_name = "approximate_r1"

    def __call__(self, discriminate, real, fake, seed):
        return self.penalize(discriminate, real.images, real.labels, seed)


@keras.saving.register_keras_serializable("tfgan_suite")
class ApproximateR2(_FiniteDifference):
    """`ApproximateR1` on generated images, each with its own class.

    Args:
        weight: Float >= 0, gamma, or a `Schedule`.
        epsilon: Float > 0. Standard deviation of the change, where images lie in [-1, 1].

    Reference: Hyun et al., "Scalable GANs with Transformers" (2025), which uses both.
    """

    default_name = "approximate_r2"
    uses_fake_images = True

    def __call__(self, discriminate, real, fake, seed):
        return self.penalize(discriminate, fake.images, fake.labels, seed)


@keras.saving.register_keras_serializable("tfgan_suite")
class GradientPenalty(DiscriminatorPenalty):
    """`weight * (||grad D(x')|| / target - 1)^2`, x' on straight lines between real and fake images.

    Args:
        target: Float > 0. The gradient norm that is asked for. ProGAN's CIFAR-10 runs use 750.

    Reference: Gulrajani et al., "Improved Training of Wasserstein GANs" (2017), equation 3. With a target: Karras et
    al., "Progressive Growing of GANs" (2018), appendix A.1 (there `(||grad|| - target)^2 / target^2`, the same).
    """

    default_name = "gradient_penalty"
    uses_fake_images = True

    def __init__(self, weight=10.0, interval=1, target=1.0, name=None):
        super().__init__(weight, interval, name)
        if target <= 0:
            raise ValueError(f"`target` must be > 0. Received: target={target}")
        self.target = float(target)

    def __call__(self, discriminate, real, fake, seed):
        mixing = draw_per_example(
            lambda batch_size, seed: uniform([batch_size] + [1] * (real.images.shape.rank - 1), seed),
            tf.shape(real.images)[0],
            seed,
        )
        mixed_images = real.images + (fake.images - real.images) * mixing
        squared_norms = _squared_gradient_norms(discriminate, mixed_images, real.labels)
        # The root has no derivative at 0, where a dead discriminator is.
        norms = tf.sqrt(tf.maximum(squared_norms, 1e-12))
        return value_now(self.weight) * tf.square(norms / self.target - 1.0)

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

    def __call__(self, discriminate, real, fake, seed):
        return value_now(self.weight) * tf.square(real.logits)


@keras.saving.register_keras_serializable("tfgan_suite")
class PathLength(GeneratorPenalty):
    """`weight * (||J^T y|| - a)^2`: encourages a fixed-size step in W to change the image by a fixed amount.

    J is the derivative of the image by the styles w, y an image of normal noise, a the running mean of the lengths. For
    generators with `map(latents, labels)` and `synthesize(ws, noise, seed)`.

    Args:
        decay: Float in (0, 1]. Share of the new mean in the running one.
        batch_shrink: Integer k >= 1. The penalty takes every k-th example of the batch, to save memory.
        style_mixing: A `StyleMixing`, as passed to `compile(style_mixing=...)`, so that mixed styles are penalized as well;
            or `None`.

    Reference: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020), equation 4 and appendix B.
    """

    default_name = "path_length"

    def __init__(self, weight=2.0, interval=4, decay=0.01, batch_shrink=2, style_mixing=None, name=None):
        super().__init__(weight, interval, name)
        if not 0.0 < decay <= 1.0:
            raise ValueError(f"`decay` must be in (0, 1]. Received: decay={decay}")
        if batch_shrink < 1:
            raise ValueError(f"`batch_shrink` must be >= 1. Received: batch_shrink={batch_shrink}")
        self.decay = float(decay)
        self.batch_shrink = int(batch_shrink)
        self.style_mixing = style_mixing
        self.mean_length = None

    def make_state(self):
        self.mean_length = keras.Variable(
            0.0, trainable=False, dtype="float32", aggregation="mean", name="mean_path_length"
        )
        return [self.mean_length]

    def __call__(self, generator, latents, labels, seed):
        return self.evaluate(self.measure(generator, latents, labels, seed))

    def measure(self, generator, latents, labels, seed):
        """The lengths."""
        # Every k-th, so that two replicas take the examples that one device would.
        latents = latents[:: self.batch_shrink]
        labels = None if labels is None else labels[:: self.batch_shrink]
        ws = generator.map(latents, labels)  # [batch, num_ws, w_size]
        if self.style_mixing is not None:
            ws = self.style_mixing(generator, ws, labels, fold(seed, "style_mixing"))
        return path_lengths(generator, ws, seed)

    def evaluate(self, lengths):
        """The penalty of the lengths of this replica's examples; moves the running mean."""
        old_mean = tf.convert_to_tensor(self.mean_length)
        mean = old_mean + self.decay * (_mean_over_replicas(tf.reduce_mean(lengths)) - old_mean)
        self.mean_length.assign(tf.stop_gradient(mean))
        return value_now(self.weight) * tf.square(lengths - mean)

    def get_config(self):
        return {
            **super().get_config(),
            "decay": self.decay,
            "batch_shrink": self.batch_shrink,
            "style_mixing": keras.saving.serialize_keras_object(self.style_mixing),
        }

    @classmethod
    def from_config(cls, config):
        style_mixing = keras.saving.deserialize_keras_object(config["style_mixing"])
        return super().from_config({**config, "style_mixing": style_mixing})


def path_lengths(generator, ws, seed, image_noise=None):
    """`||J^T y||` of Karras et al. (2020), equation 4, float32 `[batch]`.

    Args:
        generator: Has `synthesize(ws, noise, seed)`.
        ws: float32 `[batch, num_ws, w_size]`.
        seed: int32 `[2]`, of the noise within the generator and of y.
        image_noise: y / sqrt(height * width) of the images' shape; drawn if `None`.

    Returns:
        The root of the mean over the layers of the squared norms.
    """
    with tf.GradientTape() as tape:
        tape.watch(ws)
        images = generator.synthesize(ws, noise="random", seed=fold(seed, "noise"))
        if image_noise is None:
            _, height, width, _ = images.shape
            image_noise = draw_per_example(
                lambda batch_size, seed: normal([batch_size, *images.shape[1:]], seed),
                tf.shape(images)[0],
                fold(seed, "image_noise"),
            ) / float(np.sqrt(height * width))
        projection = tf.reduce_sum(images * image_noise)
    gradients = tape.gradient(projection, ws)  # [batch, num_ws, w_size]
    return tf.sqrt(tf.reduce_mean(tf.reduce_sum(tf.square(gradients), axis=2), axis=1))


def _mean_over_replicas(value):
    replica_context = tf.distribute.get_replica_context()
    if replica_context is None or replica_context.num_replicas_in_sync == 1:
        return value
    return replica_context.all_reduce(tf.distribute.ReduceOp.MEAN, value)


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
            penalty += _off_diagonal_square(matrix)
        return tf.fill([tf.shape(latents)[0]], value_now(self.weight) * penalty)


def _off_diagonal_square(matrix):
    """`||W^T W * (1 - I)||^2` of a matrix `[inputs, outputs]`."""
    inputs, outputs = matrix.shape
    if 2 * inputs <= outputs:
        # ||W^T W|| = ||W W^T||, of which the second is the smaller matrix: that of a first layer has gigabytes.
        diagonal = tf.reduce_sum(tf.square(matrix), axis=0)  # [outputs]
        whole = tf.matmul(matrix, matrix, transpose_b=True)  # [inputs, inputs]
        return tf.reduce_sum(tf.square(whole)) - tf.reduce_sum(tf.square(diagonal))
    products = tf.matmul(matrix, matrix, transpose_a=True)  # [outputs, outputs]
    return tf.reduce_sum(tf.square(tf.linalg.set_diag(products, tf.zeros([outputs]))))
