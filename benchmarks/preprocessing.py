"""What a preparation costs: from JPEG files of 256 pixels to shards of 64, against plain loops over the same files.

    python benchmarks/preprocessing.py --images 2000
    python benchmarks/preprocessing.py --images 50000 --workers 2     # two processes against one core; takes long

A loop is what one would write by hand, in one thread: read a file, decode it by the fastest decoder, cut the middle out,
scale it by the same filter, encode it, make a `tf.train.Example`, write it to one TFRecord file of the same compression. It
checks nothing, counts nothing, finds no copies, mixes nothing and cannot go on after a kill. The preparation does all of that.
The decoder is the fastest that is installed: simplejpeg, or else Pillow. "Scaled" loops let it skip detail, down to two pixels
for each one needed, as `decoding="scaled"` does. For the scale of things there is also a loop that decodes to 64 pixels or more
and keeps nothing.

Loops and preparations take turns, so that all see the same machine. Times are processor seconds of this process with all its
threads: on a machine that does other work besides, wall time says nothing. With `--workers` it is wall time, of one core (this
process is confined to it) against that many processes on as many cores: that needs a machine with nothing else to do.
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
    """JPEG files, about as large as photographs of their size: smooth shapes and some grain."""
    rng = np.random.default_rng(0)
    for index in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, [12, 12, 3], np.uint8)).resize((SOURCE_SIZE,) * 2, 3)
        pixels = np.asarray(coarse, np.int16) + rng.normal(0, 6, [SOURCE_SIZE, SOURCE_SIZE, 1]).astype(np.int16)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(directory / f"{index:06d}.jpg", quality=90)


def decode(content, smallest_side):
    """A Pillow image of the whole picture, or (with `smallest_side`) of as little as has these sides."""
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
        f"Images a processor second, median of {rounds} rounds. Decoder: {simplejpeg and 'simplejpeg' or 'Pillow'}.\n"
    )
    print(f"A loop that decodes to {SIZE} pixels or more and keeps nothing: {alone:,.0f}.\n")
    print("| encoding | decoding | loop | `prepare` | of the loop | of the decoder alone |\n|---|---|---|---|---|---|")
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
    print("\n| | wall s | images/s | of one core |\n|---|---|---|---|")
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
    parser.add_argument("--rounds", type=int, default=3, help="0 leaves the loops out")
    parser.add_argument("--workers", type=int, help="also that many processes of Beam's DirectRunner, by wall time")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        photographs = Path(directory, "photographs")
        photographs.mkdir()
        write_photographs(photographs, args.images)
        size_bytes = statistics.mean(path.stat().st_size for path in photographs.iterdir())
        print(f"{args.images:,} files of {size_bytes / 1024:.0f} KiB or so")
        if args.rounds:
            measure_in_turns(photographs, Path(directory), args.rounds)
        if args.workers:
            measure_workers(photographs, Path(directory, "prepared"), args.workers)


if __name__ == "__main__":
    main()
