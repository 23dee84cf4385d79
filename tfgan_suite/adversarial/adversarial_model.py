"""AdversarialModel: the networks of a GAN, how it is compiled, saved and run. The training step itself is `GAN`'s."""

import keras
import tensorflow as tf

from tfgan_suite.adversarial import losses
from tfgan_suite.engine.adam import Adam
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.engine.loss_scaling import LossScaling, computes_in_float16, scales_loss
from tfgan_suite.generative import latents as latent_distributions
from tfgan_suite.generative.generative_model import GenerativeModel


class AdversarialModel(GenerativeModel):
    """A generator, its average, a discriminator, and what `compile` chose for them. See `GAN` for the arguments."""

    def __init__(
        self,
        generator,
        discriminator,
        *,
        image_shape=None,
        latent_size=None,
        num_classes=None,
        label_weights=None,
        latent_distribution=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if label_weights is not None and len(label_weights) != num_classes:
            raise ValueError(f"Expected {num_classes} label_weights, one a class. Received: {len(label_weights)}")
        self.generator = generator
        self.discriminator = discriminator
        self.latent_size = int(latent_size or generator.input_shape[-1])
        self.image_shape = tuple(image_shape or generator.output_shape[1:])
        self.num_classes = num_classes
        self.label_weights = None if label_weights is None else [float(weight) for weight in label_weights]
        self.latent_distribution = latent_distribution or latent_distributions.Normal()
        self.seed = int(seed)

        # A real second network, so that it can be sampled, saved and exported like the first.
        self.ema_generator = generator.__class__.from_config(generator.get_config())
        labels = None if num_classes is None else keras.Input([], dtype="int32")
        latents = keras.Input([self.latent_size])
        for network in (self.generator, self.ema_generator):
            call_network(network, latents, labels)
        call_network(self.discriminator, keras.Input(self.image_shape), labels)
        self.ema_generator.set_weights(self.generator.get_weights())
        self.ema_generator.trainable = False

        # Counted over all replicas, so one replica's copy is the count.
        self.steps = self._add_counter("steps")
        self.images_seen = self._add_counter("images_seen")
        self._trackers = {}
        self.built = True

    def _add_counter(self, name):
        return self.add_weight(
            name=name, shape=(), dtype="int64", initializer="zeros", trainable=False, aggregation="only_first_replica"
        )

    # === Training choices ===

    def default_training(self):
        """What `"auto"` means in `compile`, a dict with one entry for each of its arguments that may be `"auto"`."""
        return {
            "generator_optimizer": Adam(2e-4, beta_1=0.5),
            "discriminator_optimizer": Adam(2e-4, beta_1=0.5),
            "loss": losses.NonSaturating(),
            "discriminator_penalties": [],
            "generator_penalties": [],
            "augmentation": None,
            "ema": ExponentialMovingAverage(),
            "discriminator_steps": 1,
            "reuse_fakes": False,
        }

    def compile(
        self,
        generator_optimizer="auto",
        discriminator_optimizer="auto",
        loss="auto",
        discriminator_penalties="auto",
        generator_penalties="auto",
        augmentation="auto",
        ema="auto",
        discriminator_steps="auto",
        reuse_fakes="auto",
        microbatch_size=None,
        steps_per_execution=1,
        jit_compile=False,
        run_eagerly=False,
    ):
        """Chooses how to train. `"auto"` is what the model's paper did, or its preset says.

        Args:
            generator_optimizer: A Keras optimizer. Not shared with the discriminator. Where networks compute in float16,
                `LossScaling` is put around it.
            discriminator_optimizer: A Keras optimizer.
            loss: A `losses.AdversarialLoss`.
            discriminator_penalties: List of `penalties.DiscriminatorPenalty`.
            generator_penalties: List of `penalties.GeneratorPenalty`.
            augmentation: A callable `(images, seed) -> images` that the discriminator sees all images through, or
                `None`. A Keras layer's state is saved with the model.
            ema: An `ema.ExponentialMovingAverage`.
            discriminator_steps: Discriminator updates for each generator update, k >= 1. Each takes every k-th image
                of the batch, so the batch size is k times that of one update.
            reuse_fakes: Whether the generator's update scores the last discriminator update's fakes again rather than
                drawing fresh ones: one generator pass less. With microbatches they are made anew from their latents.
            microbatch_size: Images that a network is trained on at a time, or `None` for all of an update's. Gradients
                are summed over the slices of the batch and applied once, so that a batch may be larger than what memory
                holds; the results are those of the whole batch, except for what is measured on it (batch
                normalisation). It divides each replica's share of an update.
            steps_per_execution: Steps inside one call of the graph.
            jit_compile: Whether to compile the step with XLA. Off by default: on CPU it is slower.
            run_eagerly: For debugging.

        Raises:
            ValueError: An argument out of range, or one optimizer given for both networks.
        """
        chosen = {
            "generator_optimizer": generator_optimizer,
            "discriminator_optimizer": discriminator_optimizer,
            "loss": loss,
            "discriminator_penalties": discriminator_penalties,
            "generator_penalties": generator_penalties,
            "augmentation": augmentation,
            "ema": ema,
            "discriminator_steps": discriminator_steps,
            "reuse_fakes": reuse_fakes,
        }
        defaults = {**self.default_training(), **self.preset_training()}
        chosen = {
            name: defaults[name] if isinstance(value, str) and value == "auto" else value
            for name, value in chosen.items()
        }
        for name in ("generator_optimizer", "discriminator_optimizer"):
            chosen[name] = keras.optimizers.get(chosen[name])
        if chosen["generator_optimizer"] is chosen["discriminator_optimizer"]:
            raise ValueError("Expected two optimizers. Received the same object for both networks: make a second one.")
        if chosen["discriminator_steps"] < 1:
            raise ValueError(f"Expected discriminator_steps >= 1. Received: {chosen['discriminator_steps']}")
        if any(computes_in_float16(network) for network in (self.generator, self.discriminator)):
            for name in ("generator_optimizer", "discriminator_optimizer"):
                chosen[name] = chosen[name] if scales_loss(chosen[name]) else LossScaling(chosen[name])
        _check_microbatch_size(microbatch_size, chosen["generator_penalties"])

        # optimizer=None: Keras's own would train both networks together.
        super().compile(
            optimizer=None, steps_per_execution=steps_per_execution, jit_compile=jit_compile, run_eagerly=run_eagerly
        )
        self.generator_optimizer = chosen["generator_optimizer"]
        self.discriminator_optimizer = chosen["discriminator_optimizer"]
        self.adversarial_loss = chosen["loss"]
        self.discriminator_penalties = list(chosen["discriminator_penalties"])
        self.generator_penalties = list(chosen["generator_penalties"])
        self.augmentation = chosen["augmentation"]
        self.ema = chosen["ema"]
        self.discriminator_steps = int(chosen["discriminator_steps"])
        self.reuse_fakes = bool(chosen["reuse_fakes"])
        self.microbatch_size = microbatch_size
        with self.distribute_strategy.scope():
            self.generator_optimizer.build(self.generator.trainable_variables)
            self.discriminator_optimizer.build(self.discriminator.trainable_variables)
            penalties = self.discriminator_penalties + self.generator_penalties
            for variable in getattr(self, "_penalty_state", []):
                self._untrack_variable(variable)  # Of an earlier compile().
            self._penalty_state = [variable for penalty in penalties for variable in penalty.make_state()]
            self._trackers = {name: keras.metrics.Mean(name=name) for name in self._tracker_names()}
        self._training_choices = {
            **chosen,
            "microbatch_size": microbatch_size,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
            "run_eagerly": run_eagerly,
        }

    def _tracker_names(self):
        penalties = self.discriminator_penalties + self.generator_penalties
        names = [penalty.name for penalty in penalties]
        if len(set(names)) < len(names):
            raise ValueError(
                f"Expected penalties with different names. Received: {names}. Pass name=... to one of them."
            )
        return [
            *("loss/generator", "loss/discriminator", "logits/real", "logits/fake"),
            *("gradient_norm/generator", "gradient_norm/discriminator"),
            *(f"penalty/{name}" for name in names),
            *(["augmentation/probability"] if hasattr(self.augmentation, "probability") else []),
        ]

    # === Generation ===

    def sample_latents(self, batch_size, seed, truncation=1.0):
        return self.latent_distribution.sample([batch_size, self.latent_size], seed, truncation)

    def call(self, latents, labels=None, training=False, truncation=1.0):
        """Images of the averaged generator, float32 `[batch, height, width, channels]` in [-1, 1].

        `sample_latents` has truncated already; a model whose generator does it overrides both.
        """
        return tf.cast(call_network(self.ema_generator, latents, labels, training=training), tf.float32)

    # === Keras ===

    @property
    def metrics(self):
        return list(self._trackers.values())

    def make_train_function(self, force=False):
        """Under a strategy, a loop around `train_step`: Keras's own runs it inside a replica, and only singly."""
        if self._distribute_strategy is None:
            return super().make_train_function(force)
        if self.train_function is not None and not force:
            return self.train_function
        if self.jit_compile:
            raise ValueError("Expected jit_compile=False under a distribution strategy. Received: jit_compile=True")

        # As Keras does: AutoGraph has nothing to convert in the step, and takes most of the time of tracing to see it.
        train_step = tf.autograph.experimental.do_not_convert(self.train_step)

        @tf.function(reduce_retracing=True)
        def run_steps(iterator):
            with self.distribute_strategy.scope():
                if self.steps_per_execution == 1:
                    return train_step(next(iterator))
                for _ in tf.range(self.steps_per_execution):
                    # Steps that overlap would mix up what the replicas exchange.
                    tf.autograph.experimental.set_loop_options(parallel_iterations=1)
                    train_step(next(iterator))
                return self.get_metrics_result()

        self.train_function = run_steps
        return run_steps

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Nothing to do: the networks and the optimizers are built already."""

    def get_config(self):
        return {
            "name": self.name,
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "image_shape": self.image_shape,
            "latent_size": self.latent_size,
            "num_classes": self.num_classes,
            "label_weights": self.label_weights,
            "latent_distribution": keras.saving.serialize_keras_object(self.latent_distribution),
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for name in ("generator", "discriminator", "latent_distribution"):
            if isinstance(config.get(name), dict):
                config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)

    def get_compile_config(self):
        if not self.compiled:
            return {}
        return {name: keras.saving.serialize_keras_object(value) for name, value in self._training_choices.items()}

    def compile_from_config(self, config):
        self.compile(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})


def _check_microbatch_size(microbatch_size, generator_penalties):
    if microbatch_size is None:
        return
    if microbatch_size < 1 or microbatch_size != int(microbatch_size):
        raise ValueError(f"Expected microbatch_size >= 1 or None. Received: microbatch_size={microbatch_size}")
    for penalty in generator_penalties:
        if microbatch_size % penalty.batch_shrink:
            raise ValueError(
                f"Expected microbatch_size to be a multiple of batch_shrink={penalty.batch_shrink} of the penalty "
                f"{penalty.name!r}, which takes every {penalty.batch_shrink}. image. Received: "
                f"microbatch_size={microbatch_size}"
            )


def call_network(network, inputs, labels, training=None):
    """Calls a network with labels or without; functional ones with several inputs take a list."""
    arguments = {} if training is None else {"training": training}
    if labels is None:
        return network(inputs, **arguments)
    if isinstance(network, keras.Sequential) or type(network).__name__ == "Functional":
        return network([inputs, labels], **arguments)
    return network(inputs, labels, **arguments)
