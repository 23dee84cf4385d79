"""`recipe.json`: everything that a run was started with, resolved, and what differs when it is resumed."""

import dataclasses
import json
import re
from pathlib import Path

import keras

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.foundation.small_files import read_json, reading
from tfgan_suite.foundation.versions import library_versions
from tfgan_suite.models.catalogue import imported_modules
from tfgan_suite.specs.example_spec import ExampleSpec, spec_to_config

FILE_NAME = "recipe.json"
_FORMAT_VERSION = 1
# What two recipes are compared by; the rest is for people.
_COMPARED = ("model", "compile", "data", "training")
# Where a class is defined says nothing of what it does, and these two do not change what is computed.
_NOT_COMPARED = {"module", "registered_name", "build_config", "steps_per_execution", "run_eagerly"}
# Stands for what is not there.
_ABSENT = object()


def describe_run(config, info, model, recipe, ticks, initialization=None):
    """All that a run is made of, as JSON values.

    Args:
        config: The run's `TrainConfig`.
        info: The `DatasetInfo` of its data.
        model: Its model, compiled and not yet trained.
        recipe: Its `Recipe`.
        ticks: List of `Tick`.
        initialization: Dict. What a new run takes over from another model, see `runs.initialization`; or `None`.

    Returns:
        A dict: `model` with all constructor arguments, `compile` with all that was chosen there, `preset` and its contents,
        `training` with seed and phases, `data` with its fingerprint, `imports`, and `versions`.
    """
    phases = list(dict.fromkeys(tick.phase for tick in ticks))
    preset = recipe.model_class.presets[recipe.preset] if recipe.preset else {}
    content = {
        "format_version": _FORMAT_VERSION,
        "model": {
            "class": recipe.model_class.__qualname__,
            "module": recipe.model_class.__module__,
            "arguments": recipe.arguments,
        },
        # The names of the classes are the data's, and frozen layers are named in `initialization`.
        "compile": {
            name: value
            for name, value in model.get_compile_config().items()
            if name not in ("class_names", "frozen", "depicts")
        },
        "preset": {"name": recipe.preset, "config": preset.get("config"), "training": preset.get("training")},
        "training": {
            "seed": config.seed,
            "horizontal_flip": config.horizontal_flip,
            "phases": [dataclasses.asdict(phase) for phase in phases],
        },
        "ticks": {"count": len(ticks), "steps": ticks[0].steps},
        "data": {"name": info.name, "fingerprint": info.fingerprint},
        "initialization": initialization,
        "imports": imported_modules(),
        "versions": library_versions(),
    }
    return json.loads(json.dumps(content, default=_plain))


def _plain(value):
    """JSON values of an object, the same in every process."""
    if isinstance(value, ExampleSpec):
        return spec_to_config(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    try:
        return keras.saving.serialize_keras_object(value)
    except (TypeError, ValueError, AttributeError):
        return type(value).__qualname__  # Its address would be another one each time.


def read_recipe(run_dir):
    """The content of a run's `recipe.json`; `None` for a run of version 0.1, which wrote none.

    Args:
        run_dir: String or path. The run's directory.

    Raises:
        UserError: The file is damaged, or of a later version.
    """
    path = Path(run_dir) / FILE_NAME
    if not path.is_file():
        return None
    what, advice = "the recipe of a run", "It is damaged: remove it to resume the run without its checks."
    content = read_json(path, what, advice)
    with reading(path, what, advice):
        version = content["format_version"]
        if version != _FORMAT_VERSION:
            raise UserError(
                f"{path} has format version {version}; this version of tfgan-suite reads {_FORMAT_VERSION}."
            )
        if not _is_whole(content):
            raise TypeError("entries are missing or of other types")
    return content


def _is_whole(content):
    """Whether all is there that the rest of this module and the imports of a run rely on."""
    parts = [content.get(name) for name in (*_COMPARED, "versions")]
    lists = [content.get("imports"), content.get("resumed_with", [])]
    if not all(isinstance(part, dict) for part in parts) or not all(isinstance(one, list) for one in lists):
        return False
    phases = content["training"].get("phases")
    whole_phases = isinstance(phases, list) and all(isinstance(one, dict) and "end_image" in one for one in phases)
    return bool(phases) and whole_phases and all(isinstance(module, str) for module in content["imports"])


def write_recipe(run_dir, content, earlier=None):
    """Writes a `recipe.json`.

    Args:
        run_dir: Path. The run's directory.
        content: What `describe_run` returned.
        earlier: What `read_recipe` returned, for a run that is resumed: the versions that it was started with are kept,
            and others are listed in `resumed_with`.
    """
    if earlier is not None:
        resumed_with = earlier.get("resumed_with", [])
        if content["versions"] not in (earlier["versions"], *resumed_with):
            resumed_with = [*resumed_with, content["versions"]]
        content = {**content, "versions": earlier["versions"], "resumed_with": resumed_with}
    write_atomically(Path(run_dir) / FILE_NAME, json.dumps(content, indent=2, sort_keys=True) + "\n")


def recipe_differences(earlier, now):
    """What differs between two recipes and changes what is computed.

    Args:
        earlier: Dict. The recipe that a run was started with.
        now: Dict. The one that it is resumed with.

    Returns:
        A list of strings, such as `"compile.loss was Hinge, is Wasserstein"`.

    Example:

    >>> loss = {"class_name": "Hinge", "config": {}}
    >>> earlier = {"compile": {"loss": loss}, "versions": {}}
    >>> recipe_differences(earlier, {"compile": {"loss": {**loss, "class_name": "Wasserstein"}}, "versions": {}})
    ['compile.loss was Hinge, is Wasserstein']
    """
    # A later version may know more settings, which then do what was done before there were any.
    same_versions = earlier["versions"] == now["versions"]
    parts = [{name: recipe.get(name) for name in _COMPARED} for recipe in (earlier, now)]
    return [
        f"{path} was {_shown(before)}, is {_shown(after)}"
        for path, before, after in _differences(*map(_comparable, parts))
        if same_versions or _ABSENT not in (before, after)
    ]


def version_differences(earlier, now):
    """Libraries whose versions differ between two recipes, a list of strings such as `"keras 3.9.0 -> 3.10.0"`."""
    before, after = earlier["versions"], now["versions"]
    return [
        f"{name} {before.get(name, 'none')} -> {after.get(name, 'none')}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def _comparable(recipe):
    """A recipe without what may change when a run is resumed: how far it is to be trained."""
    training = dict(recipe["training"] or {})
    if "phases" in training:
        training["phases"] = [dict(phase) for phase in training["phases"]]
        training["phases"][-1].pop("end_image")
    return {**recipe, "training": training}


def _differences(before, after, path=""):
    """Tuples of path, value before and value after, of all that differs."""
    if isinstance(before, dict) and isinstance(after, dict):
        if before.get("class_name") != after.get("class_name"):
            yield path, before.get("class_name", _ABSENT), after.get("class_name", _ABSENT)
            return
        for name in dict.fromkeys([*before, *after]):
            if name not in _NOT_COMPARED:
                below = path if name == "config" else ".".join(filter(None, [path, name]))
                one, other = (part.get(name, _ABSENT) for part in (before, after))
                if name == "name":  # Keras numbers the objects of a process: `adam_3`.
                    one, other = (
                        re.sub(r"_\d+$", "", part) if isinstance(part, str) else part for part in (one, other)
                    )
                yield from _differences(one, other, below)
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            one, other = (part[index] if index < len(part) else _ABSENT for part in (before, after))
            yield from _differences(one, other, f"{path}[{index}]")
    elif before != after:
        yield path, before, after


def _shown(value):
    if value is _ABSENT:
        return "absent"
    if isinstance(value, dict) and "class_name" in value:
        return value["class_name"]
    return value if isinstance(value, str) else json.dumps(value)
