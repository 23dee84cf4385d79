"""The compiled model of a preset or of a run, and the batch that it trains on: what a check looks at."""

import dataclasses

from tfgan_suite.data.dataset_info import DatasetInfo, SplitInfo
from tfgan_suite.runs.recipe import all_presets, make_model
from tfgan_suite.runs.run_files import RunFiles
from tfgan_suite.runs.train_config import TrainConfig
from tfgan_suite.specs.condition import Condition
from tfgan_suite.specs.image_spec import ImageSpec

_DEFAULT_IMAGE_SIZE = 64


def model_of_run(run_dir, changes):
    """The model that a run's config describes, made anew, and its batch size.

    Args:
        run_dir: What `train` wrote. Its data set need not be there any more.
        changes: Fields of `TrainConfig` to replace, a dict.

    Raises:
        UserError: No run, or a config that cannot be run.
    """
    run = RunFiles.load(run_dir)
    return _make(dataclasses.replace(run.config, **changes), run.dataset_info)


def model_of_preset(preset, model_config, image_size, changes):
    """The model of a preset or a bare model name, as a data set that fits it would make it, and its batch size.

    Args:
        preset: A name.
        model_config: Constructor arguments to replace, a dict.
        image_size: Of the images, an int or `(height, width)`; `None` for the preset's own, or 64.
        changes: Fields of `TrainConfig` to replace, a dict.

    Raises:
        UserError: An unknown name, or settings that the model refuses.
    """
    config = TrainConfig(data_dir="", run_dir="", preset=preset, model=model_config, **changes)
    known = all_presets()
    of_preset = {**(known[preset].presets[preset]["config"] if preset in known else {}), **model_config}
    image_shape = tuple(of_preset.get("image_shape", (_DEFAULT_IMAGE_SIZE, _DEFAULT_IMAGE_SIZE, 3)))
    if image_size is not None:
        sides = (image_size, image_size) if isinstance(image_size, int) else image_size
        image_shape = (*sides, image_shape[-1])
    return _make(config, _data_set_of(image_shape, of_preset.get("num_classes")))


def _data_set_of(image_shape, num_classes):
    """The description of a data set with such images, evenly over the classes. There are no files to it."""
    names = tuple(map(str, range(num_classes or 0)))
    return DatasetInfo(
        name="any",
        spec=ImageSpec(image_shape),
        condition=Condition.of_classes(len(names), names),
        splits={"train": SplitInfo(num_examples=max(1, len(names)), class_counts=(1,) * len(names), shards=())},
    )


def _make(config, info):
    model, _, ticks = make_model(config, info)
    return model, ticks[-1].phase.batch_size
