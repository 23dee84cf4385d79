"""What goes with an exported model: where it comes from, how good it is, what may be done with it."""

import dataclasses
import datetime
import json
import math
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from tfgan_suite.foundation.versions import library_versions
from tfgan_suite.metrics.protocol.results import Evaluation, EvaluationRow

# Beside the warm-up requests, where TensorFlow Serving ignores what it does not know.
CARD_JSON = Path("assets.extra", "model_card.json")
CARD_MARKDOWN = Path("assets.extra", "model_card.md")
FORMAT_VERSION = 1

NOT_STATED = "not stated"
_SCORE_FIELDS = {field.name for field in dataclasses.fields(EvaluationRow)}


def build_model_card(model, *, name, version, dataset_info, scores, description, licence, serving=None) -> dict:
    """Gathers the card as a dict of JSON values.

    Args:
        model: The exported `GenerativeModel`.
        name: Name of the exported model.
        version: Its version number.
        dataset_info: `DatasetInfo` of the training data, or `None`.
        scores: See `plain`.
        description: Free text.
        licence: Of the weights.
        serving: `max_count`, the largest number of images in one request; `signatures`, as from `describe_signatures`;
            `warmup_requests`, their number. `None` for a file that no server takes.
    """
    return {
        "format_version": FORMAT_VERSION,
        "name": name,
        "version": version,
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "description": description,
        "licence": licence or NOT_STATED,
        "model": {
            "class": type(model).__name__,
            "image_shape": list(model.image_shape),
            "num_classes": model.num_classes,
            "latent_size": model.latent_size,
            **{name: getattr(model, name) for name in ("cell_size", "latent_channels") if hasattr(model, name)},
            "parameters": {
                part: int(getattr(model, part).count_params())
                for part in ("ema_generator", "discriminator")
                if hasattr(model, part)
            },
        },
        "training": {
            "images_seen": _counter(model, "images_seen"),
            "steps": _counter(model, "steps"),
            "seed": getattr(model, "seed", None),
        },
        "data": _describe_data(dataset_info),
        "scores": plain(scores),
        **({} if serving is None else {"serving": serving}),
        "versions": library_versions(),
    }


def describe_signatures(functions: Mapping) -> dict:
    """`{signature: {"inputs": {name: {"dtype", "shape"}}, "outputs": ...}}` of `tf.function`s; shape `None`: any."""
    described = {}
    for name, function in functions.items():
        concrete = function.get_concrete_function()
        inputs = zip(concrete.function_type.parameters, concrete.inputs, strict=False)  # After them come the variables.
        described[name] = {
            "inputs": {parameter: _describe_tensor(tensor) for parameter, tensor in inputs},
            "outputs": {output: _describe_tensor(tensor) for output, tensor in concrete.structured_outputs.items()},
        }
    return described


def write_model_card(version_directory, card: Mapping) -> None:
    """Writes `model_card.json` and, of the same content, `model_card.md`."""
    path = Path(version_directory, CARD_JSON)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
    Path(version_directory, CARD_MARKDOWN).write_text(card_markdown(card), "utf-8")


def plain(value):
    """JSON values out of scores or other records: dataclasses, mappings, sequences, NumPy numbers, paths."""
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


def _counter(model, name):
    value = getattr(model, name, None)
    return None if value is None else int(keras.ops.convert_to_numpy(value))


def _describe_tensor(tensor):
    shape = None if tensor.shape.rank is None else tensor.shape.as_list()
    return {"dtype": tensor.dtype.name, "shape": shape}


def _describe_data(info):
    if info is None:
        return None
    return {
        "name": info.name,
        "source": plain(info.source),
        "licence": info.license or NOT_STATED,
        "fingerprint": info.fingerprint,
        "class_names": list(info.class_names),
        "image_shape": list(info.image_shape),
        "num_images": {name: split.num_examples for name, split in info.splits.items()},
    }


# === Markdown ===


def card_markdown(card) -> str:
    """The card as a page for people: of a served version or, with the entry `file`, of a file."""
    model, training, data = card["model"], card["training"], card["data"]
    height, width, channels = model["image_shape"]
    classes = "unconditional" if model["num_classes"] is None else f"{model['num_classes']} classes"
    lines = [f"# {card['name']}" + (f", version {card['version']}" if "serving" in card else ""), ""]
    lines += [card["description"], ""] if card["description"] else []
    lines += [
        f"- Model: {model['class']}, {height} x {width} x {channels}, {classes}, latents of {model['latent_size']}",
        f"- Parameters: {_pairs(model['parameters'])}",
        f"- Trained on {_number(training['images_seen'])} images in {_number(training['steps'])} steps, "
        f"seed {training['seed']}",
        f"- Licence of the weights: {card['licence']}",
        f"- Exported {card['created']} with {_pairs(card['versions'])}",
        "",
        "## Data",
        "",
    ]
    if data is None:
        lines += ["Not stated at export.", ""]
    else:
        lines += [
            f"- {data['name']} (fingerprint `{data['fingerprint']}`), images by split: {_pairs(data['num_images'])}",
            f"- Source: {_pairs(data['source'])}",
            f"- Licence of the data: {data['licence']}",
        ]
        lines += [f"- Classes: {', '.join(data['class_names'])}"] if data["class_names"] else []
        lines += [""]
    lines += ["## Scores", "", *_score_lines(card["scores"]), ""]
    lines += _serving_lines(card["serving"]) if "serving" in card else _file_lines(card["file"])
    return "\n".join(lines)


def _serving_lines(serving):
    lines = ["## Signatures", "", "| signature | inputs | outputs |", "|---|---|---|"]
    for name, signature in serving["signatures"].items():
        lines.append(f"| `{name}` | {_tensors(signature['inputs'])} | {_tensors(signature['outputs'])} |")
    lines += [
        "",
        f"At most {serving['max_count']} images a request. The same seed gives the same images. "
        f"{serving['warmup_requests']} warm-up requests are enclosed.",
        "",
    ]
    return lines


def _file_lines(file):
    parity = file["parity"]
    return [
        "## File",
        "",
        f"- {file['name']}: {file['format']}, {file['size_bytes']:,} bytes, SHA-256 `{file['sha256']}`",
        f"- Inputs: {_tensors(file['inputs'])}",
        f"- Outputs: {_tensors(file['outputs'])}",
        f"- Against the Keras model, {parity['images']} images: {parity['psnr_decibels']} dB (at least "
        f"{parity['minimum_psnr_decibels']} was asked for), largest difference {parity['max_difference']} of a range of 2",
        *([f"- Calibrated with {file['calibration_images']} latents"] if file["calibration_images"] else []),
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
            "The whole protocol of each score stands in `model_card.json`.",
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
