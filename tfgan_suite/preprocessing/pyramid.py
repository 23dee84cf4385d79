"""The pyramid of a prepared set: its images at half the size, a quarter and so on, each size a prepared set of its own.

    Create(shard names) -> ReduceShards -> a smaller shard for each size, of the same images in the same order

Models that grow read each size without decoding the whole images. The smaller images are averages of the stored ones.
"""

import dataclasses
import gzip
import io
import shutil
from pathlib import Path

import numpy as np

from tfgan_suite.data.dataset_info import FILE_NAME, PYRAMID_DIR_NAME, DatasetInfo, ShardInfo
from tfgan_suite.data.images import reduce_image
from tfgan_suite.data.records import encode_record, parse_records, write_tfrecords
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import file_sha256
from tfgan_suite.preprocessing.beam_import import beam
from tfgan_suite.preprocessing.beam_runner import choose_runner
from tfgan_suite.preprocessing.preparation import choose_compression, open_pipeline
from tfgan_suite.preprocessing.preparation_progress import PreparationProgress
from tfgan_suite.preprocessing.transforms import write_file
from tfgan_suite.specs.image_spec import ImageSpec


def write_pyramid(
    directory: Path, info: DatasetInfo, reporter: PreparationProgress, runner=None, pipeline_options=None
) -> None:
    """Writes what is missing of a finished set's pyramid. A size's description is written last.

    Args:
        directory: Path. Where the set lies.
        info: `DatasetInfo`. Its description.
        reporter: `PreparationProgress`. Reports what happens.
        runner: Beam runner, by name or object, as in `prepare_dataset`.
        pipeline_options: As in `prepare_dataset`.

    Raises:
        UserError: A shard is missing or damaged.
    """
    missing = [shape for shape in info.pyramid_shapes if not _is_finished(directory, info, shape)]
    if not missing:
        return
    reporter.say(f"Reducing {info.num_examples:,} images to {', '.join(f'{h} x {w}' for h, w in missing)} ...")
    info.verify(directory)
    for height, _ in missing:
        level_dir = info.pyramid_dir(directory, height)
        if level_dir.exists():
            shutil.rmtree(level_dir)  # Left by another set, or by a run that was killed.
        level_dir.mkdir(parents=True)
    shards = [shard for split in info.splits.values() for shard in split.shards]
    options, runner, _ = choose_runner(runner, pipeline_options)
    reduced = {shape: _describe(info, shape) for shape in missing}
    with open_pipeline(runner, options) as pipeline:
        _ = (
            pipeline
            | "List shards" >> beam.Create([shard.name for shard in shards], reshuffle=False)
            | "Reduce" >> ReduceShards(str(directory.resolve()), info, reduced)
        )
    for (height, _), level_info in reduced.items():
        level_dir = info.pyramid_dir(directory, height)
        splits = {
            name: dataclasses.replace(
                split, shards=tuple(_measured(level_dir, shard, level_info) for shard in split.shards)
            )
            for name, split in info.splits.items()
        }
        dataclasses.replace(level_info, splits=splits).save(level_dir)


class ReduceShards(beam.PTransform):
    """Names of a set's shards -> the same names, once their smaller versions are written.

    Args:
        directory: String. Where the set lies.
        info: `DatasetInfo`. Its description.
        reduced: Dict of height and width to the `DatasetInfo` of a size to write.
    """

    def __init__(self, directory: str, info: DatasetInfo, reduced: dict[tuple[int, int], DatasetInfo]):
        super().__init__()
        self._step = _ReduceShard(directory, info, reduced)

    def expand(self, shards):
        return shards | "Spread over workers" >> beam.Reshuffle() | beam.ParDo(self._step)


class _ReduceShard(beam.DoFn):
    def __init__(self, directory: str, info: DatasetInfo, reduced: dict[tuple[int, int], DatasetInfo]):
        self._directory = directory
        self._info = info
        self._reduced = reduced

    def process(self, shard):
        import tensorflow as tf

        stored = self._info.spec

        def read(record):
            features, sources, labels = parse_records(stored, record[tf.newaxis])
            return stored.decode({name: values[0] for name, values in features.items()}), sources[0], labels[0]

        records = {shape: [] for shape in self._reduced}
        path = str(Path(self._directory, shard))
        images = tf.data.TFRecordDataset(path, compression_type=self._info.compression).map(read)
        for pixels, source, label in images.as_numpy_iterator():
            source = source.decode("utf-8", "surrogateescape")
            label = int(label) if self._info.num_classes else None
            for shape, level_info in self._reduced.items():
                smaller = reduce_image(pixels, pixels.shape[0] // shape[0])
                records[shape].append(encode_record(level_info.spec, smaller, source, label))
        for shape, level_info in self._reduced.items():
            path = self._info.pyramid_dir(self._directory, shape[0]) / _name_at(shard, level_info)
            write_file(path, [_serialize(records[shape], level_info)], durable=True)
        yield shard


def _serialize(records: list[bytes], info: DatasetInfo) -> bytes:
    buffer = io.BytesIO()
    if info.compression:
        with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
            write_tfrecords(file, records)
    else:
        write_tfrecords(buffer, records)
    return buffer.getvalue()


def _is_finished(directory: Path, info: DatasetInfo, shape: tuple[int, int]) -> bool:
    level_dir = info.pyramid_dir(directory, shape[0])
    if not (level_dir / FILE_NAME).exists():
        return False
    try:
        level_info = DatasetInfo.load(level_dir)
        level_info.check_sizes(level_dir)
    except UserError:
        return False
    return level_info.settings.get("reduced_from") == info.fingerprint


def _describe(info: DatasetInfo, shape: tuple[int, int]) -> DatasetInfo:
    """The description of one size, its shards still the whole images'."""
    # JPEG's blocks are larger than the smallest images.
    encoding = "png" if info.spec.encoding == "jpeg" else info.spec.encoding
    spec = ImageSpec((*shape, info.image_shape[-1]), encoding, info.spec.jpeg_quality)
    return dataclasses.replace(
        info,
        spec=spec,
        compression=choose_compression(spec),
        processing={"filter": "averages", "library": f"NumPy {np.__version__}"},
        settings={**info.settings, "reduced_from": info.fingerprint},
    )


def _name_at(shard: str, info: DatasetInfo) -> str:
    return shard.removesuffix(".gz") + (".gz" if info.compression else "")


def _measured(directory: Path, shard: ShardInfo, info: DatasetInfo) -> ShardInfo:
    name = _name_at(shard.name, info)
    path = directory / name
    if not path.is_file():
        raise RuntimeError(f"The shard {path} was not written: the Beam runner lost work.")
    return ShardInfo(name, shard.num_examples, path.stat().st_size, file_sha256(path))


def remove_pyramid(directory: Path) -> None:
    """Removes the pyramid of an earlier set."""
    if (directory / PYRAMID_DIR_NAME).exists():
        shutil.rmtree(directory / PYRAMID_DIR_NAME)
