"""Adversarial losses on logits. Each returns one value per example; `GAN` reduces them in one place.

All are written with `keras.ops`. `real_logits` and `fake_logits` are float32 `[batch]`.
"""

import keras
from keras import ops


class AdversarialLoss:
    """What a pair of networks plays for: one loss for each, per example.

    Attributes:
        uses_real_logits: Whether `generator_loss` needs the logits of real images as well.
    """

    uses_real_logits = False

    def discriminator_loss(self, real_logits, fake_logits):
        """Returns float32 `[batch]`, the sum of the real and the fake part."""
        raise NotImplementedError

    def generator_loss(self, fake_logits, real_logits=None):
        """Returns float32 `[batch]`."""
        raise NotImplementedError

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable("tfgan_suite")
class NonSaturating(AdversarialLoss):
    """Logistic loss, with the generator's gradient that does not vanish.

    `softplus(-D(x)) + softplus(D(G(z)))` for the discriminator, `softplus(-D(G(z)))` for the generator.

    Args:
        label_smoothing: The discriminator's target for real images is `1 - label_smoothing`. In [0, 1).

    Example:

    >>> loss = NonSaturating()
    >>> [round(float(value), 4) for value in loss.generator_loss(np.array([0.0, 1.0], "float32"))]
    [0.6931, 0.3133]

    Reference: Goodfellow et al., "Generative Adversarial Nets" (2014), section 3.
    Label smoothing: Salimans et al., "Improved Techniques for Training GANs" (2016), section 3.4.
    """

    def __init__(self, label_smoothing=0.0):
        if not 0.0 <= label_smoothing < 1.0:
            raise ValueError(f"Expected label_smoothing in [0, 1). Received: label_smoothing={label_smoothing}")
        self.label_smoothing = label_smoothing

    def discriminator_loss(self, real_logits, fake_logits):
        # Cross entropy with target 1 - s is softplus(-x) + s * x.
        real = ops.softplus(-real_logits) + self.label_smoothing * real_logits
        return real + ops.softplus(fake_logits)

    def generator_loss(self, fake_logits, real_logits=None):
        return ops.softplus(-fake_logits)

    def get_config(self):
        return {"label_smoothing": self.label_smoothing}


@keras.saving.register_keras_serializable("tfgan_suite")
class Hinge(AdversarialLoss):
    """`max(0, 1 - D(x)) + max(0, 1 + D(G(z)))` and `-D(G(z))`.

    Reference: Lim and Ye, "Geometric GAN" (2017), equations 11 to 13; the loss of SAGAN and BigGAN.
    """

    def discriminator_loss(self, real_logits, fake_logits):
        return ops.relu(1.0 - real_logits) + ops.relu(1.0 + fake_logits)

    def generator_loss(self, fake_logits, real_logits=None):
        return -fake_logits


@keras.saving.register_keras_serializable("tfgan_suite")
class Wasserstein(AdversarialLoss):
    """`D(G(z)) - D(x)` and `-D(G(z))`; needs `penalties.GradientPenalty` or weight constraints.

    Reference: Arjovsky et al., "Wasserstein GAN" (2017), equation 2 and algorithm 1.
    """

    def discriminator_loss(self, real_logits, fake_logits):
        return fake_logits - real_logits

    def generator_loss(self, fake_logits, real_logits=None):
        return -fake_logits


@keras.saving.register_keras_serializable("tfgan_suite")
class LeastSquares(AdversarialLoss):
    """Squared distance to the targets 1 (real) and 0 (fake), halved.

    Reference: Mao et al., "Least Squares Generative Adversarial Networks" (2017), equation 9.
    """

    def discriminator_loss(self, real_logits, fake_logits):
        return 0.5 * (ops.square(real_logits - 1.0) + ops.square(fake_logits))

    def generator_loss(self, fake_logits, real_logits=None):
        return 0.5 * ops.square(fake_logits - 1.0)


@keras.saving.register_keras_serializable("tfgan_suite")
class Relativistic(AdversarialLoss):
    """Each fake is compared with one real image: `softplus(D(G(z)) - D(x))`, and the reverse for the generator.

    Reference: Jolicoeur-Martineau, "The relativistic discriminator" (2018), equations 4 and 5 (RSGAN).
    """

    uses_real_logits = True

    def discriminator_loss(self, real_logits, fake_logits):
        return ops.softplus(fake_logits - real_logits)

    def generator_loss(self, fake_logits, real_logits=None):
        return ops.softplus(real_logits - fake_logits)
