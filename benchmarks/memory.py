"""Peak memory of training, predicted and measured, and the time cost of microbatches and rematerialization.

Each case runs in a separate process. The measured value is the kernel's high-water mark of resident memory (VmHWM)
after a few steps of `fit()`, minus the memory of the process after importing TensorFlow and the library, with the
default allocator.

    python benchmarks/memory.py                             # all cases
    python benchmarks/memory.py biggan_64                   # cases whose name contains this
    python benchmarks/memory.py --measure biggan_64_batch_32  # a single case, in this process
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time

_BIGGAN = {"num_classes": 10, "shared_size": 32, "initializer": "normal"}
_MODELS = {
    "biggan_32": ("BigGAN", {"image_shape": (32, 32, 3), "base_channels": 32, "latent_size": 80, **_BIGGAN}),
    "biggan_64": ("BigGAN", {"image_shape": (64, 64, 3), "base_channels": 24, "latent_size": 100, **_BIGGAN}),
    "stylegan2_64": (
        "StyleGAN2",
        {"image_shape": (64, 64, 3), "latent_size": 128, "w_size": 128, "num_mapping_layers": 2, "channel_base": 2048},
    ),
    "progan_64": (
        "ProGAN",
        {"image_shape": (64, 64, 3), "latent_size": 128, "channel_base": 1024, "max_channels": 128},
    ),
    "dcgan_64": ("DCGAN", {"image_shape": (64, 64, 3), "base_channels": 64}),
}
_ONE_STEP = {"discriminator_steps": 1}
# From names of cases to: model, batch size, constructor arguments, arguments of `compile()`.
CASES = {
    **{f"{name}_batch_{size}": (name, size, {}, {}) for name in _MODELS for size in (8, 32, 64)},
    **{
        f"{name}_batch_64_microbatch_{size}": (name, 64, {}, {"microbatch_size": size})
        for name in ("biggan_32", "biggan_64", "stylegan2_64", "progan_64", "dcgan_64")
        for size in (8, 16)
    },
    **{
        f"{name}_batch_{size}_rematerialized": (name, size, {"rematerialize": True}, {})
        for name in ("biggan_32", "biggan_64")
        for size in (8, 32, 64)
    },
    "biggan_64_batch_64_microbatch_8_rematerialized": (
        "biggan_64",
        64,
        {"rematerialize": True},
        {"microbatch_size": 8},
    ),
    "biggan_64_batch_32_bfloat16": ("biggan_64", 32, {"dtype": "mixed_bfloat16"}, {}),
    "stylegan2_64_batch_32_bfloat16": ("stylegan2_64", 32, {"dtype": "mixed_bfloat16"}, {}),
}


def status_bytes(field):
    with open("/proc/self/status", encoding="ascii") as status:
        return 1024 * int(re.search(rf"{field}:\s+(\d+) kB", status.read()).group(1))


def build(case):
    import tfgan_suite as tg

    name, batch_size, config, choices = CASES[case]
    model_class, arguments = _MODELS[name]
    model = getattr(tg, model_class)(**{**arguments, **config})
    model.compile(**choices)
    return model, batch_size


def measure(case, steps):
    """Measures the peak memory of this process, and the seconds per step."""
    import numpy as np
    import tensorflow as tf

    import tfgan_suite as tg

    for name, _ in _MODELS.values():
        getattr(tg, name)  # Modules are imported on first use.
    tf.function(tf.reduce_sum)(tf.ones([2]))
    baseline = status_bytes("VmRSS")
    model, batch_size = build(case)
    images = np.zeros([batch_size, *model.image_shape], "float32")
    data = (images, np.zeros([batch_size], "int32")) if model.num_classes else images
    dataset = tf.data.Dataset.from_tensors(data).repeat()
    seconds = []
    for _ in range(steps):
        begin = time.perf_counter()
        model.fit(dataset, steps_per_epoch=1, verbose=0, shuffle=False)
        seconds.append(time.perf_counter() - begin)
    # The first step is excluded: it includes lazy penalties, and the time for tracing.
    return {"measured": status_bytes("VmHWM") - baseline, "seconds": statistics.median(seconds[1:])}


def predict(case):
    from tfgan_suite.runs.peak_memory import estimate_memory

    model, batch_size = build(case)
    return estimate_memory(model, batch_size)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help="parts of the names of the cases to run")
    parser.add_argument("--measure", metavar="CASE", help="measure a single case, in this process")
    parser.add_argument("--predict", metavar="CASE", help="predict a single case, without running a step")
    parser.add_argument("--steps", type=int, default=4)
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if arguments.measure or arguments.predict:
        result = measure(arguments.measure, arguments.steps) if arguments.measure else predict(arguments.predict)
        print(json.dumps(result))
        return
    print(f"{'case':52} {'measured MB':>11} {'predicted MB':>12} {'ratio':>6} {'s/step':>7}")
    for case in CASES:
        if arguments.cases and not any(part in case for part in arguments.cases):
            continue
        found = {}
        for what in ("measure", "predict"):
            command = [sys.executable, __file__, f"--{what}", case, "--steps", str(arguments.steps)]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found[what] = json.loads(output.splitlines()[-1])
        measured, predicted = found["measure"]["measured"], sum(found["predict"].values())
        print(
            f"{case:52} {measured / 1e6:11,.0f} {predicted / 1e6:12,.0f} {predicted / measured:6.2f} "
            f"{found['measure']['seconds']:7.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
