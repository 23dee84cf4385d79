"""TrainedModel: a model that trains, of any family: networks, optimizers and averages by name, counters, saving."""

import math
import types

import keras
import tensorflow as tf

from tfgan_suite.engine.adam import Adam
from tfgan_suite.engine.added_losses import AddedLosses, objectives_of, regularization_name, with_added
from tfgan_suite.engine.compile_arguments import (
    check_average,
    check_step_options,
    get_optimizers,
    names_of_compile,
    optimizers_by_name,
    refuse_unknown,
)
from tfgan_suite.engine.exponential_moving_average import ExponentialMovingAverage
from tfgan_suite.engine.joint_optimizer import JointOptimizer
from tfgan_suite.engine.keras_loop import KerasLoop, with_total
from tfgan_suite.engine.loss_scaling import LossScaling, computes_in_float16, scales_loss
from tfgan_suite.engine.networks import build_network, copy_network
from tfgan_suite.engine.schedule import bind_schedules
from tfgan_suite.engine.step import Step, evaluate_objective
from tfgan_suite.engine.training_declarations import TrainingDeclarations
from tfgan_suite.engine.update import StepBatch, WholeBatch
from tfgan_suite.engine.weight_transfer import TransfersWeights
from tfgan_suite.foundation.microbatches import parts_of_batch, sizes_of_replicas
from tfgan_suite.foundation.randomness import examples_from, fold
from tfgan_suite.specs.condition import check_label_type
from tfgan_suite.specs.example_spec import spec_from_config, spec_to_config


class TrainedModel(TrainingDeclarations, TransfersWeights, KerasLoop):
    """Base of all models that can be trained. A subclass makes its networks and states its updates.

    What it gets for that: `fit` on any number of replicas and microbatches with equal results, reduced precision, averaged
    weights, exact resume, `"auto"` in `compile`, saving, and every command of the suite.

    A subclass

    * in `__init__` makes networks and hands each one to `add_network`;
    * in `updates` returns what one step is, a list of `Update`;
    * in `default_training` says what `"auto"` means in `compile`;
    * declares what it can do, and implements it, as in `GenerativeModel`.

    Args:
        spec: An `ExampleSpec`. What one example is.
        num_classes: Integer, or `None` for an unconditional model.
        label_weights: List of `num_classes` floats, the relative frequency of each class among generated labels; `None` for
            all alike.
        seed: Integer. Base seed for all randomness in training.

    Attributes:
        refuses_out_of_range: Boolean. Whether `fit` and `evaluate` refuse examples outside of the range that the spec gives
            models. If not, as for a model of any real numbers, they warn.
        passed_on: Tuple of strings. Arguments of this class that constructors of subclasses pass on as they are.
        steps: Variable, int64 scalar. Steps since training began.
        examples_seen: Variable, int64 scalar. Real examples trained on, over all replicas.
        networks: Mapping of name to network, as handed to `add_network`.
        averages: Mapping of name to the average of that network, for those that are averaged.
        optimizers: Mapping of name to optimizer, once compiled.

    Raises:
        ValueError: `label_weights` of another length than there are classes.

    Example: a model that learns the mean image.

    >>> class MeanImage(TrainedModel):
    ...     def __init__(self):
    ...         super().__init__(tg.ImageSpec((2, 2, 1)))
    ...         self.add_network("mean", keras.Sequential([keras.Input([1]), keras.layers.Dense(4)]))
    ...     def updates(self):
    ...         return [tg.Update("mean", self.mean.trainable_variables, self.squared_error, logs=("loss",))]
    ...     def squared_error(self, batch):
    ...         pixels = tf.reshape(batch.examples, [-1, 4])
    ...         return tg.Objective({"loss": tf.reduce_sum(tf.square(pixels - self.mean(tf.ones([1, 1]))), axis=1)})
    >>> model = MeanImage()
    >>> model.compile()
    >>> history = model.fit(np.zeros([8, 2, 2, 1], "float32"), batch_size=4, verbose=0)
    >>> int(model.examples_seen)
    8
    """

    def __init__(self, spec, *, num_classes=None, label_weights=None, seed=0, **kwargs):
        super().__init__(**kwargs)
        if label_weights is not None and len(label_weights) != num_classes:
            raise ValueError(
                f"`label_weights` must have one number for each of {num_classes} classes. Received: {len(label_weights)}"
            )
        self.spec = spec
        self.num_classes = num_classes
        self.label_weights = None if label_weights is None else [float(weight) for weight in label_weights]
        self.seed = int(seed)
        self._network_names, self._averaged_names, self._optimizer_names = (), (), ()
        # Counted over all replicas, so one replica's copy is the count.
        self.steps = self._add_counter("steps")
        self.examples_seen = self._add_counter("examples_seen")

    def _add_counter(self, name):
        return self.add_weight(
            name=name, shape=(), dtype="int64", initializer="zeros", trainable=False, aggregation="only_first_replica"
        )

    # === Networks, optimizers, averages ===

    def add_network(self, name, network, inputs=None, averaged=False, output_shapes=None):
        """Takes in a network under a name: `model.<name>`, and `model.ema_<name>` if it is averaged.

        Args:
            name: String.
            network: A `keras.Model` or layer.
            inputs: `keras.Input`, or a tuple of them, with which the network is called to be built; `None` for a built one.
            averaged: Whether an exponential moving average of its weights is kept, as a second network that is sampled,
                saved and exported like the first.
            output_shapes: Tuple of shapes without the batch, of which the network must return one; `None` for any.

        Returns:
            The network.

        Raises:
            ValueError: It does not take `inputs`, returns something else, or cannot be copied for its average.
        """
        inputs = inputs if isinstance(inputs, tuple | None) else (inputs,)
        if inputs is not None:
            build_network(name, network, inputs, output_shapes)
        setattr(self, name, network)
        self._network_names += (name,)
        if averaged:
            average = copy_network(name, network)
            if inputs is not None:
                build_network(name, average, inputs)
            average.set_weights(network.get_weights())
            average.trainable = False
            setattr(self, f"ema_{name}", average)
            self._averaged_names += (name,)
        return network

    # Read-only mappings, which Keras's saving passes over: it saves the networks themselves by their attributes.

    @property
    def networks(self):
        return types.MappingProxyType({name: getattr(self, name) for name in self._network_names})

    @property
    def averages(self):
        return types.MappingProxyType({name: getattr(self, f"ema_{name}") for name in self._averaged_names})

    @property
    def optimizers(self):
        return types.MappingProxyType({name: getattr(self, f"{name}_optimizer") for name in self._optimizer_names})

    # === What a subclass states ===

    def updates(self):
        """What one step does, a list of `Update`, in order; those with an interval come after the others."""
        raise NotImplementedError

    def default_training(self):
        """What `"auto"` means in `compile`, a dict with one entry for each of its arguments that may be `"auto"`."""
        return {"optimizer": Adam(1e-3), "ema": ExponentialMovingAverage()}

    def unpack(self, data, shape=None):
        """Examples and labels of a batch, labels `None` without classes. Refuses what cannot be trained on.

        Args:
            data: What `fit` received for a step: `examples`, or `(examples, labels)`.
            shape: Tuple of integers. The expected shape of an example, if it is not the spec's.
        """
        examples, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        if weights is not None:
            raise ValueError(
                f"`sample_weight` and `class_weight` must be None: what {type(self).__name__} minimizes is more than one loss "
                "of each example. Received weights beside the examples. Draw some more often instead, as "
                "`tf.data.Dataset.sample_from_datasets` does."
            )
        if isinstance(examples, dict | list | tuple):
            units = self.spec.unit[1]
            raise ValueError(
                f"Batches must be one array of {units}, or ({units}, labels). Received: a {type(examples).__name__} of "
                f"{len(examples)}."
            )
        examples = tf.convert_to_tensor(examples)  # An array, where Keras runs the step eagerly.
        self.spec.check_batch(examples, shape)
        examples = tf.cast(examples, tf.float32)
        if self.num_classes is None:
            return examples, None
        if labels is None:
            units = self.spec.unit[1]
            raise ValueError(f"Batches must be ({units}, labels), since `num_classes` is set. Received: {units} alone")
        labels = tf.convert_to_tensor(labels)
        if labels.shape.rank is not None:
            check_label_type(labels.dtype.name, tuple(labels.shape))
        return examples, tf.reshape(tf.cast(labels, tf.int32), [-1])

    def takes_values(self, examples):
        """Whether the values of a batch are such as the model is for, a boolean scalar inside a graph."""
        limits = self.spec.model_limits
        if limits is None:
            return tf.constant(True)
        return tf.reduce_all((examples >= limits[0]) & (examples <= limits[1]))  # False for NaN.

    def check_values(self, examples):
        """Raises a `UserError` for a NumPy array of floats whose values `takes_values` does not take."""
        self.spec.check_values(examples)

    def end_step(self):
        """Called in each replica when a step is done and counted. Most models have nothing to do."""

    def networks_of(self, update):
        """The networks whose weights an update changes, a list."""
        changed = {id(variable) for variable in update.variables}
        return [
            network
            for network in self.networks.values()
            if not changed.isdisjoint(map(id, network.trainable_variables))
        ]

    def seed_layers(self, seed):
        """Makes what layers such as Dropout draw next a function of `seed`, int32 `[2]`, and of this part of the batch.

        Keras keeps the state of their generators in no file, so that a resumed run would draw something else.
        """
        states = [variable for variable in self.variables if variable.name == "seed_generator_state"]
        for index, state in enumerate(states):
            # A generator counts up the second number, in which the last fold differs.
            state.assign(tf.cast(fold(seed, "layers", index, parts_of_batch()[0], "state"), state.dtype))

    @property
    def num_shares(self):
        """Into how many shares a batch is divided: as many as the most updates of one kind in a step, and one of its own."""
        updates = self.updates()
        return max([update.times or 1 for update in updates], default=1) + any(one.has_own_share for one in updates)

    def batch_multiple(self):
        """What a replica's batch must be a multiple of, for its shares and groups of examples to be those of one device."""
        objectives = [objective for update in self.updates() for objective in update.objectives]
        skips = [max(1, round(1 / one.rows_per_example)) for one in objectives if isinstance(one, WholeBatch)]
        layers = [layer for network in self.networks.values() for layer in network._flatten_layers()]
        return self.num_shares * math.lcm(*skips, *(getattr(layer, "batch_multiple", 1) for layer in layers))

    # === Training ===

    def compile(
        self,
        *positional,
        optimizer="auto",
        ema="auto",
        microbatch_size=None,
        steps_per_execution=1,
        jit_compile=False,
        run_eagerly=False,
        **unknown,
    ):
        """Chooses how to train. `"auto"` is what the model's paper did, or its preset says.

        Args:
            optimizer: A Keras optimizer or its name. Where networks compute in float16, `LossScaling` is put around it.
            ema: An `ExponentialMovingAverage`.
            microbatch_size: Integer, or `None`. Examples that a network is trained on at a time. Gradients are summed over
                the slices of the batch and applied once.
            steps_per_execution: Integer >= 1. Steps inside one call of the graph.
            jit_compile: Boolean. Whether to compile the step with XLA.
            run_eagerly: Boolean. For debugging.

        Raises:
            ValueError: An argument of another type, out of range, or not known.
        """
        optimizers = self.check_compile_arguments(positional, unknown, optimizer=optimizer)
        chosen = self.resolve_auto(**optimizers, ema=ema)
        (update,) = {update.optimizer_name for update in self.updates()}
        self.finish_compile(
            chosen,
            {update: chosen["optimizer"]},
            microbatch_size=microbatch_size,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
            run_eagerly=run_eagerly,
        )

    @classmethod
    def compile_arguments(cls):
        """The names that `compile` takes, those of the bases included, a list."""
        return names_of_compile(cls, TrainedModel)

    def check_compile_arguments(self, positional, unknown, **optimizers):
        """Refuses what Keras's own `compile` would take and this model's does not, and says what to do instead.

        Args:
            positional: Tuple. Arguments that were passed by place: all of the optimizers, or none.
            unknown: Dict. Arguments by names that this `compile` does not have.
            **optimizers: What was passed for each optimizer by its name, `"auto"` where nothing was.

        Returns:
            A dict: `optimizers`, with those that were passed by place.

        Raises:
            ValueError: There is one, or this is not the strategy that the model was made under.
        """
        if self._distribute_strategy is not (tf.distribute.get_strategy() if tf.distribute.has_strategy() else None):
            raise ValueError(
                f"`compile` of {type(self).__name__} must be called where the model was made: both inside "
                "`with strategy.scope()`, or both outside."
            )
        refuse_unknown(type(self).__name__, self.compile_arguments(), unknown)
        return optimizers_by_name(type(self).__name__, positional, optimizers)

    def resolve_auto(self, **received):
        """The arguments with `"auto"` replaced by what the preset says, or else the default; a dict."""
        defaults = {**self.default_training(), **self.preset_training()}
        return {
            name: defaults[name] if isinstance(value, str) and value == "auto" else value
            for name, value in received.items()
        }

    def finish_compile(
        self,
        chosen,
        optimizers,
        *,
        microbatch_size,
        steps_per_execution,
        jit_compile,
        run_eagerly,
        penalties=(),
    ):
        """Takes over what was chosen, for the `compile` of a subclass.

        Args:
            chosen: Dict of the arguments of `compile` that are the model's own, to be saved with it. Its `ema` is kept.
            optimizers: Dict of name to Keras optimizer, or to the name of one.
            microbatch_size: Integer, or `None`.
            steps_per_execution: Integer >= 1.
            jit_compile: Boolean.
            run_eagerly: Boolean.
            penalties: List of objects with `make_state()`, whose variables are saved with the model.
        """
        check_step_options(microbatch_size, steps_per_execution, jit_compile, run_eagerly)
        check_average(chosen["ema"])
        optimizers = get_optimizers(optimizers, self.distribute_strategy)
        if any(computes_in_float16(network) for network in self.networks.values()):
            optimizers = {
                name: optimizer if scales_loss(optimizer) else LossScaling(optimizer)
                for name, optimizer in optimizers.items()
            }
        # optimizer=None: Keras's own would train all networks together.
        super().compile(
            optimizer=None, steps_per_execution=steps_per_execution, jit_compile=jit_compile, run_eagerly=run_eagerly
        )
        parts = [*optimizers.values(), *penalties, *(value for value in chosen.values() if hasattr(value, "__dict__"))]
        bind_schedules(parts, self.examples_seen)
        self.ema = chosen["ema"]
        self.microbatch_size = microbatch_size
        self._optimizer_names = tuple(optimizers)
        for name, optimizer in optimizers.items():
            setattr(self, f"{name}_optimizer", optimizer)
        with self.distribute_strategy.scope():
            variables = {update.optimizer_name: update.variables for update in reversed(self.updates())}
            for name, optimizer in optimizers.items():
                optimizer.build(variables[name])
            for variable in self._penalty_state:
                self._untrack_variable(variable)  # Of an earlier compile().
            self._penalty_state = [variable for penalty in penalties for variable in penalty.make_state()]
            trackers = {name: keras.metrics.Mean(name=name) for name in self._tracker_names()}
            counter = keras.Variable(0, dtype="int64", trainable=False, aggregation="only_first_replica")
        self._joint_optimizer = JointOptimizer(optimizers) if len(optimizers) > 1 else None
        # Read-only, so that Keras's saving passes over them: what they hold is a tick's, not the model's.
        self._trackers = types.MappingProxyType(trackers)
        self._evaluated = types.MappingProxyType({"examples": counter})
        names = ["optimizer"] if len(optimizers) == 1 else [f"{name}_optimizer" for name in optimizers]
        self._training_choices = {
            **chosen,
            **dict(zip(names, optimizers.values())),
            "microbatch_size": microbatch_size,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
            "run_eagerly": run_eagerly,
        }

    _evaluated = types.MappingProxyType({})
    _penalty_state = ()
    _joint_optimizer = None

    @property
    def optimizer(self):
        """The optimizer; of a model with several, all of them as one, see `JointOptimizer`. `None` before `compile`."""
        return self._joint_optimizer or next(iter(self.optimizers.values()), None)

    @optimizer.setter
    def optimizer(self, optimizer):
        """Keras sets `None` here, on the way through its own `compile`."""

    def train_step(self, data):
        """One step: every update that is due, then averages and counters."""
        Step(self, data).run_all()
        return self.get_metrics_result()

    def test_step(self, data):
        """What `evaluate` and `validation_data` compute: the updates' objectives on data that is not trained on.

        Objectives see `batch.training` as `False`. Nothing changes. What is drawn for an example is a function of the
        model's seed and of the example's place in the data, so that results are the same for any batch size.
        """
        examples, labels = self.unpack(data)
        with self.evaluating(examples):
            return self._evaluate_objectives(examples, labels)

    def evaluating(self, examples):
        """Context manager for what `test_step` computes of a batch."""
        count = tf.shape(examples)[0]
        sizes = sizes_of_replicas(count if examples.shape[0] is None else examples.shape[0])
        replica_context = tf.distribute.get_replica_context()
        before = 0 if replica_context is None else tf.reduce_sum(sizes[: replica_context.replica_id_in_sync_group])
        first = tf.cast(self._evaluated["examples"], tf.int32) + before
        self._evaluated["examples"].assign_add(tf.cast(tf.reduce_sum(sizes), tf.int64))
        return examples_from(first, count)

    def reset_metrics(self):
        super().reset_metrics()
        for counter in self._evaluated.values():
            counter.assign(0)

    def _evaluate_objectives(self, examples, labels):
        seed = fold(self.seed, "test_step")
        names = []
        for update in self.updates():
            if update.interval > 1:
                continue
            for objective in objectives_of(update):
                with tf.GradientTape() as tape, AddedLosses(self.networks_of(update)) as layers:
                    own_seed = fold(seed, update.name)
                    result = evaluate_objective(objective, StepBatch(examples, labels, own_seed, None, {}, tape, False))
                result = with_added(result, layers.values)
                self.track(result)
                names += [*result.losses, *result.logs]
        return with_total({name: self._trackers[name].result() for name in names})

    def _tracker_names(self):
        updates = self.updates()
        names = [name for update in updates for name in update.logs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"Updates and penalties must log under different names. Received twice: {', '.join(twice)}"
            )
        norms = [f"gradient_norm/{update.name}" for update in updates if update.interval == 1]
        regularizers = [name for name in map(regularization_name, updates) if name is not None]
        return list(dict.fromkeys([*names, *norms, *self.extra_logs(), *regularizers]))

    # === Keras ===

    def get_compile_config(self):
        if not self.compiled:
            return {}
        choices = {name: keras.saving.serialize_keras_object(value) for name, value in self._training_choices.items()}
        # Here, since constructors of your own need not take them.
        others = {"class_names": self.class_names, "frozen": self.frozen_layers}
        depicted = {"depicts": spec_to_config(self.spec)} if self.spec.is_picture and self.spec.kind != "image" else {}
        return {**choices, **{name: list(value) for name, value in others.items() if value}, **depicted}

    def compile_from_config(self, config):
        config = dict(config)
        self.class_names = config.pop("class_names", None)
        self.freeze(*config.pop("frozen", ()))
        if "depicts" in config:
            self.depict(spec_from_config(config.pop("depicts")))
        self.compile(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})
