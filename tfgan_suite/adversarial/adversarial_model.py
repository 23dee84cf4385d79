"""AdversarialModel: the networks of a GAN, how it is compiled, evaluated and saved. Its training step is `GAN`'s."""

import keras
import tensorflow as tf

from tfgan_suite.adversarial import losses, penalties
from tfgan_suite.adversarial.adversarial_rules import adversarial_charts, adversarial_measurements, adversarial_rules
from tfgan_suite.adversarial.averaged_generator import AveragedGenerator, deserialize_parts, serialize_parts
from tfgan_suite.adversarial.san_head import take_san_head
from tfgan_suite.engine.adam import Adam
from tfgan_suite.engine.added_losses import AddedLosses
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.engine.keras_loop import with_total
from tfgan_suite.engine.networks import build_network, input_size
from tfgan_suite.engine.trained_model import TrainedModel
from tfgan_suite.foundation.number_kinds import is_count
from tfgan_suite.foundation.randomness import fold
from tfgan_suite.generative import latents as latent_distributions
from tfgan_suite.generative.abilities import Discriminates
from tfgan_suite.specs.example_spec import spec_from_config, spec_to_config
from tfgan_suite.specs.image_spec import ImageSpec


class AdversarialModel(AveragedGenerator, Discriminates, TrainedModel):
    """A generator, its average, a discriminator, and what `compile` chose for them. See `GAN` for the arguments."""

    passed_on = ("dtype", "san_head")
    refuses_out_of_range = True  # A discriminator tells such images from all that is shown, served and scored.

    def __init__(
        self,
        generator,
        discriminator,
        *,
        image_shape=None,
        spec=None,
        latent_size=None,
        num_classes=None,
        label_weights=None,
        latent_distribution=None,
        san_head=False,
        seed=0,
        **kwargs,
    ):
        if latent_size is not None and not is_count(latent_size):
            raise ValueError(f"`latent_size` must be an integer >= 1. Received: latent_size={latent_size!r}")
        if san_head:
            take_san_head(discriminator)
        latent_shape = (_latent_size_of(generator) if latent_size is None else int(latent_size),)
        labels = None if num_classes is None else keras.Input([], dtype="int32")
        generator_inputs = (keras.Input(latent_shape), labels)
        super().__init__(
            spec or ImageSpec(image_shape or _image_shape_of(generator, generator_inputs)),
            num_classes=num_classes,
            label_weights=label_weights,
            seed=seed,
            **kwargs,
        )
        self.latent_shape = latent_shape
        self.san_head = bool(san_head)
        self.latent_distribution = latent_distribution or latent_distributions.Normal()
        shapes = self._output_shapes()
        self.add_network("generator", generator, generator_inputs, averaged=True, output_shapes=shapes["generator"])
        images = (keras.Input(self.spec.shape), labels)
        self.add_network("discriminator", discriminator, images, output_shapes=shapes["discriminator"])
        self.built = True

    def _output_shapes(self):
        """What each network may return, see `add_network`."""
        raise NotImplementedError

    @property
    def logit_zero(self):
        return self.adversarial_loss.zero if self.compiled else 0.0

    # === Training choices ===

    def default_training(self):
        return {
            "generator_optimizer": Adam(2e-4, beta_1=0.5),
            "discriminator_optimizer": Adam(2e-4, beta_1=0.5),
            "loss": losses.NonSaturating(),
            "discriminator_penalties": [],
            "generator_penalties": [],
            "augmentation": None,
            "ema": ExponentialMovingAverage(),
            "discriminator_steps": 1,
            "separate_batches": False,
            "reuse_fakes": False,
        }

    def compile(
        self,
        *positional,
        generator_optimizer="auto",
        discriminator_optimizer="auto",
        loss="auto",
        discriminator_penalties="auto",
        generator_penalties="auto",
        augmentation="auto",
        ema="auto",
        discriminator_steps="auto",
        separate_batches="auto",
        reuse_fakes="auto",
        microbatch_size=None,
        steps_per_execution=1,
        jit_compile=False,
        run_eagerly=False,
        **unknown,
    ):
        """Chooses how to train. `"auto"` is what the model's paper did, or its preset says.

        The optimizers may also be given by place, generator first; everything else by name.

        Args:
            generator_optimizer: A Keras optimizer or its name, not shared with the discriminator. Where networks compute in
                float16, `LossScaling` is put around it.
            discriminator_optimizer: A Keras optimizer or its name.
            loss: A `losses.AdversarialLoss`.
            discriminator_penalties: A `penalties.DiscriminatorPenalty`, or a list of them; `None` for none.
            generator_penalties: A `penalties.GeneratorPenalty`, or a list of them; `None` for none.
            augmentation: A callable `(images, seed) -> images`, applied to every image before the discriminator sees it, or
                `None`. A Keras layer's state is saved with the model.
            ema: An `ExponentialMovingAverage` of the generator.
            discriminator_steps: Integer k >= 1. Discriminator updates for each generator update. Each takes every k-th image
                of the batch, so the batch size is k times that of one update.
            separate_batches: Boolean. Whether the generator's update compares its fakes with real images of its own rather than
                with those of the last discriminator update. The batch size is then k + 1 times that of one update. For losses
                that compare, such as `losses.Relativistic`, and not with `reuse_fakes`.
            reuse_fakes: Boolean. Whether the generator's update scores the last discriminator update's fakes again rather
                than drawing fresh ones: one generator pass less. With microbatches they are made again from their latents.
            microbatch_size: Integer, or `None` for all of an update's images at once. Images that a network is trained on at
                a time. Gradients are summed over the slices of the batch and applied once, so that a batch may be larger
                than what memory holds; the results are those of the whole batch, except for what is measured on it (batch
                normalization). It divides each replica's share of an update.
            steps_per_execution: Integer >= 1. Steps inside one call of the graph.
            jit_compile: Boolean. Whether to compile the step with XLA. Off by default: on CPU it is slower.
            run_eagerly: Boolean. For debugging.

        Raises:
            ValueError: An argument of another type, out of range or not known, or one optimizer for both networks.
        """
        optimizers = self.check_compile_arguments(
            positional,
            unknown,
            generator_optimizer=generator_optimizer,
            discriminator_optimizer=discriminator_optimizer,
        )
        chosen = self.resolve_auto(
            **optimizers,
            loss=loss,
            discriminator_penalties=discriminator_penalties,
            generator_penalties=generator_penalties,
            augmentation=augmentation,
            ema=ema,
            discriminator_steps=discriminator_steps,
            separate_batches=separate_batches,
            reuse_fakes=reuse_fakes,
        )
        for name, kind in (
            ("discriminator_penalties", penalties.DiscriminatorPenalty),
            ("generator_penalties", penalties.GeneratorPenalty),
        ):
            chosen[name] = _list_of(name, chosen[name], kind)
        _check_choices(chosen)
        _check_microbatch_size(microbatch_size, chosen["generator_penalties"])
        self.adversarial_loss = chosen["loss"]
        self.discriminator_penalties = chosen["discriminator_penalties"]
        self.generator_penalties = chosen["generator_penalties"]
        self.augmentation = chosen["augmentation"]
        self.discriminator_steps = int(chosen["discriminator_steps"])
        self.separate_batches = bool(chosen["separate_batches"])
        self.reuse_fakes = bool(chosen["reuse_fakes"])
        optimizers = {name: chosen.pop(f"{name}_optimizer") for name in ("generator", "discriminator")}
        self.finish_compile(
            chosen,
            optimizers,
            microbatch_size=microbatch_size,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            run_eagerly=run_eagerly,
            penalties=self.discriminator_penalties + self.generator_penalties,
        )

    def extra_logs(self):
        return ("augmentation/probability",) if hasattr(self.augmentation, "probability") else ()

    # === What it declares about its training ===

    def curves(self):
        return adversarial_charts()

    def progress_labels(self):
        return {"G": "loss/generator", "D": "loss/discriminator"}

    def stability_rules(self):
        return adversarial_rules()

    def stability_measurements(self, logs):
        return adversarial_measurements(logs)

    # === Keras ===

    def test_step(self, data):
        """Losses and logits on images that are not trained on; the averaged generator makes the fakes."""
        real_images, real_labels = self.unpack(data)
        with self.evaluating(real_images):
            values = self.evaluate_batch(real_images, real_labels, fold(self.seed, "test_step"))
        for name, per_example in values.items():
            self.track_value(name, per_example)
        return with_total({name: self._trackers[name].result() for name in values})

    def evaluate_batch(self, real_images, real_labels, seed):
        """What `test_step` computes, a dict of name to float32 `[batch]`."""
        latents, fake_labels = self.draw_latents(tf.shape(real_images)[0], seed)
        if self.adversarial_loss.pairs_share_label:
            fake_labels = real_labels
        fake_images = self(latents, fake_labels, training=False)

        def discriminate(images, labels, score=self.discriminate):
            return score(images, labels, training=False)

        with AddedLosses([self.discriminator]) as layers:
            discriminator_losses, real_logits, fake_logits = self.compute_discriminator_loss(
                discriminate, real_images, fake_images, real_labels, fake_labels
            )
        return {
            "loss/discriminator": discriminator_losses + sum(layers.values),
            "logits/real": real_logits,
            "logits/fake": fake_logits,
            "loss/generator": self.compute_generator_loss(
                discriminate, fake_images, fake_labels, real_images, real_labels
            ),
        }

    def get_config(self):
        return {
            "name": self.name,
            **serialize_parts({"generator": self.generator, "discriminator": self.discriminator}),
            **({"image_shape": self.image_shape} if self.spec.is_picture else {"spec": spec_to_config(self.spec)}),
            "latent_size": self.latent_size,
            "num_classes": self.num_classes,
            "label_weights": self.label_weights,
            **serialize_parts({"latent_distribution": self.latent_distribution}),
            "san_head": self.san_head,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        if isinstance(config.get("spec"), dict):
            config = {**config, "spec": spec_from_config(config["spec"])}
        return cls(**deserialize_parts(config, ("generator", "discriminator", "latent_distribution")))


def _latent_size_of(generator):
    size = input_size(generator) if isinstance(generator, keras.layers.Layer) else None
    if size is None:
        raise ValueError(
            "`latent_size` must be passed, since the generator does not say how long its latents are, as a functional model "
            f"does by its first input. Received: latent_size=None, generator={generator!r}"
        )
    return int(size)


def _image_shape_of(generator, inputs):
    shape = getattr(build_network("generator", generator, inputs), "shape", ())
    if len(shape) != 4 or None in shape[1:]:
        raise ValueError(
            "`generator` must return images [batch, height, width, channels] of one size, or `image_shape` must be passed. "
            f"Received: outputs of shape {list(shape)}".replace("None", "batch", 1)
        )
    return shape[1:]


def _list_of(name, value, kind):
    """The penalties that `value` stands for: a list of them, one, or `None`."""
    value = [] if value is None else list(value) if isinstance(value, list | tuple) else [value]
    for one in value:
        if not isinstance(one, kind):
            example = "R1()" if kind is penalties.DiscriminatorPenalty else "PathLength()"
            raise ValueError(
                f"`{name}` must be a list of penalties.{kind.__name__}, such as penalties.{example}. Expected one or a list. "
                f"Received: {one!r}"
            )
    return value


def _check_choices(chosen):
    loss, augmentation, steps = chosen["loss"], chosen["augmentation"], chosen["discriminator_steps"]
    if not isinstance(loss, losses.AdversarialLoss):
        raise ValueError(
            f"`loss` must be a losses.AdversarialLoss. Expected an object such as losses.Hinge(). Received: loss={loss!r}"
        )
    if augmentation is not None and not callable(augmentation):
        raise ValueError(
            "`augmentation` must be None or a callable `(images, seed) -> images`, such as augment.DiffAugment(). "
            f"Received: augmentation={augmentation!r}"
        )
    if not is_count(steps):
        raise ValueError(f"`discriminator_steps` must be an integer >= 1. Received: discriminator_steps={steps!r}")
    for name in ("separate_batches", "reuse_fakes"):
        if not isinstance(chosen[name], bool):
            raise ValueError(f"`{name}` must be True or False. Received: {name}={chosen[name]!r}")
    if chosen["separate_batches"] and (chosen["reuse_fakes"] or not loss.uses_real_logits):
        raise ValueError(
            "`separate_batches=True` must go with a loss that compares fakes with real images in the generator's update, such as "
            f"losses.Relativistic(), and with `reuse_fakes=False`. Received: loss={type(loss).__name__}, "
            f"reuse_fakes={chosen['reuse_fakes']}"
        )


def _check_microbatch_size(microbatch_size, generator_penalties):
    # What is no integer is refused with the other arguments that all models have.
    for penalty in generator_penalties if is_count(microbatch_size) else ():
        if microbatch_size % penalty.batch_shrink:
            raise ValueError(
                f"`microbatch_size` must be a multiple of batch_shrink={penalty.batch_shrink} of the penalty "
                f"{penalty.name!r}, which takes one of {penalty.batch_shrink} images. Received: "
                f"microbatch_size={microbatch_size}"
            )
