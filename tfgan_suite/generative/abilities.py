"""What a model can do, declared by its class: commands, metrics, monitors and signatures ask for it by name.

A model that has an ability inherits from its class here, and implements the methods that the class lists. Nothing else
tells whether a model can do something: `model.can(Discriminates)` is the one question.
"""

from tfgan_suite.foundation.errors import UserError


class Ability:
    """Base of all abilities.

    Attributes:
        verb: String. What a model with it can do, for error messages.
        attributes: Tuple of strings. The attributes that describe it, all of JSON values; an export keeps them.
        methods: Tuple of strings. What only models with it have, and what a model without it refuses in a sentence.
    """

    verb = ""
    attributes = ()
    methods = ()


class HasLatents(Ability):
    """Makes examples of latents.

    A subclass sets `latent_shape` and implements `sample_latents` and `call`; everything else is given.

    Attributes:
        latent_shape: Tuple of integers. The shape of one latent.
        latent_network: The network that latents go into; `None` where it is not at hand, as in an exported model.
        latents_on_a_shell: Boolean. Whether nearly all latents have about the same length, so that paths between them keep it.
        makes_in_loops: Boolean. Whether it makes examples in loops, as part by part. Files for other engines then keep loops.
    """

    verb = "generate from latents"
    attributes = ("latent_shape", "latents_on_a_shell")
    latent_shape = None
    latents_on_a_shell = False
    makes_in_loops = False
    latent_network = None

    @property
    def latent_size(self):
        """Integer. The length of a latent vector; `None` where latents are no vectors."""
        return self.latent_shape[0] if self.latent_shape is not None and len(self.latent_shape) == 1 else None

    def sample_latents(self, batch_size, seed, **sampling):
        """Draws float32 latents `[batch_size, *latent_shape]`. `seed` is int32 `[2]`."""
        raise NotImplementedError


class Encodes(Ability):
    """Maps examples to latents."""

    verb = "encode examples"
    methods = ("encode", "decode", "interpolate")

    def encode(self, examples, labels=None, seed=None):
        """Latents float32 `[batch, *latent_shape]` of examples as they are inside of models."""
        raise NotImplementedError


class Reconstructs(Ability):
    """Makes examples again from what it knows of them."""

    verb = "reconstruct examples"
    methods = ("reconstruct",)

    def reconstruct(self, examples, labels=None, seed=None):
        """Examples of the same shape, as they are inside of models."""
        raise NotImplementedError


class Completes(Ability):
    """Fills in what is not given of examples."""

    verb = "complete examples of which a part is given"
    methods = ("complete",)

    def complete(self, examples, mask, labels=None, seed=0, **sampling):
        """Completes examples in Python.

        Args:
            examples: Array `[batch, *spec.shape]`, of the spec's `edge_dtype` or as they are inside of models.
            mask: Boolean `[batch, *spec.positions]`, or without the batch for all alike. True where they are given.
            labels: Integers `[batch]` of a model with classes.
            seed: Integer.
            **sampling: The model's sampling options.

        Returns:
            NumPy array of the spec's `edge_dtype`, equal to `examples` where they are given.
        """
        raise NotImplementedError

    def fill_in(self, examples, mask, seed, labels=None, **sampling):
        """The same inside of a graph.

        Args:
            examples: Float tensor `[batch, *spec.shape]`, as they are inside of models.
            mask: Boolean `[batch, *spec.positions]`.
            seed: int64 `[1]`, of which and its place each example's draws follow; or `[batch]`, with which each of them is
                completed as it would be alone.
            labels: int32 `[batch]`, or `None`.
            **sampling: The model's sampling options, float32 `[1]` or `[batch]`.
        """


class GeneratesFromDraws(Ability):
    """Makes examples of random numbers that are given, for engines that draw in other ways or not at all.

    Attributes:
        draws_shape: Tuple of integers. The shape of an example's draws.
    """

    verb = "generate from given draws"
    methods = ("generate_from",)
    draws_shape = None

    def generate_from(self, draws, labels=None, **sampling):
        """Examples as they are inside of models.

        Args:
            draws: float32 `[batch, *draws_shape]`, uniform in [0, 1).
            labels: int32 `[batch]`, or `None`.
            **sampling: The model's sampling options, each a float32 scalar or `[batch]`.
        """
        raise NotImplementedError


class Tokenizes(Ability):
    """Maps examples to tokens, whole numbers, and tokens to examples.

    Attributes:
        token_shape: Tuple of integers. The shape of the tokens of one example.
        num_tokens: Integer. How many different tokens there are.
    """

    verb = "tokenize examples"
    methods = ("encode_tokens", "decode_tokens")
    attributes = ("token_shape", "num_tokens")
    token_shape = None
    num_tokens = None

    def encode_tokens(self, examples):
        """Tokens int32 `[batch, *token_shape]` of examples as they are inside of models."""
        raise NotImplementedError

    def decode_tokens(self, tokens):
        """Examples, as they are inside of models, of tokens from 0 to `num_tokens - 1`."""
        raise NotImplementedError


class HasLikelihood(Ability):
    """Says how likely examples are.

    Attributes:
        likelihood: `"exact"` or `"lower_bound"`.
        noise_shape: Tuple of integers. The shape of an example's draws, as `log_prob_given` takes them; `None` where it takes
            none.
    """

    verb = "compute likelihoods"
    methods = ("log_prob", "bits_per_dimension")
    attributes = ("likelihood",)
    likelihood = "exact"
    noise_shape = None

    def log_prob(self, examples, labels=None, samples=1, seed=0):
        """Natural logarithm of the probability of each example, float `[batch]`, or a lower bound of it."""
        raise NotImplementedError

    def log_prob_given(self, examples, labels=None, noise=None):
        """The same with draws that are given, for engines that draw in other ways or not at all.

        Args:
            examples: Tensor. A batch as it is inside of models.
            labels: int32 `[batch]`, or `None`.
            noise: Standard normal draws, float32 `[batch, *noise_shape]`; `None` where it takes none.
        """
        return self.log_prob(examples, labels)


class WritesText(Ability):
    """Continues text, and says how likely each of its bytes is given those before it."""

    verb = "continue text"
    methods = ("continue_text", "byte_log_prob")

    def continue_text(self, prompts, seeds, num_bytes, labels=None, **sampling):
        """What follows after prompts, inside of a graph. Row i depends on its own inputs only.

        Args:
            prompts: String tensor `[batch]`, of any bytes.
            seeds: int32 `[batch, 2]`.
            num_bytes: int32, a scalar or `[batch]`. How many bytes are to follow.
            labels: int32 `[batch]`, or `None`.
            **sampling: The model's sampling options, float32, scalars or `[batch]`.

        Returns:
            String tensor `[batch]`, without the prompts.
        """
        raise NotImplementedError

    def byte_log_prob(self, examples, labels=None):
        """Natural logarithm of the probability of each byte given those before it in its example, float32 `[batch, bytes]`."""
        raise NotImplementedError


class Discriminates(Ability):
    """Tells real examples from made ones.

    Attributes:
        logit_zero: Float, the logit at which an example is as likely real as made; `None` where only differences between
            logits count.
    """

    verb = "discriminate"
    methods = ("discriminate",)
    logit_zero = 0.0

    def discriminate(self, examples, labels=None, training=False):
        """Logits float32 `[batch]`; higher is more real."""
        raise NotImplementedError


class ScoresAnomalies(Ability):
    """Says how far examples are from what is normal."""

    verb = "score anomalies"
    methods = ("anomaly_score",)

    def anomaly_score(self, examples):
        """Float32 `[batch]`; higher is less normal."""
        raise NotImplementedError


class HasStyles(Ability):
    """A network, or a model of one, that maps latents to styles and makes images of those.

    Attributes:
        num_ws: Integer. How many styles an image takes.
    """

    verb = "work with styles"
    num_ws = None

    def map(self, latents, labels=None):
        """Styles float32 `[batch, num_ws, w_size]`."""
        raise NotImplementedError

    def synthesize(self, ws, noise="const", seed=None):
        """Images of styles."""
        raise NotImplementedError


class MixesClasses(Ability):
    """A network, or a model of one, that takes classes as vectors, and so something between them."""

    verb = "mix classes"
    # A network that takes vectors in its call, in the place of labels, need not implement it.
    mix_classes = None

    def class_vectors(self, labels):
        """Vectors float32 `[batch, size]` of labels int `[batch]`; by default one-hot."""
        import tensorflow as tf

        return tf.one_hot(labels, self.num_classes)


class MakesTextures(Ability):
    """Makes images of any size. See `TextureModel`."""

    verb = "make textures of any size"
    attributes = ("cell_size", "latent_channels")


ABILITIES = (
    *(
        HasLatents,
        Encodes,
        Reconstructs,
        Completes,
        GeneratesFromDraws,
        Tokenizes,
        HasLikelihood,
        WritesText,
        Discriminates,
        ScoresAnomalies,
        HasStyles,
        MixesClasses,
        MakesTextures,
    ),
)


def require(model, ability, purpose):
    """Raises a `UserError` that says what the model can do, unless it has the ability.

    Args:
        model: A `GenerativeModel`.
        ability: One of the classes of this module.
        purpose: String. What needs the ability, as the start of a sentence: `"An anomaly score"`.

    Example:

    >>> require(DCGAN(image_shape=(8, 8, 1), base_channels=2), Discriminates, "A probe of the discriminator")
    """
    if model.can(ability):
        return
    raise UserError(f"{purpose} needs a model that can {ability.verb}. {type(model).__name__} can: {_verbs_of(model)}.")


def _verbs_of(model):
    return ", ".join(one.verb for one in ABILITIES if model.can(one)) or "nothing of the kind"


class MissingAbilityError(UserError, AttributeError):
    """A method was asked for that a model does not have; `hasattr` says so as well."""


def refuse_missing(model, name):
    """Raises a `MissingAbilityError` that says what the model can do, if models with some ability have such a method.

    Args:
        model: A `GenerativeModel` that has no attribute of that name.
        name: String. The attribute.
    """
    for ability in ABILITIES:
        if name in ability.methods:
            raise MissingAbilityError(
                f"{type(model).__name__} has no `{name}`, which belongs to models that can {ability.verb}. "
                f"{type(model).__name__} can: {_verbs_of(model)}."
            )
