"""Times the training steps of two libraries in turns, each in a separate process, so that conditions are the same."""

import importlib
import multiprocessing
import os
import platform
import resource
import statistics
import time


def add_arguments(parser):
    """Adds the flags that these benchmarks share."""
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--cpu-time", action="store_true", help="measure processor seconds, for a busy machine")


def compare(make_steps, arguments, steps, warm_up, title, multiples=None):
    """Prints the median times, and their ratio.

    Args:
        make_steps: Dict `{name: (library, make_step)}` with two entries, the first of which is compared to the second:
            the name of the library to import, and a function that takes `arguments` and returns a step, a function
            without arguments. The functions must be importable, because they run in other processes.
        arguments: The parsed flags. `batch_size` is the number of images per step.
        steps: Integer, or a dict of name to integer. Number of steps per turn.
        warm_up: Integer. Number of steps before the first turn.
        title: String. Description of the measurement.
        multiples: Dict of name to the number of steps that stand for one of the other's, if that is not 1.
    """
    context = multiprocessing.get_context("spawn")
    workers = {}
    for name, (library, make_step) in make_steps.items():
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(library, make_step, theirs, arguments, warm_up), daemon=True)
        process.start()
        theirs.close()
        ours.recv()
        workers[name] = (process, ours)
    seconds, megabytes = {name: [] for name in workers}, {}
    for _ in range(arguments.rounds):
        for name, (_, connection) in workers.items():
            own_steps = steps[name] if isinstance(steps, dict) else steps
            connection.send(own_steps)
            duration, megabytes[name] = connection.recv()
            seconds[name].append(duration / own_steps * (multiples or {}).get(name, 1))
    for process, connection in workers.values():
        connection.send(None)
        process.join()

    print(f"{platform.machine()}, {arguments.threads} threads, {title}")
    print(f"{'':12} {'median ms/step':>15} {'min':>8} {'max':>8} {'images/s':>9} {'peak MB':>9} {'import MB':>10}")
    for name, values in seconds.items():
        median = statistics.median(values)
        print(
            f"{name:12} {median * 1e3:15.1f} {min(values) * 1e3:8.1f} {max(values) * 1e3:8.1f} "
            f"{arguments.batch_size / median:9.1f} {megabytes[name][1]:9,.0f} {megabytes[name][0]:10,.0f}"
        )
    first, second = seconds
    ratios = [theirs / ours for ours, theirs in zip(seconds[first], seconds[second])]
    grown = [megabytes[name][1] - megabytes[name][0] for name in (first, second)]
    print(f"peak memory beyond the import, {first} to {second}: {grown[0] / grown[1]:.2f}")
    print(f"images/s, {first} to {second}: {statistics.median(ratios):.2f} (median of {len(ratios)} rounds)")


def _serve(library, make_step, connection, arguments, warm_up):
    """Runs in a worker process: runs the requested numbers of steps and sends the time and the peak memory.

    The peak memory is that after the library's import, and that so far.
    """
    importlib.import_module(library)
    import_megabytes = _peak_megabytes()
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    step = make_step(arguments)
    for _ in range(warm_up):
        step()
    connection.send("ready")
    while (steps := connection.recv()) is not None:
        begin = clock()
        for _ in range(steps):
            step()
        connection.send((clock() - begin, (import_megabytes, _peak_megabytes())))


def _peak_megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fit_step(model, batch_size, image_shape, num_classes=None):
    """Returns a training step of a compiled model on random images (and classes), using the function of `fit()`."""
    import numpy as np
    import tensorflow as tf

    draws = np.random.default_rng(0)
    data = (draws.integers(0, 256, [batch_size, *image_shape]) / 127.5 - 1.0).astype("float32")
    if num_classes:
        data = (data, draws.integers(num_classes, size=batch_size))
    options = tf.data.Options()
    options.autotune.enabled = False
    iterator = iter(tf.data.Dataset.from_tensors(data).repeat().with_options(options))
    model.make_train_function()

    def step():
        logs = model.train_function(iterator)
        float(logs["loss/generator"] if "loss/generator" in logs else logs["loss"])

    return step
