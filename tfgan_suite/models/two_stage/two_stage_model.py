"""TwoStageModel: a tokenizer, and a prior of its tokens, as one model."""

import dataclasses

import keras
import tensorflow as tf

from tfgan_suite.engine.adam import Adam
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.engine.schedule import bind_schedules
from tfgan_suite.engine.stability_rules import gradient_explodes, updates_left_out
from tfgan_suite.engine.trained_model import TrainedModel
from tfgan_suite.engine.training_phase import TrainingPhase
from tfgan_suite.engine.update import Objective
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.abilities import GeneratesFromDraws, Reconstructs, Tokenizes
from tfgan_suite.generative.seeded_sampling import SeededSampling
from tfgan_suite.models.catalogue import model_class
from tfgan_suite.models.two_stage.two_stage_presets import PRESETS
from tfgan_suite.specs.token_spec import TokenSpec

STAGES = ("tokenizer", "prior")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TwoStagePhase(TrainingPhase):
    """A phase in which one of the two stages is trained.

    Attributes:
        stage: String. `"tokenizer"` or `"prior"`.
    """

    stage: str


@keras.saving.register_keras_serializable("tfgan_suite")
class TwoStageModel(SeededSampling, GeneratesFromDraws, Reconstructs, Tokenizes, TrainedModel):
    """A tokenizer such as `VQVAE` and a prior of its tokens such as `TokenTransformer`: generates tokens, and decodes them.

    `tfgan_suite.train` trains the tokenizer first, then the prior on its tokens; a tokenizer that has been trained already stays as
    it is. With `fit` of your own, set `stage` to one of the two in between; `None`, the first value, trains both in each step.

    Args:
        tokenizer: A `TrainedModel` that `Tokenizes`; or a dict of the arguments of one, with its name as `model`: by default
            `{"model": "vqvae"}`.
        prior: A model of tokens of that shape and number; or such a dict without `spec`: by default
            `{"model": "token_transformer"}`.
        image_shape: Tuple `(height, width, channels)` of a tokenizer that is made here; by default its own.
        num_classes: Integer, or `None`. Classes of a prior that is made here.
        label_weights: List of floats, the relative frequency of each class among generated labels; `None` for all alike.
        tokenizer_share: Float in (0, 1). Share of all images that the first stage is trained for.
        seed: Integer. Seed for the initial weights, and base seed for all randomness in training.

    Attributes:
        stage: String. Which stage is trained: `"tokenizer"`, `"prior"`, or `None` for both.

    Raises:
        ValueError: A tokenizer and a prior that do not fit each other, or a share out of range.

    Example:

    >>> model = TwoStageModel(
    ...     {"model": "vqvae", "image_shape": (8, 8, 1), "code_levels": (4, 4), "channels": 4},
    ...     {"model": "token_transformer", "width": 8, "num_blocks": 1, "num_heads": 2},
    ... )
    >>> model.compile()
    >>> for model.stage in ("tokenizer", "prior"):
    ...     history = model.fit(np.zeros([8, 8, 8, 1], "float32"), batch_size=4, verbose=0)
    >>> model.generate(2, temperature=0.9).shape
    (2, 8, 8, 1)

    Reference: van den Oord et al., "Neural Discrete Representation Learning" (2017), section 3.3; Esser et al., "Taming
    Transformers for High-Resolution Image Synthesis" (2021), section 3.2.
    """

    presets = PRESETS
    drawn = "tokens"

    def __init__(
        self,
        tokenizer=None,
        prior=None,
        *,
        image_shape=None,
        num_classes=None,
        label_weights=None,
        tokenizer_share=0.4,
        seed=0,
        **kwargs,
    ):
        tokenizer = {"model": "vqvae"} if tokenizer is None else tokenizer
        if isinstance(tokenizer, dict):
            shape = {} if image_shape is None else {"image_shape": image_shape}
            tokenizer = _make({"seed": seed, **_dtype(kwargs), **tokenizer, **shape})
        if not isinstance(tokenizer, Tokenizes):
            raise ValueError(f"`tokenizer` must be a model that tokenizes, such as a VQVAE. Received: {tokenizer!r}")
        prior = {"model": "token_transformer"} if prior is None else prior
        spec = TokenSpec(tokenizer.token_shape, tokenizer.num_tokens)
        if isinstance(prior, dict):
            prior = _make({"num_classes": num_classes, "seed": seed + 1, **_dtype(kwargs), **prior, "spec": spec})
        if not isinstance(prior, TrainedModel) or not spec.matches(prior.spec):
            raise ValueError(f"`prior` must be a model of {spec!r}. Received: {getattr(prior, 'spec', prior)!r}")
        if not 0.0 < tokenizer_share < 1.0:
            raise ValueError(f"`tokenizer_share` must be in (0, 1). Received: tokenizer_share={tokenizer_share!r}")
        super().__init__(
            tokenizer.spec, num_classes=prior.num_classes, label_weights=label_weights, seed=seed, **kwargs
        )
        self.tokenizer = tokenizer
        self.prior = prior
        self.tokenizer_share = float(tokenizer_share)
        self.token_shape, self.num_tokens = tokenizer.token_shape, tokenizer.num_tokens
        self.built = True

    @property
    def networks(self):
        return {**self.tokenizer.networks, **{f"prior_{name}": one for name, one in self.prior.networks.items()}}

    @property
    def averages(self):
        return {
            **self.tokenizer.averages,
            **{f"prior_{name}": average for name, average in self.prior.averages.items()},
        }

    @property
    def sampling_options(self):
        return self.prior.sampling_options

    # === Stages ===

    _stage = None

    @property
    def stage(self):
        return self._stage

    @stage.setter
    def stage(self, stage):
        if stage not in (None, *STAGES):
            raise UserError(f"`stage` must be None, {' or '.join(map(repr, STAGES))}. Received: stage={stage!r}")
        if stage != self._stage:
            self._stage = stage
            self.train_function = self.test_function = None  # The stage is built into their graphs.

    def training_phases(self, total_images=None, batch_size=None):
        training = self.presets[self._preset]["training"] if self._preset else {}
        total = total_images or training.get("total_images", 200_000)
        batch_size = batch_size or training.get("batch_size", 32)
        # Of a tokenizer that another training has made nothing is changed.
        share = 0.0 if int(self.tokenizer.examples_seen.numpy()) else self.tokenizer_share
        first = round(total * share / batch_size) * batch_size
        ends = {"tokenizer": (0, first), "prior": (first, total)}
        return [
            TwoStagePhase(first_image=begin, end_image=end, batch_size=batch_size, stage=stage)
            for stage, (begin, end) in ends.items()
            if end > begin
        ]

    def begin_phase(self, phase):
        self.stage = phase.stage

    # === Training ===

    def default_training(self):
        return {
            "tokenizer_optimizer": Adam(1e-3),
            "prior_optimizer": self.prior.default_training()["optimizer"],
            "ema": ExponentialMovingAverage(),
            "reconstruction": self.tokenizer.default_training().get("reconstruction"),
        }

    def compile(
        self,
        *positional,
        tokenizer_optimizer="auto",
        prior_optimizer="auto",
        ema="auto",
        reconstruction="auto",
        microbatch_size=None,
        steps_per_execution=1,
        jit_compile=False,
        run_eagerly=False,
        **unknown,
    ):
        """Chooses how to train. `"auto"` is what the stages do by themselves, or the preset says.

        Args:
            tokenizer_optimizer: A Keras optimizer or its name.
            prior_optimizer: The same.
            ema: An `ExponentialMovingAverage` of the prior.
            reconstruction: List of reconstruction losses, as for `VQVAE`.
            microbatch_size: Integer, or `None`. Images that the networks are trained on at a time.
            steps_per_execution: Integer >= 1. Steps inside one call of the graph.
            jit_compile: Boolean. Whether to compile the step with XLA.
            run_eagerly: Boolean. For debugging.

        Raises:
            ValueError: An argument of another type, out of range, or not known; or a tokenizer with a discriminator, which is
                trained by itself.
        """
        optimizers = self.check_compile_arguments(
            positional, unknown, tokenizer_optimizer=tokenizer_optimizer, prior_optimizer=prior_optimizer
        )
        chosen = self.resolve_auto(**optimizers, ema=ema, reconstruction=reconstruction)
        if "discriminator" in self.tokenizer.networks:
            raise ValueError(
                "A tokenizer with a discriminator must be trained by itself. Pass the trained one, and its "
                "`adversarial` training stays with it; for this model make it without."
            )
        self.tokenizer.take_losses(chosen["reconstruction"])
        stage, self._stage = self._stage, None  # Both have optimizers from the start.
        self.finish_compile(
            chosen,
            {name: chosen.pop(f"{name}_optimizer") for name in STAGES},
            microbatch_size=microbatch_size,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            run_eagerly=run_eagerly,
        )
        self._stage = stage
        bind_schedules(chosen["reconstruction"], self.examples_seen)
        object.__setattr__(self.tokenizer, "_trackers", self._trackers)  # What it tracks at the end of a step.

    def updates(self):
        (tokenizer,), (prior,) = self.tokenizer.updates(), self.prior.updates()
        stages = {
            "tokenizer": dataclasses.replace(tokenizer, name="tokenizer"),
            "prior": dataclasses.replace(
                prior,
                name="prior",
                objective=self._prior_objective,
                logs=tuple("loss/prior" if name == "loss" else name for name in prior.logs),
            ),
        }
        return [update for stage, update in stages.items() if self.stage in (None, stage)]

    def _prior_objective(self, batch):
        tokens = tf.stop_gradient(tf.cast(self.tokenizer.encode_tokens(batch.examples), tf.float32))
        objective = self.prior.objective(batch._replace(examples=tokens))
        return Objective({"loss/prior": objective.losses["loss"]}, objective.logs)

    def end_step(self):
        if self.stage != "prior":
            self.tokenizer.end_step()

    def extra_logs(self):
        return (*super().extra_logs(), *self.tokenizer.extra_logs())

    def curves(self):
        return [*self.tokenizer.curves(), *self.prior.curves()]

    def stability_rules(self):
        # A stage that is not trained logs zeros: no gradient vanishes then, and no code falls out of use.
        return [*(gradient_explodes(stage) for stage in STAGES), updates_left_out()]

    # === What it can do ===

    def draw(self, seeds, labels=None, **sampling):
        tokens = self.prior.draw(seeds, labels, **sampling)
        return self.spec.to_edge(self.tokenizer.decode_tokens(tokens))

    @property
    def draws_shape(self):
        return self.prior.draws_shape

    def can(self, ability):
        return super().can(ability) and (ability is not GeneratesFromDraws or self.prior.can(ability))

    def generate_from(self, draws, labels=None, **sampling):
        tokens = tf.cast(self.prior.generate_from(draws, labels, **sampling), tf.int32)
        return self.tokenizer.decode_tokens(tokens)

    def reconstruct(self, examples, labels=None, seed=None):
        return self.tokenizer.reconstruct(examples)

    def encode_tokens(self, examples):
        return self.tokenizer.encode_tokens(examples)

    def decode_tokens(self, tokens):
        return self.tokenizer.decode_tokens(tokens)

    def bits_per_token(self, examples, labels=None):
        """What the prior needs for each token of images, as `TokenTransformer.bits_per_token`; no likelihood of the images."""
        return self.prior.bits_per_token(self.encode_tokens(examples), labels)

    def get_config(self):
        return {
            "name": self.name,
            "tokenizer": keras.saving.serialize_keras_object(self.tokenizer),
            "prior": keras.saving.serialize_keras_object(self.prior),
            "label_weights": self.label_weights,
            "tokenizer_share": self.tokenizer_share,
            "seed": self.seed,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for name in STAGES:
            if "class_name" in config[name]:
                config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)


def _make(config):
    return model_class(config.pop("model"))(**config)


def _dtype(kwargs):
    return {"dtype": kwargs["dtype"]} if kwargs.get("dtype") is not None else {}
