"""The module for TFX's Trainer: checks that the examples are the prepared images, trains a model, and exports it."""

import hashlib
import shutil
from pathlib import Path

import tensorflow as tf

from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.release.ledger import fingerprint
from tfgan_suite.runs import run_files
from tfgan_suite.runs.train import train
from tfgan_suite.runs.train_config import TrainConfig


def run_fn(fn_args):
    """Trains and exports a model. Called by Trainer.

    Training reads the shards of PrepareImages, whose order is fixed, unlike that of the examples. The same
    configuration therefore yields the same model here and in the plain pipeline. An interrupted run is resumed.

    Args:
        fn_args: A `tfx.v1.components.FnArgs` with `train_files`, the validated examples; `hyperparameters`, with
            `data_dir`; and `custom_config`, with `name`, `train` (fields of `TrainConfig`), `unfinished_dir`, and
            `versions`.

    Raises:
        UserError: If the examples differ from the prepared images.
    """
    settings = fn_args.custom_config
    data_dir = fn_args.hyperparameters["data_dir"]
    info = DatasetInfo.load(data_dir)
    shards = [str(Path(data_dir, shard.name)) for shard in info.split("train").shards]
    if digest_of_records(fn_args.train_files) != digest_of_records(shards):
        raise UserError(f"The examples are not the images in {data_dir}. They must be the same records, in any order.")
    unfinished = Path(
        settings["unfinished_dir"], fingerprint([info.fingerprint, settings["train"], settings["versions"]])
    )
    run_dir = unfinished / "run"
    train(TrainConfig(data_dir=data_dir, run_dir=str(run_dir), **{**settings["train"], "score_every_ticks": -1}))
    exported = run_files.export_run(run_dir, unfinished / settings["name"] / "1", overwrite=True)
    _move(exported, Path(fn_args.serving_model_dir))
    _move(run_dir, Path(fn_args.model_run_dir))
    shutil.rmtree(unfinished)


def digest_of_records(patterns):
    """Computes a digest of TFRecord files that does not depend on the order of the Examples.

    Nor does it depend on the order of the features in an Example, because ExampleGen parses and rewrites Examples, and
    newer versions of protobuf write the entries of a map in an order of their own.

    Args:
        patterns: List of strings. Patterns of file names.

    Returns:
        Tuple of the number of Examples and the sum of their SHA-256 hashes.
    """
    count, total = 0, 0
    for path in sorted(tf.io.gfile.glob(patterns)):
        compression = "GZIP" if path.endswith(".gz") else ""
        for record in tf.data.TFRecordDataset(path, compression).as_numpy_iterator():
            count += 1
            example = tf.train.Example.FromString(record).SerializeToString(deterministic=True)
            total += int.from_bytes(hashlib.sha256(example).digest(), "big")
    return count, total % 2**256


def _move(source, target):
    """Moves the contents of a directory to another one."""
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        shutil.move(path, target)
