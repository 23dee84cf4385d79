"""`generate_dataset`: any number of images of an exported model, as a prepared data set or a zip of PNG files."""

import os
import re
import shutil
import zipfile
from pathlib import Path

import tensorflow as tf

from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.data.records import parse_records
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.preprocessing.generated_source import GeneratedSource
from tfgan_suite.preprocessing.preparation import names_dask
from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset

_DATE = (1980, 1, 1, 0, 0, 0)  # Of each file in a zip, so that equal images give equal zips.


def generate_dataset(
    model,
    output,
    num_images: int,
    *,
    labels="all",
    truncation: float = 1.0,
    seed: int = 0,
    encoding: str = "png",
    num_shards: int | None = None,
    runner=None,
    pipeline_options=None,
    force: bool = False,
    progress: bool = True,
) -> DatasetInfo:
    """Generates many images with an exported model, on any number of workers, by Beam's RunInference (but for Dask,
    whose runner loses what that gives last).

    Each image has a seed of its own: the same call gives the same bytes on any runner. It may be killed and repeated: what
    is finished is kept. At the end the images are counted, and a number that is not the one asked for is an error.

    Args:
        model: `saved_models/NAME` or `saved_models/NAME/VERSION`; all workers must see it.
        output: Directory of the data set, which `load_dataset` reads; or a name that ends with `.zip`, for PNG files in
            a folder for each class.
        num_images: How many, >= 1.
        labels: For a model with classes: `"all"` for each class in turn, or a sequence of classes that are taken in turn.
        truncation: In [0, 1]; 1 is the whole variety.
        seed: Of the set.
        encoding: Of a data set's images: `"png"`, `"jpeg"`, `"webp"` or `"raw"`.
        num_shards: Of a data set; by default one per 64 MiB of raw pixels.
        runner: Beam runner, by name or object; by default a fast one within this process.
        pipeline_options: `PipelineOptions` or a list of `"--flag=value"`, passed to Beam.
        force: Replace a set or zip that was generated otherwise.
        progress: Show progress on the terminal, and say what was done.

    Returns:
        The `DatasetInfo` of the images, also where they were written to a zip.

    Raises:
        UserError: There is no such model, a setting does not fit it, or there is something else at `output`.

    Example:

    >>> info = generate_dataset("saved_models/digits", "data/generated_digits", 50_000)
    >>> load_dataset("data/generated_digits", batch_size=64)
    """
    output = Path(output)
    is_zip = output.suffix.lower() == ".zip"
    if is_zip and encoding != "png":
        raise UserError(f"A zip holds PNG files: leave the encoding out. Received: encoding={encoding!r}")
    if is_zip and output.exists() and not force:
        raise UserError(f"{output} exists already. Choose another name, or replace it with force=True.")
    source = GeneratedSource(model, num_images, labels, truncation, seed, run_inference=not names_dask(runner))
    directory = output.with_name(f".{output.name}.parts") if is_zip else output
    info = prepare_dataset(
        source,
        directory,
        encoding=encoding,
        num_shards=num_shards,
        deduplicate=False,
        max_refused_fraction=0.0,
        runner=runner,
        pipeline_options=pipeline_options,
        force=force,
        progress=progress,
    )
    if is_zip:
        _write_zip(directory, info, output)
        shutil.rmtree(directory)
    if info.num_examples != num_images:
        raise RuntimeError(
            f"Expected {num_images:,} images. There are {info.num_examples:,}: the Beam runner lost work."
        )
    return info


def _write_zip(directory: Path, info: DatasetInfo, path: Path) -> None:
    """Puts the images of a set into a zip, under the name of their class and their number."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    plain = all(re.fullmatch(r"\w[\w .-]*", name) for name in info.class_names)
    folders = info.class_names if plain else [str(label) for label in range(len(info.class_names))]
    shards = [str(directory / shard.name) for split in info.splits.values() for shard in split.shards]
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as file:  # PNG files do not shrink any more.
            for batch in tf.data.TFRecordDataset(shards, compression_type=info.compression).batch(256):
                features, sources, labels = parse_records(info.spec, batch)
                columns = (column.numpy() for column in (features["encoded"], sources, labels))
                for encoded, source, label in zip(*columns, strict=True):
                    name = f"{source.decode().split(' ')[0]}.png"
                    name = f"{folders[label]}/{name}" if folders else name
                    file.writestr(zipfile.ZipInfo(name, _DATE), encoded)
        with zipfile.ZipFile(temporary) as file:
            num_files = len(set(file.namelist()))
        if num_files != info.num_examples:
            raise RuntimeError(f"Expected {info.num_examples:,} files in the zip. There are {num_files:,}.")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
