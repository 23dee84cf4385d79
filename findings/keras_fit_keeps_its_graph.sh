#!/usr/bin/env bash
# Packages: keras 3 on its TensorFlow backend, tensorflow; the versions are pinned below.
#
# Valid input: small Keras models, each made, compiled, fitted once and let go; then `keras.backend.clear_session()` and
# `gc.collect()`.
#
# One would guess: once nothing refers to a model any more, the graph of its training step is freed with it, as the model
# itself is and as the graph of the same step is in a training loop of one's own.
#
# What happens: the model is freed, the traced graph of its `train_step` is not, nor do `clear_session` and `gc.collect` free
# it: one stays for each model that was ever fitted. Keras's optimizer sums gradients over replicas by
# `ReplicaContext.all_reduce`, also where there is one replica. That is a `tf.custom_gradient`, and a custom gradient that is
# called in a graph is registered under a name of its own in a table that only grows, with a closure that holds the gradients
# and by them the graph. A process that trains many models, as a search for hyperparameters does, grows with each.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tensorflow==2.21.0 keras==3.15.1

cat > "$folder/finding.py" <<'PYTHON'
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import gc
import weakref

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework import ops
from tensorflow.python.framework.func_graph import FuncGraph

X, Y = np.zeros([4, 3], "float32"), np.zeros([4, 2], "float32")


def make_model():
    return keras.Sequential([keras.Input([3]), keras.layers.Dense(2)])


def by_fit():
    model = make_model()
    model.compile(optimizer="sgd", loss="mse")
    model.fit(X, Y, verbose=0)
    return weakref.ref(model)


def by_own_loop():
    model = make_model()

    @tf.function
    def one_step_on_data():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(X) - Y) ** 2)
        variables = model.trainable_variables
        for variable, gradient in zip(variables, tape.gradient(loss, variables)):
            variable.assign(variable - 0.01 * gradient)

    one_step_on_data()
    return weakref.ref(model)


def left_over(train, count=5):
    """How many of `count` models, and of the graphs of their steps, are in memory when all are let go."""

    def graphs():
        gc.collect()
        return sum(isinstance(one, FuncGraph) and "one_step_on_data" in one.name for one in gc.get_objects())

    before = graphs()
    models = [train() for _ in range(count)]
    keras.backend.clear_session()
    gc.collect()
    return sum(model() is not None for model in models), graphs() - before


fit, own_loop = left_over(by_fit), left_over(by_own_loop)
print("5 models by fit(): models in memory", fit[0], "graphs of their steps in memory", fit[1])
print("5 models by a loop of one's own: models in memory", own_loop[0], "graphs of their steps in memory", own_loop[1])
registered = [name for name in ops.gradient_registry._registry if name.startswith("CustomGradient-")]
print("custom gradients registered by then:", len(registered))
assert fit == (0, 5) and own_loop == (0, 0) and len(registered) == 5
PYTHON
"$folder/venv/bin/python" "$folder/finding.py"

# Output seen:
#   5 models by fit(): models in memory 0 graphs of their steps in memory 5
#   5 models by a loop of one's own: models in memory 0 graphs of their steps in memory 0
#   custom gradients registered by then: 5
