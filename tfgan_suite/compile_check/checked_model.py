"""Creates the compiled model of a preset or a run, with its batch size, for a compile check."""

import dataclasses
import inspect

from tfgan_suite.data.dataset_info import DatasetInfo, SplitInfo
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.models.catalogue import all_presets, model_class, model_names
from tfgan_suite.runs.recipe import make_model
from tfgan_suite.runs.run_files import RunFiles
from tfgan_suite.runs.train_config import TrainConfig
from tfgan_suite.specs.condition import Condition
from tfgan_suite.specs.image_spec import ImageSpec

_DEFAULT_IMAGE_SIZE = 64


def model_of_run(run_dir, changes):
    """Creates a new model from the configuration of a run.

    Args:
        run_dir: String or path of a directory written by `train`. The dataset need not exist any longer.
        changes: Dict. Fields of `TrainConfig` to replace.

    Returns:
        Tuple `(model, batch_size)`.

    Raises:
        UserError: If there is no run, or its configuration is invalid.
    """
    run = RunFiles.load(run_dir)
    return _make(dataclasses.replace(run.config, **changes), run.dataset_info)


def model_of_preset(preset, model_config, image_size, changes):
    """Creates the model of a preset, or of a plain model name, as training on a matching dataset would.

    Args:
        preset: String. Name of a preset or a model.
        model_config: Dict. Constructor arguments to replace.
        image_size: Integer, tuple `(height, width)`, or `None`. Size of the images. `None` is the size of the preset,
            or 64 if it has none; it must be for models of other kinds.
        changes: Dict. Fields of `TrainConfig` to replace.

    Returns:
        Tuple `(model, batch_size)`.

    Raises:
        UserError: If the name is unknown, or the model refuses the settings.
    """
    config = TrainConfig(data_dir="", run_dir="", preset=preset, model=model_config, **changes)
    known = all_presets()
    of_preset = {**(known[preset].presets[preset]["config"] if preset in known else {}), **model_config}
    cls = known[preset] if preset in known else model_class(preset) if preset in model_names() else None
    if cls is not None and "image_shape" not in inspect.signature(cls).parameters:
        # A model of another kind, whose constructor knows what its examples are.
        if image_size is not None:
            raise UserError(f"`image_size` must be None for {cls.__name__}, which takes no `image_shape`.")
        return _make(config, _data_set_of(cls(**of_preset).spec, of_preset.get("num_classes")))
    image_shape = tuple(of_preset.get("image_shape", (_DEFAULT_IMAGE_SIZE, _DEFAULT_IMAGE_SIZE, 3)))
    if image_size is not None:
        sides = (image_size, image_size) if isinstance(image_size, int) else image_size
        image_shape = (*sides, image_shape[-1])
    return _make(
        config, _data_set_of(ImageSpec(image_shape, levels=of_preset.get("levels", 256)), of_preset.get("num_classes"))
    )


def _data_set_of(spec, num_classes):
    """Describes a dataset with such examples, evenly distributed over the classes. It has no files."""
    names = tuple(map(str, range(num_classes or 0)))
    return DatasetInfo(
        name="any",
        spec=spec,
        condition=Condition.of_classes(len(names), names),
        splits={"train": SplitInfo(num_examples=max(1, len(names)), class_counts=(1,) * len(names), shards=())},
    )


def _make(config, info):
    model, _, ticks = make_model(config, info)
    return model, ticks[-1].phase.batch_size
