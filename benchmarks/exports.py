"""Size, latency, and fidelity of a generator's exports: a row for each format, and one for the SavedModel itself.

    python benchmarks/exports.py                                    # the bundled digits model
    python benchmarks/exports.py --model runs/faces                 # any run, .keras file, or exported model
    python benchmarks/exports.py --untrained stylegan2              # stylegan2, biggan, or progan, 32 pixels

Latency is the median of repeated calls on one thread, in wall time and in processor time; on a busy machine, only the
latter is meaningful. Images per second of a batch are also measured in processor time. Untrained weights have the sizes
and latencies of trained ones, but a different, usually lower fidelity after rounding.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import tensorflow as tf

import tfgan_suite as tg
from tfgan_suite.exports.export_network import FORMATS, export_network, read_card
from tfgan_suite.exports.file_functions import GenerateFunction
from tfgan_suite.exports.litert_file import LiteRTFile
from tfgan_suite.exports.onnx_file import OnnxFile
from tfgan_suite.runs import run_files

UNTRAINED = {
    "stylegan2": lambda: tg.StyleGAN2(
        image_shape=(32, 32, 3), latent_size=128, w_size=128, num_mapping_layers=4, channel_base=2048
    ),
    "biggan": lambda: tg.BigGAN(image_shape=(32, 32, 3), num_classes=10, base_channels=24, latent_size=80),
    "progan": lambda: tg.ProGAN(image_shape=(32, 32, 3), latent_size=128, channel_base=1024, max_channels=128),
}


def measure(call, repeats):
    """Returns the median milliseconds of a call in wall and processor time, after two warm-up calls."""
    wall, processor = [], []
    for number in range(repeats + 2):
        started, started_processor = time.perf_counter(), time.process_time()
        call()
        if number >= 2:
            wall.append(1000 * (time.perf_counter() - started))
            processor.append(1000 * (time.process_time() - started_processor))
    return statistics.median(wall), statistics.median(processor)


def row(name, size_bytes, parity, generator, model, repeats):
    """Prints a row of the table."""
    one, sixteen = (
        {name: values.numpy() for name, values in GenerateFunction(model).draw(count, 8, "benchmark").items()}
        for count in (1, 16)
    )
    wall, processor = measure(lambda: generator(**one), repeats)
    _, of_batch = measure(lambda: generator(**sixteen), max(3, repeats // 4))
    likeness = "" if parity is None else f"{parity['psnr_decibels']:.1f} dB | {parity['max_difference']:.2g}"
    size = f"{size_bytes / 2**20:.2f} MiB"
    print(
        f"| {name} | {size} | {wall:.2f} | {processor:.2f} | {16000 / of_batch:,.0f} | {likeness or '|'} |", flush=True
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="saved_models/digits")
    parser.add_argument("--untrained", choices=UNTRAINED)
    parser.add_argument("--repeats", type=int, default=60)
    args = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model = UNTRAINED[args.untrained]() if args.untrained else run_files.load_model(args.model)
    print("| format | size | ms, wall | ms, processor | images/s, batch 16 | PSNR | maximum difference |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as directory:
        saved = tg.export_saved_model(model, Path(directory, "saved"))
        serve = tf.saved_model.load(str(saved)).signatures["serving_default"]

        def saved_model(**inputs):
            return serve(**{name: tf.constant(values) for name, values in inputs.items()})["images"].numpy()

        variables = sum(path.stat().st_size for path in Path(saved, "variables").iterdir())
        row("SavedModel, variables only", variables, None, saved_model, model, args.repeats)
        for format in FORMATS:
            path = export_network(model, Path(directory, "net"), format, minimum_psnr=0)
            generator = (OnnxFile if format == "onnx" else LiteRTFile)(path.read_bytes())
            row(format, path.stat().st_size, read_card(path)["file"]["parity"], generator, model, args.repeats)


if __name__ == "__main__":
    main()
