"""Adversarial losses on logits. Each returns one value per example; `GAN` reduces them in one place.

All are written with `keras.ops`. `real_logits` and `fake_logits` are float32 `[batch]`.
"""

import collections
import functools
import inspect
import sys

import keras
from keras import ops

from tfgan_suite.foundation.errors import UserError


class AdversarialLoss:
    """What a pair of networks plays for: one loss for each, per example.

    Attributes:
        uses_real_logits: Boolean. Whether `generator_loss` needs the logits of real images as well.
        zero: Float, the logit at which an image is as likely real as generated; or `None` where only differences between
            logits count, so that a constant added to all of them changes nothing. What is steered by the sign of a logit
            (adaptive augmentation, the monitors) asks for it.
        pairs_share_label: Boolean. Whether each fake is compared with one real image, so that with classes both must be of
            the same class. `GAN` then gives the fakes the labels of the real images.
    """

    uses_real_logits = False
    zero = 0.0
    pairs_share_label = False

    def realness(self, real_logits, fake_logits):
        """How real the discriminator takes each real image to be, float32 `[batch]`: above 0 if it is right.

        The logit itself, measured from `zero`; without a zero, how far it is above the logit of a generated image.
        """
        return real_logits - (fake_logits if self.zero is None else self.zero)

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
        label_smoothing: Float in [0, 1). The discriminator's target for real images is `1 - label_smoothing`.

    Example:

    >>> loss = NonSaturating()
    >>> [round(float(value), 4) for value in loss.generator_loss(np.array([0.0, 1.0], "float32"))]
    [0.6931, 0.3133]

    Reference: Goodfellow et al., "Generative Adversarial Nets" (2014), section 3.
    Label smoothing: Salimans et al., "Improved Techniques for Training GANs" (2016), section 3.4.
    """

    def __init__(self, label_smoothing=0.0):
        if not 0.0 <= label_smoothing < 1.0:
            raise ValueError(f"`label_smoothing` must be in [0, 1). Received: label_smoothing={label_smoothing}")
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

    zero = None

    def discriminator_loss(self, real_logits, fake_logits):
        return fake_logits - real_logits

    def generator_loss(self, fake_logits, real_logits=None):
        return -fake_logits


@keras.saving.register_keras_serializable("tfgan_suite")
class LeastSquares(AdversarialLoss):
    """Squared distance to the targets 1 (real) and 0 (fake), halved.

    Reference: Mao et al., "Least Squares Generative Adversarial Networks" (2017), equation 9.
    """

    zero = 0.5

    def discriminator_loss(self, real_logits, fake_logits):
        return 0.5 * (ops.square(real_logits - 1.0) + ops.square(fake_logits))

    def generator_loss(self, fake_logits, real_logits=None):
        return 0.5 * ops.square(fake_logits - 1.0)


@keras.saving.register_keras_serializable("tfgan_suite")
class Relativistic(AdversarialLoss):
    """Each fake is compared with one real image: `softplus(D(G(z)) - D(x))`, and the reverse for the generator.

    Only differences between logits count. With classes both images of a pair are of the same class.

    Reference: Jolicoeur-Martineau, "The relativistic discriminator" (2018), equations 4 and 5 (RSGAN).
    """

    uses_real_logits = True
    zero = None
    pairs_share_label = True

    def discriminator_loss(self, real_logits, fake_logits):
        return ops.softplus(fake_logits - real_logits)

    def generator_loss(self, fake_logits, real_logits=None):
        return ops.softplus(real_logits - fake_logits)


def from_tfgan(generator_loss_fn, discriminator_loss_fn, zero=0.0):
    """Makes a loss for `compile` of a pair of TF-GAN's loss functions, or of functions written for TF-GAN.

    Both of its forms are taken: functions of logits (`tfgan.losses.wargs`, `losses_impl`), and functions of a `GANModel`
    (`tfgan.losses`), which gets the two fields of logits alone. Options are bound with `functools.partial`. A function with
    an argument `reduction` gives one value per example; what comes reduced to a number already counts alike for all
    examples (TF-GAN's relativistic losses, whose means are then each replica's own).

    Args:
        generator_loss_fn: Takes `discriminator_gen_outputs` (and `discriminator_real_outputs`) or `gan_model`.
        discriminator_loss_fn: Takes `discriminator_real_outputs` and `discriminator_gen_outputs`, or `gan_model`.
        zero: Float or `None`, see `AdversarialLoss`: `None` for Wasserstein and relativistic losses, 0.5 for least squares.

    Returns:
        A `TFGANLoss`.

    Raises:
        UserError: Functions with other arguments.

    Example: functions like TF-GAN's.

    >>> def generator_loss(discriminator_gen_outputs):
    ...     return -discriminator_gen_outputs
    >>> def discriminator_loss(discriminator_real_outputs, discriminator_gen_outputs):
    ...     return discriminator_gen_outputs - discriminator_real_outputs
    >>> loss = from_tfgan(generator_loss, discriminator_loss)
    >>> np.asarray(loss.discriminator_loss(np.array([1.0, 2.0]), np.array([0.5, 0.5]))).tolist()
    [-0.5, -1.5]
    """
    return TFGANLoss(generator_loss_fn, discriminator_loss_fn, zero)


@keras.saving.register_keras_serializable("tfgan_suite")
class TFGANLoss(AdversarialLoss):
    """What `from_tfgan` returns. See `from_tfgan` for the arguments.

    A saved model remembers TF-GAN's own functions by name, and finds them again where they have been imported. Functions of
    one's own are not kept in files: such a model is loaded with `compile=False`.
    """

    def __init__(self, generator_loss_fn, discriminator_loss_fn, zero=0.0):
        needs_real, self._generator_call = _adapt_tfgan(generator_loss_fn, ("discriminator_gen_outputs",))
        self.uses_real_logits = needs_real
        self.zero = zero
        outputs = ("discriminator_real_outputs", "discriminator_gen_outputs")
        _, self._discriminator_call = _adapt_tfgan(discriminator_loss_fn, outputs)
        self._functions = {"generator_loss_fn": generator_loss_fn, "discriminator_loss_fn": discriminator_loss_fn}

    def discriminator_loss(self, real_logits, fake_logits):
        return _per_example(self._discriminator_call(real_logits, fake_logits), fake_logits)

    def generator_loss(self, fake_logits, real_logits=None):
        return _per_example(self._generator_call(real_logits, fake_logits), fake_logits)

    def get_config(self):
        functions = {name: _describe_function(function) for name, function in self._functions.items()}
        return {**functions, "zero": self.zero}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        zero = config.pop("zero", 0.0)
        return cls(**{name: _find_function(**description) for name, description in config.items()}, zero=zero)


def _adapt_tfgan(function, needed):
    """Whether a loss function of TF-GAN's asks for real logits, and a function of (real logits, fake logits)."""
    parameters = inspect.signature(function).parameters
    if "gan_model" in parameters:
        return True, lambda real_logits, fake_logits: function(_LogitsOfGANModel(real_logits, fake_logits))
    if not set(needed) <= set(parameters):
        raise UserError(
            f"A loss function must have TF-GAN's form, with the arguments {' and '.join(needed)}, or gan_model. "
            f"Received arguments: {', '.join(parameters)}. Other losses are subclasses of losses.AdversarialLoss."
        )
    options = {"reduction": "none"} if "reduction" in parameters else {}

    def call(real_logits, fake_logits):
        outputs = {"discriminator_real_outputs": real_logits, "discriminator_gen_outputs": fake_logits}
        return function(**{name: value for name, value in outputs.items() if name in parameters}, **options)

    return "discriminator_real_outputs" in parameters, call


_LogitsOfGANModel = collections.namedtuple("GANModel", ["discriminator_real_outputs", "discriminator_gen_outputs"])


def _per_example(loss, logits):
    loss = ops.convert_to_tensor(loss)
    if len(loss.shape) == 0:
        return ops.broadcast_to(loss, ops.shape(logits))
    if len(loss.shape) != 1:
        raise UserError(f"A loss must be [batch] or a single number. Received: shape {tuple(loss.shape)}.")
    return loss


def _describe_function(function):
    options = {}
    if isinstance(function, functools.partial):
        function, options = function.func, {**function.keywords}
    return {"module": function.__module__, "name": function.__name__, "options": options}


def _find_function(module, name, options):
    """A function of TF-GAN's, among the modules that are imported already: a file must not make code run."""
    function = getattr(sys.modules.get(module), name, None) if module.startswith("tensorflow_gan.") else None
    if function is None:
        raise UserError(
            f"The loss function {module}.{name} is not kept in files. Expected TF-GAN's module to be imported before; or load "
            "the model with compile=False and compile it with losses.from_tfgan(...)."
        )
    return functools.partial(function, **options) if options else function
