"""Images per second and peak memory of every model's training step in each precision, on the machine's accelerator.

Each case runs in a separate process on random images: a few warm-up steps, then steps for `--seconds`. Peak memory is
the memory in use by TensorFlow's allocator on the device, which is not available on a CPU.

    python benchmarks/gpu.py                                  # StyleGAN2, BigGAN, ProGAN and DCGAN at 64 pixels
    python benchmarks/gpu.py --size 128 --batch-size 32 --models stylegan2 biggan
    python benchmarks/gpu.py --jit-compile                    # steps compiled with XLA
"""

import argparse
import json
import platform
import subprocess
import sys
import time

import turns

MODELS = ("stylegan2", "biggan", "progan", "dcgan")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


def make_model(name, size, width, precision):
    """Creates a model with the training setup of its paper and networks `width` times as wide as in the paper."""
    import tfgan_suite as tg

    image_shape = (size, size, 3)
    if name == "stylegan2":
        clamp = 256 if precision == "mixed_float16" else None
        base = round(16384 * width)
        return tg.StyleGAN2(image_shape=image_shape, channel_base=base, conv_clamp=clamp, dtype=precision)
    if name == "biggan":
        return tg.BigGAN(image_shape=image_shape, num_classes=10, base_channels=round(64 * width), dtype=precision)
    if name == "progan":
        widths = {"channel_base": round(8192 * width), "max_channels": round(512 * width)}
        return tg.ProGAN(image_shape=image_shape, dtype=precision, **widths)
    return tg.DCGAN(image_shape=image_shape, base_channels=round(128 * width), dtype=precision)


def measure(arguments):
    """Measures one case in this process. Prints a JSON line."""
    import tensorflow as tf

    model = make_model(arguments.models[0], arguments.size, arguments.width, arguments.precisions[0])
    model.compile(jit_compile=arguments.jit_compile)
    step = turns.fit_step(model, arguments.batch_size, model.image_shape, model.num_classes)
    for _ in range(17):  # Runs every kind of step at least once: lazy penalties are due every 4th and 16th step.
        step()
    gpus = tf.config.list_logical_devices("GPU")
    if gpus:
        tf.config.experimental.reset_memory_stats("GPU:0")
    begin, steps = time.perf_counter(), 0
    while time.perf_counter() - begin < arguments.seconds or steps % 16:
        step()
        steps += 1
    seconds = time.perf_counter() - begin
    peak_bytes = tf.config.experimental.get_memory_info("GPU:0")["peak"] if gpus else None
    physical = tf.config.list_physical_devices("GPU")
    device = tf.config.experimental.get_device_details(physical[0])["device_name"] if physical else platform.machine()
    row = {"device": device, "images_per_second": steps * arguments.batch_size / seconds, "peak_bytes": peak_bytes}
    print("RESULT " + json.dumps(row))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    parser.add_argument("--precisions", nargs="+", default=PRECISIONS, choices=PRECISIONS)
    parser.add_argument("--size", type=int, default=64, help="image size in pixels")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--width", type=float, default=1.0, help="width of the networks, relative to the papers")
    parser.add_argument("--seconds", type=float, default=20.0, help="duration of each case, after the warm-up")
    parser.add_argument("--jit-compile", action="store_true", help="compile the step with XLA")
    parser.add_argument("--one", action="store_true", help="measure a single model and precision, in this process")
    arguments = parser.parse_args()
    if arguments.one:
        measure(arguments)
        return
    shared = [
        *("--one", f"--size={arguments.size}", f"--batch-size={arguments.batch_size}", f"--width={arguments.width}"),
        *(f"--seconds={arguments.seconds}", *(["--jit-compile"] if arguments.jit_compile else [])),
    ]
    for model in arguments.models:
        for precision in arguments.precisions:
            command = [sys.executable, __file__, *shared, "--models", model, "--precisions", precision]
            run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            results = [line for line in run.stdout.splitlines() if line.startswith("RESULT ")]
            if not results:
                last = run.stdout.strip().splitlines()[-1:]
                print(f"| {model} | {precision} | failed: {' '.join(last)[:120]} | |", flush=True)
                continue
            row = json.loads(results[0].removeprefix("RESULT "))
            if (model, precision) == (arguments.models[0], arguments.precisions[0]):
                xla = ", XLA" if arguments.jit_compile else ""
                print(f"{row['device']}, {arguments.size}x{arguments.size}, batch {arguments.batch_size}{xla}\n")
                print("| model | precision | images/s | peak memory |\n| --- | --- | --- | --- |")
            peak = "not available" if row["peak_bytes"] is None else f"{row['peak_bytes'] / 2**20:,.0f} MB"
            print(f"| {model} | {precision} | {row['images_per_second']:,.1f} | {peak} |", flush=True)


if __name__ == "__main__":
    main()
