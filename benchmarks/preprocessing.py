"""What a preparation costs: from JPEG files of 256 pixels to shards of 64, against plain loops over the same files.

    python benchmarks/preprocessing.py --images 2000
    python benchmarks/preprocessing.py --images 50000 --workers 2     # adds worker processes; takes long

The loops run in one thread and write nothing but what they are said to write. The decoder is the fastest that is installed:
simplejpeg (scaled in its decoder), OpenCV (reduced by two) or Pillow (draft). All times are processor seconds, of this process and
its children: a machine that does other work besides says nothing in wall time, which is printed as well.
"""

import argparse
import functools
import io
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from tfgan_suite.preprocessing.pipeline import prepare_dataset

SOURCE_SIZE, SIZE = 256, 64


def write_photographs(directory, count):
    """JPEG files, about as large as photographs of their size: smooth shapes and some grain."""
    rng = np.random.default_rng(0)
    for index in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, [12, 12, 3], np.uint8)).resize((SOURCE_SIZE,) * 2, 3)
        pixels = np.asarray(coarse, np.int16) + rng.normal(0, 6, [SOURCE_SIZE, SOURCE_SIZE, 1]).astype(np.int16)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(directory / f"{index:06d}.jpg", quality=90)


def fastest_decoder():
    """Name, and function of a file's bytes to uint8 `[64, 64, 3]`."""
    try:
        import cv2
        import simplejpeg

        def decode(content):
            pixels = simplejpeg.decode_jpeg(content, min_height=SIZE, min_width=SIZE, min_factor=1)
            return cv2.resize(pixels, (SIZE, SIZE), interpolation=cv2.INTER_AREA)

        return "simplejpeg and OpenCV", decode
    except ImportError:

        def decode(content):
            image = Image.open(io.BytesIO(content))
            image.draft("RGB", (SIZE, SIZE))
            return np.asarray(image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BOX))

        return "Pillow, draft", decode


def decode_exactly(content):
    """The whole picture by Pillow, then Lanczos: the pixels that a preparation writes."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.LANCZOS))


def png_bytes(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def processor_seconds():
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def measure(name, count, work):
    started, processor = time.perf_counter(), processor_seconds()
    work()
    wall, processor = time.perf_counter() - started, processor_seconds() - processor
    print(f"| {name} | {count / processor:,.0f} | {processor:.1f} | {wall:.1f} |", flush=True)
    return count / processor


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--workers", type=int, help="also that many worker processes of Beam's DirectRunner")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        photographs = Path(directory, "photographs")
        photographs.mkdir()
        write_photographs(photographs, args.images)
        paths = sorted(photographs.iterdir())
        print(f"{args.images:,} files of {paths[0].stat().st_size / 1024:.0f} KiB or so")
        print("| | images per processor second | processor s | wall s |\n|---|---|---|---|")
        name, decode = fastest_decoder()

        def loop(decode, encode=None):
            for path in paths:
                pixels = decode(path.read_bytes())
                if encode is not None:
                    encode(pixels)

        def prepare(name, **settings):
            prepare_dataset(photographs, Path(directory, name), image_size=SIZE, progress=False, **settings)

        fastest = measure(f"loop: {name}", args.images, lambda: loop(decode))
        exact = measure("loop: whole picture, Lanczos", args.images, lambda: loop(decode_exactly))
        measure("loop: whole picture, Lanczos, PNG", args.images, lambda: loop(decode_exactly, png_bytes))
        for encoding in ("raw", "png", "jpeg"):
            rate = measure(f"prepare, {encoding}", args.images, functools.partial(prepare, encoding, encoding=encoding))
            print(f"  {rate / fastest:.0%} of the fastest decoder, {rate / exact:.0%} of the same pixels by a loop")
        if args.workers:
            flags = ["--direct_running_mode=multi_processing", f"--direct_num_workers={args.workers}"]
            options = {"runner": "DirectRunner", "pipeline_options": flags}
            measure(f"prepare, png, {args.workers} processes", args.images, lambda: prepare("many", **options))


if __name__ == "__main__":
    main()
