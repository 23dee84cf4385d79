"""`export_network`: a function of a model becomes a file for another engine, unless it gives other outputs there."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from tfgan_suite.exports.exported_model import ExportedModel
from tfgan_suite.exports.file_functions import FILE_FUNCTIONS, file_function
from tfgan_suite.exports.litert_file import LiteRTFile, to_litert
from tfgan_suite.exports.model_card import build_model_card, card_markdown, plain, read_card_file
from tfgan_suite.exports.onnx_file import OnnxFile, to_onnx
from tfgan_suite.exports.parity import measure_parity
from tfgan_suite.exports.training_data import check_dataset
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.files import write_atomically
from tfgan_suite.foundation.number_kinds import is_count
from tfgan_suite.foundation.paths import local_path


@dataclasses.dataclass(frozen=True)
class _Format:
    """How a format is written and run, and how near its outputs must be to the model's.

    `convert` takes a `FileFunction` and, where the format can have a fixed batch, `batch_size`; and `calibration_examples` for int8.
    """

    suffix: str
    convert: Callable
    run: Callable
    minimum_psnr_decibels: float
    packages: tuple[str, ...]
    can_fix_batch: bool = True
    is_calibrated: bool = False


_LITERT = ("tensorflow", "ai-edge-litert")
# The minima: 80 dB is 1/5000 of the range, less than a step of 255; 45 dB is a step and a half; 30 dB shows when two images
# are side by side.
_FORMATS = {
    "onnx": _Format(".onnx", to_onnx, OnnxFile, 80.0, ("tf2onnx", "onnx", "onnxruntime"), can_fix_batch=False),
    "litert": _Format(".tflite", to_litert, LiteRTFile, 80.0, _LITERT),
    "litert-float16": _Format(
        "-float16.tflite", functools.partial(to_litert, precision="float16"), LiteRTFile, 45.0, _LITERT
    ),
    "litert-int8": _Format(
        "-int8.tflite",
        functools.partial(to_litert, precision="int8"),
        LiteRTFile,
        30.0,
        _LITERT,
        is_calibrated=True,
    ),
}
FORMATS = tuple(_FORMATS)


def export_network(
    model,
    path,
    format="onnx",
    *,
    function="generate",
    batch_size=None,
    calibration_images=64,
    minimum_psnr=None,
    dataset_info=None,
    scores=None,
    description="",
    license="",
    overwrite=False,
) -> Path:
    """Writes one function of a model as a file for ONNX Runtime or LiteRT.

    A label that does not exist is an error of the engine that runs the file. The file is run and compared with the model on 16
    examples before it gets its name. Two model cards are written next to it, `FILE.card.json` and `FILE.card.md`, with the
    comparison.

    | function | inputs | output |
    |---|---|---|
    | `"generate"` | latents float32 `[batch, *latent_shape]`, labels int32 `[batch]` | examples |
    | `"encode"` | examples of the spec's `edge_dtype`, labels | latents |
    | `"reconstruct"` | the same | examples, as `reconstructed_images` |
    | `"log_prob"` | the same, and for a lower bound noise float32 `[batch, *noise_shape]` | log_prob float32 `[batch]` |

    `labels` is an input of a model with classes. Examples that come out are as they are inside of models (float32 in [-1, 1] for
    images). `noise` holds standard normal numbers, with which the latents of a lower bound are drawn.

    | format | file | inputs and outputs | batch | minimum PSNR |
    |---|---|---|---|---|
    | `"onnx"` | `NAME.onnx` | float32 | any | 80 dB |
    | `"litert"` | `NAME.tflite` | float32 | any | 80 dB |
    | `"litert-float16"` | `NAME-float16.tflite` | float32, weights float16 | any | 45 dB |
    | `"litert-int8"` | `NAME-int8.tflite` | float32, int8 in between | any | 30 dB |

    Args:
        model: A `GenerativeModel` that can do it. From `load_generator` too, but for `"log_prob"`.
        path: Path of the file. The suffix is added unless it is there.
        format: String. One of the above.
        function: String. One of the above.
        batch_size: Integer >= 1. Fixes the number of examples at a time in a LiteRT file, for delegates that want it; `None`
            leaves it free.
        calibration_images: Integer >= 1. The examples to draw to find the ranges of int8 activations.
        minimum_psnr: Float. Another minimum PSNR in decibels, such as 25 to accept coarser int8 images. The peak is 2 for
            images, which are in [-1, 1]; for examples without bounds it is their own range.
        dataset_info: The `DatasetInfo` of the data that it was trained on, for the model card.
        scores: Scores of the model, for the model card.
        description: String. A sentence or more for the model card.
        license: String. The license of the weights, for the model card.
        overwrite: Boolean. Whether an existing file may be replaced.

    Returns:
        The path of the file.

    Raises:
        UserError: There is no such format or function, the model or the format cannot do it, the file exists, or its outputs are
            too far from the model's.
        MissingExtraError: The packages of the format are not installed.

    Example:

    >>> tg.export_network(tg.load_generator("saved_models/digits"), "exports/digits", "litert-float16")
    PosixPath('exports/digits-float16.tflite')
    """
    if format not in _FORMATS:
        raise unknown_name("format", format, _FORMATS)
    for name, value in (("batch_size", batch_size), ("calibration_images", calibration_images)):
        if not is_count(value) and not (name == "batch_size" and value is None):
            raise UserError(f"`{name}` must be >= 1. Received: {name}={value!r}")
    if function not in FILE_FUNCTIONS:
        raise unknown_name("function", function, FILE_FUNCTIONS)
    function = file_function(model, function, format)
    check_dataset(model, dataset_info)
    chosen = _FORMATS[format]
    path = local_path(path)
    name = path.name.removesuffix("." + chosen.suffix.rpartition(".")[2])
    path = path if name != path.name else path.with_name(path.name + chosen.suffix)
    if path.exists() and not overwrite:
        raise UserError(f"{path} exists already. Choose another name, or pass overwrite=True.")
    minimum_psnr = chosen.minimum_psnr_decibels if minimum_psnr is None else float(minimum_psnr)
    settings = {"batch_size": batch_size} if chosen.can_fix_batch else {}
    settings |= {"calibration_examples": calibration_images} if chosen.is_calibrated else {}
    content = bytes(chosen.convert(function, **settings))
    parity = measure_parity(function, chosen.run(content), count=-(-16 // (batch_size or 1)) * (batch_size or 1))
    if not parity.psnr_decibels >= minimum_psnr:
        raise UserError(
            f"The {function.output} of the {format} file differ too much from the model's, so nothing was written: PSNR "
            f"{parity.psnr_decibels} dB, below the minimum of {minimum_psnr:g} dB; largest difference "
            f"{parity.max_difference:.3g} of {parity.peak:g}. Choose a more exact format, or a lower `minimum_psnr`."
        )
    card = _card(model, name, dataset_info, scores, description, license)
    card["file"] = {
        "name": path.name,
        "format": format,
        "function": function.name,
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        **_tensors(function, settings.get("batch_size")),
        "calibration_examples": settings.get("calibration_examples"),
        "parity": {**plain(parity), "minimum_psnr_decibels": minimum_psnr},
        "versions": {package: version(package) for package in chosen.packages if package != "tensorflow"},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(_card_path(path, "json"), json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    write_atomically(_card_path(path, "md"), card_markdown(card))
    write_atomically(path, content)
    return path


def read_card(path) -> dict:
    """Reads the model card of a file that `export_network` wrote.

    Args:
        path: Path of the file.
    """
    return read_card_file(_card_path(local_path(path), "json"))


def _card_path(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}.card.{suffix}")


def _card(model, name, dataset_info, scores, description, license) -> dict:
    card = build_model_card(
        model,
        name=name,
        version=None,
        dataset_info=dataset_info,
        scores=scores,
        description=description,
        license=license,
    )
    if not isinstance(model, ExportedModel):
        return card
    # A model that was exported before knows more of its origin than its graph does.
    known = model.card
    card |= {key: known[key] for key in ("model", "training")}
    card |= {key: known[key] for key in ("data", "scores") if not card[key]}
    return card | {"description": description or known["description"], "license": license or known["license"]}


def _tensors(function, batch_size) -> dict:
    inputs = {name: {"dtype": dtype, "shape": [batch_size, *shape]} for name, (dtype, shape) in function.inputs.items()}
    output = {"dtype": "float32", "shape": [batch_size, *function.output_shape]}
    return {"inputs": inputs, "outputs": {function.output: output}}
