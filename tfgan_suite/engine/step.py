"""Step: one training step of any model, whatever its updates, replicas and microbatches."""

import functools

import tensorflow as tf

from tfgan_suite.engine.added_losses import AddedLosses, objectives_of, with_added
from tfgan_suite.engine.loss_scaling import scales_loss
from tfgan_suite.engine.update import StepBatch, WholeBatch
from tfgan_suite.foundation.microbatches import (
    accumulate,
    copies_of_batch,
    count_microbatches,
    in_whole_batch,
    parts_of_batch,
    replicas_of_batch,
    sizes_of_replicas,
)
from tfgan_suite.foundation.randomness import fold


class Step:
    """Works out the updates of one step on one batch of data.

    Each update runs on all replicas; what is decided here is decided once for all of them. Without microbatches the
    updates of a step run inside one call of the replicas. With microbatches the loops over them stand between the calls
    of the replicas, see `foundation.microbatches.accumulate`.

    Args:
        model: A compiled `TrainedModel`.
        data: What `train_step` received: a batch, or one for each replica.
        is_whole: Boolean. Whether each replica's batch is the whole global one.
    """

    def __init__(self, model, data, is_whole=False):
        self.model = model
        self.data = data
        self.is_whole = is_whole
        self.in_slices = model.microbatch_size is not None
        self.shares = model.num_shares

    def run_all(self):
        """Does all updates that are due, moves the averaged networks and counts.

        A batch that several replicas cannot share evenly, the rest of a data set, is worked on whole by each of them: what
        examples of a batch have to do with each other (moments, groups, pairs) is then what it is on one device.
        """
        one_replica = self.model.distribute_strategy.num_replicas_in_sync == 1
        if one_replica or not tf.distribute.in_cross_replica_context() or self._batch_size() is not None:
            return self._run_updates()
        return tf.cond(
            self._is_even(), self._run_updates, lambda: Step(self.model, self._gather(), True)._run_updates()
        )

    def _run_updates(self):
        updates = self.model.updates()
        done = self.run([update for update in updates if update.interval == 1])
        for update in updates:
            if update.interval > 1:
                done = self.run_if_due(update, done)
        self.close()
        return tf.constant(True)

    def run(self, updates):
        """Does the updates one after another. Returns a list of tensors that are known when all that is done."""
        return self._local(self._begin(lambda data: self._all(data, updates), self.data))

    def run_if_due(self, update, done):
        """Does a lazy update after `done` if this is its step. Returns a list as `run` does."""
        # Not inside a replica: a replica may not meet the others (gradients, moments) under a condition.
        due = tf.equal(after(done, tf.convert_to_tensor(self.model.steps)) % update.interval, 0)
        return tf.cond(
            due, lambda: self._local(self._begin(lambda data: self._lazy(data, update), self.data)), lambda: done
        )

    def close(self):
        """Moves the averaged networks and counts."""
        self._run(self._close, self.data)

    # === Updates ===

    def _all(self, data, updates):
        seed = fold(self.model.seed, "train_step", self.model.steps)
        kept = {}  # Of this replica.
        for update in updates:
            for index in range(update.times or 1):
                share = self.shares - 1 if update.times is None else index
                own_seed = fold(seed, update.name, *(() if update.times is None else (index,)))
                done = self._update(data, update, share, own_seed, seed, kept)
                seed = after(self._local(done), seed)
        return done

    def _lazy(self, data, update):
        # "lazy_penalty" is part of how draws are made, and so of every run that there is.
        seed = fold(self.model.seed, "lazy_penalty", update.name, self.model.steps)
        return self._update(data, update, self.shares - 1, seed, None, {})

    def _update(self, data, update, share, seed, step_seed, kept):
        gradients, rows = self.gradients(data, update, share, seed, step_seed, kept)
        return self._run(functools.partial(self._apply, update), rows, *gradients)

    def gradients(self, data, update, share, seed, step_seed=None, kept=None):
        """What `update` would change its weights by: gradients of each of its objectives, a list of lists; and its rows."""
        optimizer = self.model.optimizers[update.optimizer_name]
        kept = {} if kept is None else kept
        make_batch = functools.partial(
            self._batch, share=None if self.in_slices else share, seed=seed, step_seed=step_seed, kept=kept
        )
        gradients, rows = [], None
        for objective in objectives_of(update):
            if self.in_slices and isinstance(objective, WholeBatch):
                gradients.append(self._gradients_by_measures(data, share, update, objective, optimizer, make_batch))
                continue
            compute = functools.partial(self._gradients, update, objective, optimizer, make_batch)
            rows_per_example = 1 if rows is None and update.observe is not None else None
            part, own_rows = self._accumulate(compute, data, share, update.variables, rows_per_example)
            gradients.append(part)
            rows = own_rows if rows is None else rows
        return gradients, rows

    def _gradients(self, update, objective, optimizer, make_batch, data):
        """Gradients of one objective, and its rows."""
        batch = make_batch(data)
        networks = self.model.networks_of(update) if update.interval == 1 else []
        with tf.GradientTape() as tape:
            with AddedLosses(networks) as layers:
                result = evaluate_objective(objective, batch._replace(tape=tape))
            added = list(layers.values if result.through is None else result.through.added)
            if result.through is not None:
                tape.watch(added)
            result = with_added(result, added)
            loss = optimizer.scale_loss(self._minimized(update, result))
        self.model.track(result)
        rows = None if update.observe is None else result.rows
        if result.through is None:
            return gradients_of(tape, loss, update.variables), rows
        made = [result.through.tensor, *added] if added else result.through.tensor
        return gradients_of(result.through.tape, made, update.variables, tape.gradient(loss, made)), rows

    def _gradients_by_measures(self, data, share, update, objective, optimizer, make_batch):
        """Of an objective on the whole batch in microbatches: measured once, evaluated, and measured again for gradients."""
        rows_per_example = objective.rows_per_example

        def measure(data):
            return [], objective.measure(make_batch(data))

        def derivatives_of(measures):
            with tf.GradientTape() as tape:
                tape.watch(measures)
                result = objective.evaluate(measures)
                loss = optimizer.scale_loss(self._minimized(update, result))
            self.model.track(result)
            return tape.gradient(loss, measures)

        def weighted_gradients(data):
            data, derivatives = data
            with tf.GradientTape() as tape:
                total = tf.reduce_sum(derivatives * objective.measure(make_batch(data)))
            return gradients_of(tape, total, update.variables), None

        _, measures = self._accumulate(measure, data, share, [], rows_per_example)
        derivatives = self._run(derivatives_of, measures)
        data = self._run(lambda data: self._take_share(data, share), data), derivatives
        return self._accumulate(weighted_gradients, data, None, update.variables, None, 1 / rows_per_example)[0]

    def _apply(self, update, rows, *gradients):
        """Changes the weights. Returns a number that is known after that."""
        optimizer = self.model.optimizers[update.optimizer_name]
        if update.observe is not None:
            update.observe(rows)
        total = [tf.add_n(parts) for parts in zip(*gradients)]  # Of each objective.
        norm = tf.linalg.global_norm(total) / optimizer.scale_loss(1.0)
        optimizer.apply(total, update.variables)
        if update.interval == 1:
            # An overflow only tells loss scaling to be smaller: that update is left out, and does not count here.
            counts = tf.math.is_finite(norm) if scales_loss(optimizer) else True
            self.model.track_value(
                f"gradient_norm/{update.name}", tf.where(counts, norm, 0.0), tf.cast(counts, tf.float32)
            )
        return norm

    def _minimized(self, update, objective):
        for name, values in objective.losses.items():
            # Of one number a batch, or several an example, the mean would be that of something else.
            if values.shape.rank not in (1, None):
                raise ValueError(
                    f"`losses` of an Objective must be one value per example, of shape [batch]. Received: {name!r} of shape "
                    f"{tuple(values.shape)} in the update {update.name!r}. Sum over all axes but the first."
                )
        loss = sum_in_order([reduce_loss(values) for values in objective.losses.values()])
        return loss if update.interval == 1 else update.interval * loss

    def _close(self, data):
        model = self.model
        examples, _ = model.unpack(data)
        # Where the data end, or are refused, nothing is counted.
        batch_size = after([examples], tf.shape(examples)[0]) * replicas_of_batch()
        if model.averages:
            decay = model.ema.decay_at(model.examples_seen, model.steps, batch_size)
            for name, average in model.averages.items():
                model.ema.update(average, model.networks[name], decay)
        model.examples_seen.assign_add(tf.cast(batch_size, tf.int64))
        model.steps.assign_add(after([examples], tf.constant(1, tf.int64)))
        model.end_step()

    # === Batches, replicas, microbatches ===

    def _batch(self, data, share, seed, step_seed, kept):
        """A share of a batch: every k-th example, the same ones for any number of replicas."""
        examples, labels = self._take_share(self.model.unpack(data), share)
        self.model.seed_layers(seed)
        kept = {} if self.in_slices else kept  # What a slice has left is gone with it.
        return StepBatch(examples, labels, seed, step_seed, kept)

    def _take_share(self, data, share):
        """Every k-th row of tensors, from row `share` on; all of them if it is `None`."""
        if share is None or self.shares == 1:
            return data
        batch_size = tf.nest.flatten(data)[0].shape[0]
        if batch_size is not None and batch_size % self.shares:
            raise ValueError(
                f"A replica's batch must be divisible by {self.shares}, the updates of a step that each take a share of it. "
                f"Received: a batch of {batch_size}"
            )
        if batch_size is None and share:
            # The rest of a data set may have fewer examples than there are shares: they begin again at the first.
            share %= tf.shape(tf.nest.flatten(data)[0])[0]
        return tf.nest.map_structure(lambda rows: None if rows is None else rows[share :: self.shares], data)

    def _begin(self, function, data):
        return function(data) if self.in_slices else self._run(function, data)

    def _run(self, function, *arguments):
        if tf.distribute.in_cross_replica_context():
            function = in_whole_batch()(function) if self.is_whole else function
            return self.model.distribute_strategy.run(function, args=arguments)
        return function(*arguments)  # Keras's own loop, or the caller's, is inside the one replica already.

    def _local(self, values):
        """What `_run` returned, as a list with one value for each replica of this process."""
        return list(self.model.distribute_strategy.experimental_local_results(values))

    def _accumulate(self, compute, data, share, variables, rows_per_example, multiple=None):
        """`compute(data)`, gradients and rows; or those of microbatches of a share of the data, summed and joined."""
        if not self.in_slices:
            return compute(data)
        if share is not None:
            data = self._run(lambda data: self._take_share(data, share), data)
        examples = self._local(tf.nest.flatten(data)[0])[0]
        batch_size = tf.shape(examples)[0] if examples.shape[0] is None else examples.shape[0]
        rows = rows_per_example or 1  # Several rows an example, or one of several examples.
        multiple = max(1, round(multiple or 1 / rows))
        count = count_microbatches(batch_size, self.model.microbatch_size, multiple)
        num_rows = None if rows_per_example is None else -(-(batch_size // count) // multiple) * max(1, round(rows))
        return accumulate(compute, data, variables, num_rows, count, self._run)

    # === Batches of a size that only the run knows ===

    def _batch_size(self):
        """A replica's batch size, or `None` where only the run knows it."""
        return self._local(tf.nest.flatten(self.data)[0])[0].shape[0]

    def _is_even(self):
        """Whether all replicas have equally many examples, in parts that are those of one device; a boolean scalar."""
        sizes = self._run(lambda data: sizes_of_replicas(tf.shape(tf.nest.flatten(data)[0])[0]), self.data)
        sizes = self._local(sizes)[0]
        in_parts = (sizes > 0) & tf.equal(sizes % self.model.batch_multiple(), 0)
        return tf.reduce_all(tf.equal(sizes, sizes[0]) & in_parts)

    def _gather(self):
        """The global batch, for each replica."""

        def gather(rows):
            # Not all devices exchange integers.
            floats = rows if rows.dtype.is_floating else tf.cast(rows, tf.float32)
            gathered = tf.distribute.get_replica_context().all_gather(floats, axis=0)
            return tf.cast(tf.ensure_shape(gathered, [None, *rows.shape[1:]]), rows.dtype)

        return self._run(lambda data: tf.nest.map_structure(gather, data), self.data)


def evaluate_objective(objective, batch):
    """The `Objective` of a batch, by a function or by a `WholeBatch`."""
    if isinstance(objective, WholeBatch):
        return objective.evaluate(objective.measure(batch))
    return objective(batch)


def reduce_loss(per_example):
    """The one place where losses and penalties become a number: the mean over the global batch.

    Gradients are summed over replicas and microbatches, so each divides its sum by the global batch size.
    """
    parts = parts_of_batch()[1] * copies_of_batch()
    return tf.nn.compute_average_loss(per_example, global_batch_size=tf.size(per_example) * parts)


def sum_in_order(values):
    """The sum, each added to those before it."""
    total = values[0]
    for value in values[1:]:
        total += value
    return total


def after(done, value):
    """`value`, not before all of `done` is known: else TensorFlow would begin with the next update while the last one's
    activations are in memory."""
    with tf.control_dependencies(done):
        return tf.identity(value)


def gradients_of(tape, target, variables, output_gradients=None):
    """Plain tensors for all variables: zeros for one that `target` does not depend on, and no slices of embeddings,
    since replicas cannot exchange slices and tensors in one step."""
    gradients = tape.gradient(target, variables, output_gradients=output_gradients)
    return [
        tf.zeros_like(tf.convert_to_tensor(variable)) if gradient is None else tf.convert_to_tensor(gradient)
        for variable, gradient in zip(variables, gradients)
    ]
