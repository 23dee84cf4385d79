"""The cost of preparing images, from JPEG files of 256 pixels to shards of 64, compared to plain loops over the files.

    python benchmarks/preprocessing.py --images 2000
    python benchmarks/preprocessing.py --images 50000 --workers 2     # two processes and one core; takes a long time

A loop is what you would write by hand, in one thread: read a file, decode it with the fastest decoder, center-crop it,
resize it with the same filter, encode it, create a `tf.train.Example`, and write it to a TFRecord file with the same
compression. It does not validate, count, deduplicate, or shuffle images, and cannot be resumed. The preparation does
all of that. The decoder is the fastest one installed: simplejpeg, otherwise Pillow. "Scaled" loops allow it to skip
detail, down to two pixels for each one needed, like `decoding="scaled"`. As a baseline, there is also a loop that
decodes to 64 pixels or more and discards the result.

Loops and preparations take turns, so that all run under the same conditions. Times are processor seconds of this
process with all its threads, because wall time is meaningless on a busy machine. With `--workers`, times are wall times
of one core (to which this process is restricted), compared to the given number of processes on as many cores, which
requires an otherwise idle machine.
"""

import argparse
import io
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset

try:
    import simplejpeg
except ImportError:
    simplejpeg = None

SOURCE_SIZE, SIZE = 256, 64
ENCODINGS = {
    "raw": None,
    "png": {"format": "PNG", "optimize": True},
    "jpeg": {"format": "JPEG", "quality": 95, "subsampling": 0, "optimize": True},
}


def write_photographs(directory, count):
    """Writes JPEG files with smooth shapes and some grain, whose file size is similar to that of photographs."""
    rng = np.random.default_rng(0)
    for index in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, [12, 12, 3], np.uint8)).resize((SOURCE_SIZE,) * 2, 3)
        pixels = np.asarray(coarse, np.int16) + rng.normal(0, 6, [SOURCE_SIZE, SOURCE_SIZE, 1]).astype(np.int16)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(directory / f"{index:06d}.jpg", quality=90)


def decode(content, smallest_side):
    """Decodes to a Pillow image, of the full size or (with `smallest_side`) of the smallest size with such sides."""
    if simplejpeg is not None:
        limits = {"min_height": smallest_side, "min_width": smallest_side, "min_factor": 1} if smallest_side else {}
        return Image.fromarray(simplejpeg.decode_jpeg(content, **limits))
    image = Image.open(io.BytesIO(content))
    if smallest_side:
        image.draft("RGB", (smallest_side, smallest_side))
    return image.convert("RGB")


def decode_alone(paths):
    for path in paths:
        image = decode(path.read_bytes(), SIZE)
        np.asarray(image if image.size == (SIZE, SIZE) else image.resize((SIZE, SIZE), Image.Resampling.BOX))


def write_by_hand(paths, target, encoding, smallest_side):
    with tf.io.TFRecordWriter(str(target), "GZIP") as writer:
        for path in paths:
            image = decode(path.read_bytes(), smallest_side)
            side = min(image.size)
            left, top = (image.width - side) / 2, (image.height - side) / 2
            box = (left, top, left + side, top + side)
            image = image.resize((SIZE, SIZE), Image.Resampling.LANCZOS, box=box)
            writer.write(make_example(image, encoding, path.name).SerializeToString())


def make_example(image, encoding, name):
    buffer = io.BytesIO()
    if ENCODINGS[encoding] is not None:
        image.save(buffer, **ENCODINGS[encoding])
    encoded = buffer.getvalue() or image.tobytes()

    def of_bytes(value):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    def of_number(value):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    feature = {
        "image/encoded": of_bytes(encoded),
        "image/format": of_bytes(encoding.encode()),
        "image/height": of_number(SIZE),
        "image/width": of_number(SIZE),
        "image/channels": of_number(3),
        "image/source": of_bytes(name.encode()),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature))


def prepare(photographs, target, **settings):
    info = prepare_dataset(photographs, target, image_size=SIZE, progress=False, **settings)
    assert info.num_examples == len(os.listdir(photographs))
    shutil.rmtree(target)


def measure_in_turns(photographs, directory, rounds):
    paths = sorted(photographs.iterdir())
    jobs = {("loop", "decoder alone, nothing kept"): lambda: decode_alone(paths)}

    def add(encoding, decoding):
        side = {"exact": None, "scaled": 2 * SIZE}[decoding]
        settings = {"encoding": encoding, "decoding": decoding}
        jobs["loop", encoding, decoding] = lambda: write_by_hand(paths, directory / "loop", encoding, side)
        jobs["prepare", encoding, decoding] = lambda: prepare(photographs, directory / "prepared", **settings)

    for encoding in ENCODINGS:
        for decoding in ("exact", "scaled"):
            add(encoding, decoding)
    rates = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            started = time.process_time()
            job()
            rates[name].append(len(paths) / (time.process_time() - started))
    alone = statistics.median(rates.pop(("loop", "decoder alone, nothing kept")))
    print(
        f"Images per processor second, median of {rounds} rounds. Decoder: {simplejpeg and 'simplejpeg' or 'Pillow'}.\n"
    )
    print(f"A loop that decodes to {SIZE} pixels or more and discards the result: {alone:,.0f}.\n")
    print("| encoding | decoding | loop | `prepare` | vs. loop | vs. decoder only |\n|---|---|---|---|---|---|")
    for kind, encoding, decoding in rates:
        if kind == "loop":
            loop, ours = (rates[which, encoding, decoding] for which in ("loop", "prepare"))
            share = statistics.median(one / other for one, other in zip(ours, loop, strict=True))
            loop, ours = statistics.median(loop), statistics.median(ours)
            print(f"| {encoding} | {decoding} | {loop:,.0f} | {ours:,.0f} | {share:.0%} | {ours / alone:.0%} |")


def measure_workers(photographs, target, workers):
    cores = sorted(os.sched_getaffinity(0))
    flags = ["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
    ways = {
        "one core, in process": (cores[:1], {}),
        f"{workers} cores, in process, threads": (cores[:workers], {}),
        f"{workers} cores, {workers} processes": (
            cores[:workers],
            {"runner": "DirectRunner", "pipeline_options": flags},
        ),
    }
    count, first = len(os.listdir(photographs)), None
    print("\n| | wall s | images/s | vs. one core |\n|---|---|---|---|")
    for name, (allowed, settings) in ways.items():
        os.sched_setaffinity(0, allowed)
        started = time.perf_counter()
        prepare(photographs, target, **settings)
        seconds = time.perf_counter() - started
        first = first or seconds
        print(f"| {name} | {seconds:.1f} | {count / seconds:,.0f} | {first / seconds:.2f} |", flush=True)
    os.sched_setaffinity(0, cores)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds; 0 skips the loops")
    parser.add_argument(
        "--workers", type=int, help="also measure this many processes of Beam's DirectRunner, in wall time"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        photographs = Path(directory, "photographs")
        photographs.mkdir()
        write_photographs(photographs, args.images)
        size_bytes = statistics.mean(path.stat().st_size for path in photographs.iterdir())
        print(f"{args.images:,} files of about {size_bytes / 1024:.0f} KiB")
        if args.rounds:
            measure_in_turns(photographs, Path(directory), args.rounds)
        if args.workers:
            measure_workers(photographs, Path(directory, "prepared"), args.workers)


if __name__ == "__main__":
    main()
