"""GenerativeModel: what every model of the suite can do, trained here or not: make examples from a seed."""

import copy
import os
import sys
import types

import keras
import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.number_kinds import is_count
from tfgan_suite.foundation.randomness import categorical, fold
from tfgan_suite.generative.abilities import HasLatents, refuse_missing
from tfgan_suite.generative.sampling_options import resolve_sampling
from tfgan_suite.specs.condition import Condition


class GenerativeModel(keras.Model):
    """Base of all models: examples out of a seed, and a class where there are classes.

    A subclass sets `spec`, declares what else it can do by inheriting from the classes in `generative/abilities.py`, and
    names its presets. One that `HasLatents` implements `sample_latents` and `call`; any other implements `sample`.

    Attributes:
        spec: An `ExampleSpec`. What one example is.
        num_classes: Integer, the number of classes, or `None` for an unconditional model.
        class_names: Tuple of strings, the names of the classes in the order of their labels, or `None` if they are not known.
            They are saved with the model, and labels may be given by them.
        label_weights: List of floats, the relative frequency of each class in generated labels, or `None` for all alike.
        sampling_options: Tuple of `SamplingOption`. The arguments of `generate` that the model has.
        networks: Mapping of name to network, `averages`: mapping of name to the average of that network. Empty for a model
            that does not say.
        examples_seen: Integer or integer variable. Examples that it was trained on; `None` if that is not known.
        steps: Integer or integer variable. Steps that it was trained for; `None` likewise.
        seed: Integer. The base seed of its training; `None` likewise.
        presets: Dict of preset name to a dict with
            `description`, `reference`, `expected`: texts;
            `config`: constructor arguments;
            `training`: what `tfgan_suite.train` takes by default (`batch_size`, `total_images`, and
            `conditional` if it is to be without the data's classes);
            `compile`: if there, a function of the model to the `compile` arguments that differ from its own.
    """

    spec = None
    num_classes = None
    label_weights = None
    sampling_options = ()
    networks = types.MappingProxyType({})
    averages = types.MappingProxyType({})
    examples_seen = None
    steps = None
    seed = None
    presets = {}
    _preset = None

    # === What it is ===

    @property
    def condition(self):
        """The `Condition` of the examples: one of the model's classes, or none."""
        names = self.class_names or ()
        return Condition.of_classes(self.num_classes, names if len(names) == self.num_classes else ())

    @property
    def image_shape(self):
        """`(height, width, channels)` of a model of images.

        Raises:
            AttributeError: The model makes something else; `spec.shape` is its shape.
        """
        if self.spec is None or not self.spec.is_picture:
            kind = "nothing yet" if self.spec is None else self.spec.unit[1]
            raise AttributeError(f"{type(self).__name__} makes {kind}: it has `spec.shape`, no `image_shape`.")
        return self.spec.shape

    def depict(self, spec):
        """Says what the pictures that a model of images makes stand for, such as the spectrograms of sound.

        Files, drawings, exports and scores are then of that kind. It is saved with the model, if that is compiled.

        Args:
            spec: An `ExampleSpec` whose examples are pictures of the shape of the model's.

        Raises:
            UserError: They are not, or the model makes no pictures.

        Example:

        >>> gan = DCGAN(image_shape=(64, 64, 1), base_channels=2)
        >>> gan.depict(LogMelSpec((64, 64, 1)))
        >>> gan.spec.unit
        ('clip', 'clips')
        """
        if not (self.spec.is_picture and spec.is_picture and self.spec.shape == spec.shape):
            raise UserError(
                f"`spec` must be of pictures of the shape of the model's, {self.spec.shape}. Received: spec={spec!r}"
            )
        self.spec = spec
        object.__setattr__(self, "_generate_function", None)

    @property
    def weights_kind(self):
        """Which weights make the examples: `"ema"` for averaged ones, else `"raw"`."""
        return "ema" if self.averages else "raw"

    @property
    def class_names(self):
        return self._class_names

    @class_names.setter
    def class_names(self, names):
        names = tuple(map(str, names or ())) or None
        # Past Keras's attribute tracking: they are no layers.
        object.__setattr__(self, "_class_names", names)

    _class_names = None

    def __getattr__(self, name):
        """Called for what there is not: methods of abilities that the model lacks are refused in a sentence."""
        refuse_missing(self, name)
        return object.__getattribute__(self, name)  # Which raises Python's error, or that of a property.

    def can(self, ability):
        """Whether the model has an ability, one of the classes in `generative/abilities.py`."""
        return isinstance(self, ability)

    # === Sampling ===

    def call(self, latents, labels=None, training=False, **sampling):
        """Examples of latents, float32 `[batch, *spec.shape]`. `sampling` holds scalars or one number an example."""
        raise NotImplementedError

    def sample_labels(self, batch_size, seed):
        """Draws int32 labels `[batch_size]` by `label_weights`, or returns `None` for an unconditional model."""
        if self.num_classes is None:
            return None
        return categorical(self.label_weights or [1.0] * self.num_classes, batch_size, seed)

    def sample(self, count, seed, labels=None, **sampling):
        """Makes examples inside a graph: what the callbacks and the exported model call.

        Example i depends on `seed`, i, its label and the sampling options only, not on `count`.

        Args:
            count: Number of examples, an integer or an int32 scalar.
            seed: Integer or integer scalar.
            labels: int32 `[count]`, or `None` to draw them.
            **sampling: The model's sampling options, each a float scalar.

        Returns:
            Tensor `[count, *spec.shape]` of the spec's `edge_dtype`.
        """
        latents = self.sample_latents(count, fold(seed, "generate", "latents"), **sampling)
        if labels is None:
            labels = self.sample_labels(count, fold(seed, "generate", "labels"))
        return self.spec.to_edge(self(latents, labels, training=False, **sampling))

    def generate(self, count, labels=None, *, seed=0, batch_size=64, **sampling):
        """Generates examples as a NumPy array, in batches.

        Args:
            count: Integer >= 1. How many.
            labels: For a conditional model: integers or names of classes `[count]`, one for all, or `None` to draw them.
            seed: Integer. The same seed gives the same examples; the first ones of many are those of few.
            batch_size: Integer >= 1. Examples made at a time. It bounds memory and changes nothing else.
            **sampling: The model's sampling options, such as `truncation` of most GANs: a float in [0, 1]. 1 samples the
                full distribution; smaller values trade variety for quality.

        Returns:
            NumPy array `[count, *spec.shape]` of the spec's `edge_dtype`: for images uint8.

        Raises:
            UserError: Labels for an unconditional model, out of range, or not `count` of them; or a sampling option that
                the model does not have, or out of range.

        Example:

        >>> gan = DCGAN(image_shape=(32, 32, 1), base_channels=4)
        >>> gan.generate(2, seed=1).shape
        (2, 32, 32, 1)
        """
        for name, value in {"count": count, "batch_size": batch_size}.items():
            if not is_count(value):
                raise UserError(f"`{name}` must be an integer >= 1. Received: {name}={value!r}")
        sampling = resolve_sampling(self, sampling)
        labels = self._checked_labels(labels, count)
        scalars = {name: tf.constant(value, tf.float32) for name, value in sampling.items()}
        if not self.can(HasLatents):
            return self._generate_without_latents(count, labels, seed, batch_size, scalars)
        latents = self.sample_latents(count, fold(seed, "generate", "latents"), **sampling)
        if labels is None:
            labels = self.sample_labels(count, fold(seed, "generate", "labels"))
        batches = [
            self._generate_batch(
                latents[i : i + batch_size], None if labels is None else labels[i : i + batch_size], scalars
            )
            for i in range(0, count, batch_size)
        ]
        return np.concatenate([batch.numpy() for batch in batches])

    def _generate_without_latents(self, count, labels, seed, batch_size, sampling):
        return self.sample(count, seed, labels, **sampling).numpy()

    def _generate_batch(self, latents, labels, sampling):
        batch = [latents] if labels is None else [latents, labels]
        if self._generate_function is None:

            def generate(sampling, latents, labels=None):
                return self.spec.to_edge(self(latents, labels, training=False, **sampling))

            # One graph for batches of any size. Kept out of Keras's attribute tracking: a function is no state.
            batches = [tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype) for tensor in batch]
            signature = [{name: tf.TensorSpec([], tf.float32) for name in sampling}, *batches]
            function = tf.function(generate, input_signature=signature, autograph=False)
            object.__setattr__(self, "_generate_function", function)
        return self._generate_function(sampling, *batch)

    _generate_function = None

    def _checked_labels(self, labels, count):
        if labels is None:
            return None
        if self.num_classes is None:
            raise UserError(
                "`labels` must be None, since this model is unconditional. Received labels; leave them out."
            )
        return tf.constant(self.condition.class_indices(labels, count))

    # === Keras ===

    def make_predict_function(self, force=False):
        """As Keras's; labels are checked before the graph gets them."""
        if self.predict_function is None or force:
            super().make_predict_function(force)
            predict = self.predict_function

            def predict_checked(steps):
                for data in steps:
                    self._check_predicted_labels(data)
                return predict(steps)

            self.predict_function = predict_checked
        return self.predict_function

    def _check_predicted_labels(self, data):
        labels = _named_inputs(data).get("labels")
        if self.num_classes is not None and isinstance(labels, np.ndarray | tf.Tensor):
            self.condition.check_batch(labels)

    def predict_step(self, data):
        """What Keras's `predict` calls: examples of latents, or of `(latents, labels)` for a conditional model."""
        inputs = _named_inputs(data)
        if self.num_classes is not None and inputs.get("labels") is None:
            raise UserError(
                f"`predict` of a conditional model takes latents and labels, such as predict((latents, labels)). Received: "
                f"{', '.join(inputs)} alone. `generate` draws both."
            )
        if inputs.get("labels") is not None:
            inputs = {**inputs, "labels": tf.reshape(inputs["labels"], [-1])}  # `[batch, 1]` is the same.
        return self(**inputs, training=False)

    def export(self, *args, **kwargs):
        """Refused: Keras's `export` cannot know which calls of a generative model are to be exported.

        Raises:
            UserError: Always; it says what exports instead.
        """
        raise UserError(
            "A generative model has more to export than one call. Use `tfgan_suite.export_saved_model(model, path)`, or "
            "`tfgan_suite.export_network(model, path)` for ONNX and LiteRT."
        )

    # === Training in phases ===

    def training_phases(self, total_images=None, batch_size=None):
        """The stretches in which `tfgan_suite.train` trains, a list of `TrainingPhase`; `None` for a single one.

        For a model whose training changes on the way, such as one that grows. `total_images` and `batch_size` are
        what the run was asked for, `None` if it was not.
        """
        return None

    def begin_phase(self, phase):
        """Called before each `fit` of a phase, on a compiled model, after a restart as well. Most have nothing to do."""

    # === Presets ===

    @classmethod
    def from_preset(cls, preset, **overrides):
        """Makes a model from a preset, or loads one that was trained.

        Args:
            preset: String. The name of a preset of this class or of a subclass: the model has the preset's architecture, is
                untrained, and its `compile()` takes the preset's choices. Or the path of a finished run or of a `.keras`
                file: the model is the one that is saved there.
            **overrides: Constructor arguments that replace the preset's, such as `image_shape`. A saved model takes none.

        Raises:
            UserError: There is no such preset or file, or it holds a model of another class; the error suggests the nearest
                name.

        Example:

        >>> gan = DCGAN.from_preset("dcgan_digits_32", num_classes=None)
        >>> type(GAN.from_preset("dcgan_digits_32")).__name__
        'DCGAN'
        """
        if preset not in cls.presets:
            return cls._from_elsewhere(preset, overrides)
        model = cls(**{**copy.deepcopy(cls.presets[preset]["config"]), **overrides})
        model._preset = preset
        return model

    @classmethod
    def _from_elsewhere(cls, preset, overrides):
        """A saved model, or a preset of a subclass."""
        # The package itself knows all models by name, and loads the one that is asked for; this room knows none.
        package = sys.modules[__name__.partition(".")[0]]

        if os.path.exists(preset):
            if overrides:
                raise UserError(f"A saved model takes no arguments. Received: {', '.join(overrides)} with {preset!r}.")
            model = package.load_model(preset)
            if not isinstance(model, cls):
                raise UserError(f"{str(preset)!r} holds a {type(model).__name__}, which is no {cls.__name__}.")
            return model
        found = {name: owner for name, owner in package.all_presets().items() if issubclass(owner, cls)}
        if preset not in found:
            raise unknown_name(f"{cls.__name__} preset", str(preset), {*cls.presets, *found})
        return found[preset].from_preset(preset, **overrides)

    def preset_training(self):
        """The `compile` arguments of the preset that the model was made from; none for another model."""
        make_choices = self.presets[self._preset].get("compile") if self._preset else None
        return make_choices(self) if make_choices else {}


def _named_inputs(data):
    """What Keras's `predict` hands over for a step, as a dict of `latents` and `labels`."""
    inputs, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
    if isinstance(inputs, dict):
        return inputs
    # A `tf.data` set of pairs arrives as inputs and targets.
    parts = inputs if isinstance(inputs, list | tuple) else [inputs] if labels is None else [inputs, labels]
    return dict(zip(("latents", "labels"), parts))
