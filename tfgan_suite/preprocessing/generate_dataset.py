"""`generate_dataset`: any number of examples of an exported model, as a prepared data set or a zip of files."""

import os
import re
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.data.loader import read_split
from tfgan_suite.data.prepared_set import PreparedSet
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.preprocessing.beam_runner import names_dask
from tfgan_suite.preprocessing.generated_source import GeneratedSource
from tfgan_suite.preprocessing.prepare_dataset import BEAM_OPTIONS, prepare_dataset

_DATE = (1980, 1, 1, 0, 0, 0)  # The date of each file in a zip, so that equal examples give equal zips.


def generate_dataset(
    model,
    output,
    num_examples: int,
    *,
    labels="all",
    seed: int = 0,
    encoding: str | None = None,
    num_shards: int | None = None,
    beam: Mapping | None = None,
    force: bool = False,
    progress: bool = True,
    **options,
) -> DatasetInfo:
    """Generates many examples with an exported model, on any number of workers, by Beam's RunInference (except on Dask,
    whose runner loses what that gives last).

    Each example has its own seed: the same call gives the same bytes on any runner. An interrupted call is resumed by the
    same call again. At the end the examples are counted, and a number other than the one asked for is an error.

    Args:
        model: String or path. `saved_models/NAME` or `saved_models/NAME/VERSION`; all workers must see it.
        output: String or path. Directory of the data set, which `load_dataset` reads; or a name that ends with `.zip`, for
            files (of images, PNG) in a folder for each class.
        num_examples: Integer >= 1. How many.
        labels: For a model with classes: `"all"` for each class in turn, or a sequence of integers, classes that are taken
            in turn.
        seed: Integer >= 0. Seed of the set.
        encoding: String. How a data set of images stores them: `"png"` (the default), `"jpeg"`, `"webp"` or `"raw"`.
        num_shards: Integer >= 1. Shards of a data set; by default one per 64 MiB of raw examples.
        beam: Dict with `runner` and `pipeline_options`, as in `prepare_dataset`.
        force: Boolean. Whether to replace a set or zip that was generated with other settings.
        progress: Boolean. Whether to show progress on the terminal, and report what was done.
        **options: The model's sampling options, such as `truncation=0.8`; and any entry of `beam` by itself.

    Returns:
        The `DatasetInfo` of the examples, also where they were written to a zip.

    Raises:
        UserError: There is no such model, a setting does not fit it, or there is something else at `output`.

    Example:

    >>> info = generate_dataset("saved_models/digits", "data/generated_digits", 50_000)
    >>> load_dataset("data/generated_digits", batch_size=64)
    """
    output = local_path(output)
    is_zip = output.suffix.lower() == ".zip"
    if is_zip and encoding not in (None, "png"):
        raise UserError(f"`encoding` must be left out, since a zip holds PNG files. Received: encoding={encoding!r}")
    if is_zip and output.exists() and not force:
        raise UserError(f"{output} exists already. Choose another name, or replace it with force=True.")
    beam = {**(beam or {}), **{name: options.pop(name) for name in BEAM_OPTIONS if name in options}}
    run_inference = not names_dask(beam.get("runner"))
    source = GeneratedSource(model, num_examples, labels, seed, run_inference, **options)
    directory = output.with_name(f".{output.name}.parts") if is_zip else output
    info = prepare_dataset(
        source,
        directory,
        format=None if encoding is None else {"encoding": encoding},
        num_shards=num_shards,
        deduplicate=False,
        max_refused_fraction=0.0,
        beam=beam,
        force=force,
        progress=progress,
    )
    if is_zip:
        _write_zip(PreparedSet(directory, info), output)
        shutil.rmtree(directory)
    if info.num_examples != num_examples:
        units = info.spec.unit[1]
        raise RuntimeError(
            f"The set must hold {num_examples:,} {units}. Found: {info.num_examples:,}; the Beam runner lost work."
        )
    return info


def _write_zip(opened: PreparedSet, path: Path) -> None:
    """Puts the examples of a set into a zip, as files named by their number in the folder of their class."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    info, spec = opened.info, opened.info.spec
    plain = all(re.fullmatch(r"\w[\w .-]*", name) for name in info.class_names)
    folders = info.class_names if plain else [str(label) for label in range(len(info.class_names))]
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as file:  # PNG files do not shrink any more.
            for split in info.splits:
                for examples, labels, sources in read_split(opened, split):
                    for example, label, source in zip(examples, labels, sources, strict=True):
                        name = f"{source.split(' ')[0]}{spec.file_suffix}"
                        name = f"{folders[label]}/{name}" if folders else name
                        file.writestr(zipfile.ZipInfo(name, _DATE), spec.to_file(example))
        with zipfile.ZipFile(temporary) as file:
            num_files = len(set(file.namelist()))
        if num_files != info.num_examples:
            raise RuntimeError(f"The zip must hold {info.num_examples:,} files. Found: {num_files:,}")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
