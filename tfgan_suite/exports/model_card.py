"""What goes with an exported model: where it comes from, how good it is, what may be done with it."""

import dataclasses
import datetime
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from tfgan_suite.exports.model_functions import exported_abilities
from tfgan_suite.exports.training_data import describe_data
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.foundation.small_files import read_json, reading, typed
from tfgan_suite.foundation.versions import library_versions
from tfgan_suite.generative.abilities import ABILITIES
from tfgan_suite.generative.sampling_options import TRUNCATION
from tfgan_suite.metrics.protocol.results import Evaluation, EvaluationRow
from tfgan_suite.specs.condition import Condition
from tfgan_suite.specs.example_spec import spec_to_config
from tfgan_suite.specs.image_spec import ImageSpec

# Next to the warm-up requests, where TensorFlow Serving ignores what it does not know.
CARD_JSON = Path("assets.extra", "model_card.json")
CARD_MARKDOWN = Path("assets.extra", "model_card.md")
FORMAT_VERSION = 2

NOT_STATED = "not stated"
_SCORE_FIELDS = {field.name for field in dataclasses.fields(EvaluationRow)}


def build_model_card(model, *, name, version, dataset_info, scores, description, license, serving=None) -> dict:
    """Gathers the card as a dict of JSON values.

    Args:
        model: The exported `GenerativeModel`.
        name: String. The name of the exported model.
        version: Integer, its version number, or `None` for a file.
        dataset_info: The `DatasetInfo` of the training data, or `None`.
        scores: Scores with their provenance. See `plain`.
        description: String. Free text.
        license: String. The license of the weights.
        serving: Dict with `max_count`, the most examples in one request; `signatures`, as from `describe_signatures`; and
            `warmup_requests`, their number. `None` for a file that no server takes.
    """
    abilities = {
        ability.__name__: {name: getattr(model, name) for name in ability.attributes}
        for ability in exported_abilities(model)
    }
    return {
        "format_version": FORMAT_VERSION,
        "name": name,
        "version": version,
        "created": _source_date(),
        "description": description,
        "license": license or NOT_STATED,
        "model": {
            "class": type(model).__name__,
            **_describe_examples(model.spec),
            "condition": plain(model.condition),
            "abilities": plain(abilities),
            "sampling_options": plain(model.sampling_options),
            "parameters": _count_parameters(model),
        },
        "training": {
            "examples_seen": _counter(model.examples_seen),
            "steps": _counter(model.steps),
            "seed": model.seed,
        },
        "data": plain(describe_data(dataset_info, NOT_STATED)),
        "scores": plain(scores),
        **({} if serving is None else {"serving": serving}),
        "versions": library_versions(),
    }


def _source_date() -> str | None:
    """The time in the environment's `SOURCE_DATE_EPOCH`; none of the clock, so that exports of equal weights are equal."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    if not seconds:
        return None
    try:
        return datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc).isoformat()
    except (ValueError, OverflowError, OSError) as error:
        raise UserError(
            f"The environment variable SOURCE_DATE_EPOCH must be seconds since 1970. Received: {seconds!r}"
        ) from error


def _describe_examples(spec):
    # The words stand next to the configuration, since a card is also shown where the kind's code is missing.
    return {"example": plain(spec_to_config(spec)), "example_in_words": spec.describe(), "unit": list(spec.unit)}


def _count_parameters(model):
    """Parameters by network; of an averaged network those of the average, which is what an export holds."""
    networks = {f"ema_{name}": average for name, average in model.averages.items()}
    networks |= {name: network for name, network in model.networks.items() if name not in model.averages}
    return {name: int(network.count_params()) for name, network in networks.items()}


def read_model_card(version_directory) -> dict:
    """Reads the card of an exported model, in the form of the newest version.

    Args:
        version_directory: Path. `saved_models/NAME/VERSION`.

    Raises:
        UserError: There is none, it is damaged, or a later version of the suite has written it.
    """
    return read_card_file(Path(version_directory, CARD_JSON))


def read_card_file(path) -> dict:
    """Reads the JSON file of a card, as `read_model_card` does.

    Args:
        path: Path of the file.
    """
    what, advice = "a model card", "Export the model again."
    card = read_json(path, what, advice)
    with reading(path, what, advice):
        card = upgraded_card(card)
        for name, kind in {"model": dict, "training": dict, "description": str, "license": str}.items():
            typed(kind, card[name], name)
        typed(dict | None, card["data"], "data")
        return card


def upgraded_card(card: dict) -> dict:
    """A card of any version in the form of the newest.

    Args:
        card: Dict. The content of a card's JSON file.

    Raises:
        UserError: A later version of the suite has written it.
    """
    version = card["format_version"]
    if version > FORMAT_VERSION:
        raise UserError(
            f"`format_version` of a model card must be at most {FORMAT_VERSION}. Received: format_version={version}. "
            "Upgrade tfgan-suite to read it."
        )
    return _from_version_1(card) if version == 1 else card


def _from_version_1(card):
    """Version 1 knew images, latent vectors and truncation alone."""
    model, training = card["model"], card["training"]
    spec = ImageSpec(model["image_shape"])
    num_classes = model["num_classes"]
    abilities = {"HasLatents": {"latent_shape": [model["latent_size"]]}}
    if "cell_size" in model:
        abilities["MakesTextures"] = {name: model[name] for name in ("cell_size", "latent_channels")}
    upgraded = {
        **card,
        "format_version": FORMAT_VERSION,
        "license": card["licence"],
        "model": {
            "class": model["class"],
            **_describe_examples(spec),
            "condition": plain(Condition.of_classes(num_classes)),
            "abilities": abilities,
            "sampling_options": plain([TRUNCATION]),
            "parameters": model["parameters"],
        },
        "training": {"examples_seen": training["images_seen"], "steps": training["steps"], "seed": training["seed"]},
    }
    del upgraded["licence"]
    if card["data"]:
        data = dict(card["data"])
        upgraded["data"] = {
            **{name: data[name] for name in ("name", "source", "fingerprint", "class_names")},
            "license": data["licence"],
            "example": {"kind": spec.kind, "shape": data["image_shape"]},
            "num_examples": data["num_images"],
        }
    return upgraded


def describe_signatures(signatures, functions: Mapping) -> dict:
    """Describes signatures: inputs and outputs by name, each with `dtype` and `shape` (`None`: any), and `joining`.

    Args:
        signatures: List of `Signature`s.
        functions: Mapping of their names to `tf.function`s.
    """
    described = {}
    for signature in signatures:
        concrete = functions[signature.name].get_concrete_function()
        inputs = zip(concrete.function_type.parameters, concrete.inputs, strict=False)  # After them come the variables.
        described[signature.name] = {
            "joining": signature.joining,
            "inputs": {parameter: _describe_tensor(tensor) for parameter, tensor in inputs},
            "outputs": {output: _describe_tensor(tensor) for output, tensor in concrete.structured_outputs.items()},
        }
    return described


def write_model_card(version_directory, card: Mapping) -> None:
    """Writes `model_card.json` and, of the same content, `model_card.md`.

    Args:
        version_directory: Path. `saved_models/NAME/VERSION`.
        card: Mapping. The card, as from `build_model_card` or `read_model_card`.
    """
    path = Path(version_directory, CARD_JSON)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    write_atomically(Path(version_directory, CARD_MARKDOWN), card_markdown(card))


def plain(value):
    """JSON values of scores or other records: dataclasses, mappings, sequences, NumPy numbers, paths."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, (np.generic, np.ndarray)):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no number for it.
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    return str(value)


def _counter(value):
    return None if value is None else int(keras.ops.convert_to_numpy(value))


def _describe_tensor(tensor):
    shape = None if tensor.shape.rank is None else tensor.shape.as_list()
    return {"dtype": tensor.dtype.name, "shape": shape}


# === Markdown ===


def card_markdown(card) -> str:
    """The card as a page for people: of a served version or, with the entry `file`, of a file.

    Args:
        card: Mapping. The card, as from `build_model_card` or `read_model_card`.
    """
    model, training, data = card["model"], card["training"], card["data"]
    units, condition = model["unit"][1], model["condition"]
    classes = f"{condition['size']} {condition['kind']}" if condition["size"] else "unconditional"
    latent_shape = model["abilities"].get("HasLatents", {}).get("latent_shape")
    latents = f", latents of {' x '.join(map(str, latent_shape))}" if latent_shape else ""
    lines = [f"# {card['name']}" + (f", version {card['version']}" if "serving" in card else ""), ""]
    lines += [card["description"], ""] if card["description"] else []
    lines += [
        f"- Model: {model['class']}, {units}: {model['example_in_words']}, {classes}{latents}",
        f"- It can: {', '.join(_verbs(model['abilities'])) or 'generate'}",
        f"- Parameters: {_pairs(model['parameters'])}",
        f"- Trained on {_number(training['examples_seen'])} {units} in {_number(training['steps'])} steps, "
        f"seed {training['seed']}",
        f"- License of the weights: {card['license']}",
        f"- Exported{' ' + card['created'] if card['created'] else ''} with {_pairs(card['versions'])}",
        "",
        *_option_lines(model["sampling_options"]),
        "## Data",
        "",
    ]
    if data is None:
        lines += ["Not stated at export.", ""]
    else:
        lines += [
            f"- {data['name']} (fingerprint `{data['fingerprint']}`), {units} by split: {_pairs(data['num_examples'])}",
            f"- Source: {_pairs(data['source'])}",
            f"- License of the data: {data['license']}",
        ]
        lines += [f"- Classes: {', '.join(data['class_names'])}"] if data["class_names"] else []
        lines += [""]
    lines += ["## Scores", "", *_score_lines(card["scores"]), ""]
    lines += _serving_lines(card["serving"], units) if "serving" in card else _file_lines(card["file"], units)
    return "\n".join(lines)


def _verbs(abilities):
    return [ability.verb for ability in ABILITIES if ability.__name__ in abilities]


def _option_lines(options):
    if not options:
        return []
    lines = ["## Sampling options", "", "| option | default | range | |", "|---|---|---|---|"]
    for option in options:
        bounds = f"{option['minimum']:g} to {option['maximum']:g}"
        lines.append(f"| `{option['name']}` | {option['default']:g} | {bounds} | {option['description']} |")
    return [*lines, ""]


def _serving_lines(serving, units):
    lines = ["## Signatures", "", "| signature | inputs | outputs |", "|---|---|---|"]
    for name, signature in serving["signatures"].items():
        lines.append(f"| `{name}` | {_tensors(signature['inputs'])} | {_tensors(signature['outputs'])} |")
    lines += [
        "",
        f"At most {serving['max_count']} {units} a request. The same seed gives the same {units}. "
        f"{serving['warmup_requests']} warm-up requests are enclosed.",
        "",
    ]
    return lines


def _file_lines(file, units):
    parity = file["parity"]
    return [
        "## File",
        "",
        f"- {file['name']}: {file['format']} of `{file['function']}`, {file['size_bytes']:,} bytes, SHA-256 `{file['sha256']}`",
        f"- Inputs: {_tensors(file['inputs'])}",
        f"- Outputs: {_tensors(file['outputs'])}",
        f"- Compared with the Keras model on {parity['examples']} {units}: {parity['psnr_decibels']} dB (at least "
        f"{parity['minimum_psnr_decibels']} was asked for), largest difference {parity['max_difference']} of a range of "
        f"{parity['peak']:g}",
        *([f"- Calibrated with {file['calibration_examples']} examples"] if file["calibration_examples"] else []),
        "",
    ]


def _score_lines(scores):
    if not scores:
        return ["None given at export."]
    rows = scores if isinstance(scores, list) else [scores]
    if all(isinstance(row, dict) and _SCORE_FIELDS <= set(row) for row in rows):
        return [
            Evaluation(EvaluationRow(**row) for row in rows).to_markdown(),
            "",
            "`model_card.json` has the whole protocol of each score.",
        ]
    return ["```json", *(json.dumps(row, ensure_ascii=False) for row in rows), "```"]


def _pairs(values):
    if not isinstance(values, Mapping):
        return str(values)
    return ", ".join(f"{key} {_number(value)}" for key, value in values.items()) or "none"


def _number(value):
    return f"{value:,}" if isinstance(value, int) else "?" if value is None else str(value)


def _tensors(tensors):
    def shape(tensor):
        return "any shape" if tensor["shape"] is None else [size or "batch" for size in tensor["shape"]]

    return ", ".join(f"{name}: {tensor['dtype']} {shape(tensor)}".replace("'", "") for name, tensor in tensors.items())
