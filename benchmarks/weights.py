"""Whether two versions of the code train to the same weights, to the bit.

Trains a tiny form of every model for 25 steps, with everything that a step can have (penalties of both kinds, lazy or not,
adaptive augmentation, several discriminator updates, microbatches, two replicas, reduced precision), and writes all
weights and the optimizers' state to a file. Run it with two checkouts on one machine, then compare:

    PYTHONPATH=before python benchmarks/weights.py record before.npz
    PYTHONPATH=after python benchmarks/weights.py record after.npz
    python benchmarks/weights.py compare before.npz after.npz

It names what users name only, so that it runs with any version of the suite.
"""

import argparse
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np

STEPS = 25
DCGAN = {"image_shape": (16, 16, 3), "base_channels": 4, "latent_size": 8, "seed": 3}
BIGGAN = {
    "image_shape": (32, 32, 3),
    "base_channels": 2,
    "shared_size": 4,
    "latent_size": 20,
    "num_classes": 3,
    "seed": 3,
}
PROGAN = {"image_shape": (8, 8, 3), "latent_size": 6, "channel_base": 32, "max_channels": 8, "seed": 3}
TEXTURE = {"image_shape": (16, 16, 3), "latent_channels": 4, "channel_base": 32, "max_channels": 8, "seed": 3}
STYLEGAN2 = {
    **{"image_shape": (16, 16, 3), "latent_size": 12, "w_size": 10, "num_mapping_layers": 2, "seed": 3},
    **{"channel_base": 128, "max_channels": 8},
}


def everything(tg):
    """Choices for `compile` that use every part of the step."""
    return {
        "loss": tg.losses.Relativistic(),
        "discriminator_penalties": [
            tg.penalties.R1(1.0, interval=2),
            tg.penalties.GradientPenalty(),
            tg.penalties.Drift(0.01),
        ],
        "generator_penalties": [tg.penalties.Orthogonal(1e-3, interval=3)],
        "augmentation": tg.augment.AdaptiveAugmentation(),
        "discriminator_steps": 2,
    }


def lazy_styles(tg):
    from tfgan_suite.models.stylegan2.style_mixing import StyleMixing

    return {
        "discriminator_penalties": [tg.penalties.R1(1.0, interval=2)],
        "generator_penalties": [tg.penalties.PathLength(interval=2, style_mixing=StyleMixing(0.5))],
        "augmentation": tg.augment.AdaptiveAugmentation(),
    }


def guarded(tg):
    return {
        "generator_optimizer": tg.GradientGuard(tg.Adam(1e-3), largest_ratio=2.0, warmup_updates=3),
        "discriminator_optimizer": tg.GradientGuard(tg.Adam(1e-3), largest_ratio=2.0, warmup_updates=3),
    }


def in_a_fade(gan):
    from tfgan_suite.models.progan.progan_schedule import ProGANPhase

    size = gan.image_shape[0]
    times = {"first_image": 0, "end_image": 300, "batch_size": 8}
    gan.begin_phase(ProGANPhase(level=0, size=size, fades=True, learning_rate=0.001, **times))


def own_networks(tg, **arguments):
    import keras

    latents, labels = keras.Input([6]), keras.Input([], dtype="int32")
    hidden = keras.layers.Concatenate()([latents, keras.layers.Embedding(3, 4)(labels)])
    images = keras.layers.Reshape([4, 4, 1])(keras.layers.Dense(16, "tanh")(keras.layers.Dense(12, "relu")(hidden)))
    generator = keras.Model([latents, labels], images)
    inputs = keras.Input([4, 4, 1])
    hidden = keras.layers.Concatenate()([keras.layers.Flatten()(inputs), keras.layers.Embedding(3, 4)(labels)])
    discriminator = keras.Model([inputs, labels], keras.layers.Dense(1)(keras.layers.Dense(12, "relu")(hidden)))
    return tg.GAN(generator, discriminator, image_shape=(4, 4, 1), latent_size=6, num_classes=3, seed=3, **arguments)


# name: (model, constructor arguments, function to the arguments of compile, number of replicas, what begins a phase)
CASES = {
    "gan": ("own", {}, lambda tg: {}, 1, None),
    "gan_everything": ("own", {}, everything, 1, None),
    "gan_everything_replicas": ("own", {}, everything, 2, None),
    "gan_guarded": ("own", {}, guarded, 1, None),
    "dcgan": ("DCGAN", DCGAN, lambda tg: {}, 1, None),
    "dcgan_classes_everything": ("DCGAN", {**DCGAN, "num_classes": 3}, everything, 1, None),
    "dcgan_microbatches": ("DCGAN", DCGAN, lambda tg: {**everything(tg), "microbatch_size": 2}, 1, None),
    "dcgan_replicas_microbatches": ("DCGAN", DCGAN, lambda tg: {**everything(tg), "microbatch_size": 2}, 2, None),
    "dcgan_reuse_microbatches": ("DCGAN", DCGAN, lambda tg: {"microbatch_size": 4}, 1, None),
    "dcgan_bfloat16": ("DCGAN", {**DCGAN, "dtype": "mixed_bfloat16"}, everything, 1, None),
    "dcgan_float16": ("DCGAN", {**DCGAN, "dtype": "mixed_float16"}, lambda tg: {}, 1, None),
    "biggan": ("BigGAN", BIGGAN, lambda tg: {}, 1, None),
    "biggan_replicas": ("BigGAN", BIGGAN, lambda tg: {}, 2, None),
    "biggan_deep": ("BigGAN", {**BIGGAN, "variant": "deep", "latent_size": 8}, lambda tg: {}, 1, None),
    "progan": ("ProGAN", PROGAN, lambda tg: {}, 1, in_a_fade),
    "progan_classes_replicas": ("ProGAN", {**PROGAN, "num_classes": 3}, lambda tg: {}, 2, in_a_fade),
    "texture_progan": ("TextureProGAN", TEXTURE, lambda tg: {}, 1, in_a_fade),
    "stylegan2": ("StyleGAN2", STYLEGAN2, lambda tg: {}, 1, None),
    "stylegan2_classes_microbatches": (
        *("StyleGAN2", {**STYLEGAN2, "num_classes": 3}),
        *(lambda tg: {**lazy_styles(tg), "microbatch_size": 4}, 1, None),
    ),
    "stylegan2_replicas": ("StyleGAN2", STYLEGAN2, lazy_styles, 2, None),
    "stylegan2_bfloat16": ("StyleGAN2", {**STYLEGAN2, "dtype": "mixed_bfloat16"}, lazy_styles, 1, None),
}


def train(name, strategies):
    """Trains a case; returns a dict of names to arrays."""
    import keras
    import tensorflow as tf

    import tfgan_suite as tg

    model, arguments, choices, replicas, begin = CASES[name]
    keras.utils.set_random_seed(0)  # Of the layers that a user brings.
    with strategies[replicas].scope():
        gan = own_networks(tg, **arguments) if model == "own" else getattr(tg, model)(**arguments)
        gan.compile(**choices(tg))
    if begin is not None:
        begin(gan)
    generator = np.random.default_rng(0)
    images = generator.uniform(-1, 1, [16 * STEPS, *gan.image_shape]).astype("float32")
    labels = generator.integers(0, gan.num_classes or 1, 16 * STEPS).astype("int32")
    data = tf.data.Dataset.from_tensor_slices(images if gan.num_classes is None else (images, labels))
    history = gan.fit(data.batch(16, drop_remainder=True), verbose=0)
    parts = {part: getattr(gan, part).variables for part in ("generator", "discriminator", "ema_generator")}
    parts |= {part: getattr(gan, part).variables for part in ("generator_optimizer", "discriminator_optimizer")}
    arrays = {f"{name}/{part}/{i}": np.asarray(v) for part, vs in parts.items() for i, v in enumerate(vs)}
    arrays[f"{name}/images"] = gan.generate(4, seed=1)
    return arrays | {f"{name}/logs/{key}": np.asarray(value) for key, value in history.history.items()}


def record(path, names):
    import tensorflow as tf

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )
    strategies = {1: tf.distribute.get_strategy(), 2: tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])}
    arrays = {}
    for name in names or CASES:
        start = time.monotonic()
        arrays |= train(name, strategies)
        print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)
    np.savez(
        path, **{key: value if value.dtype.kind != "V" else value.view(np.uint16) for key, value in arrays.items()}
    )


def compare(first, second):
    """Prints a line for each case; returns how many differ."""
    with np.load(first) as first, np.load(second) as second:
        # What is logged may be renamed; weights, optimizers and images may not.
        compared = [key for key in first.files if "/logs/" not in key]
        different = {}
        for key in compared:
            case = key.split("/")[0]
            different.setdefault(case, [])
            if key not in second.files or first[key].tobytes() != second[key].tobytes():
                different[case].append(key)
    for case, keys in different.items():
        count = sum(key.split("/")[0] == case for key in compared)
        print(f"{case}: {f'{len(keys)} of {count} differ, such as {keys[0]}' if keys else f'all {count} arrays equal'}")
    return sum(bool(keys) for keys in different.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record")
    recording.add_argument("file")
    recording.add_argument("cases", nargs="*", help="by default all")
    comparing = commands.add_parser("compare")
    comparing.add_argument("first")
    comparing.add_argument("second")
    arguments = parser.parse_args()
    if arguments.command == "record":
        record(arguments.file, arguments.cases)
    else:
        sys.exit(min(1, compare(arguments.first, arguments.second)))


if __name__ == "__main__":
    main()
