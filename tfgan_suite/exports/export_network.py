"""`export_network`: a generator becomes a file for another engine, unless it makes other images there."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from tfgan_suite.exports.litert_file import LiteRTGenerator, to_litert
from tfgan_suite.exports.model_card import build_model_card, card_markdown, plain
from tfgan_suite.exports.onnx_file import OnnxGenerator, to_onnx
from tfgan_suite.exports.parity import measure_parity
from tfgan_suite.exports.saved_model import check_dataset
from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.files import write_atomically


@dataclasses.dataclass(frozen=True)
class _Format:
    """How a format is written and run, and what its images must come up to.

    `convert` takes the model and, where the format has a fixed batch, `batch_size`; and `calibration_images` for int8.
    """

    suffix: str
    convert: Callable
    run: Callable
    minimum_psnr_decibels: float
    packages: tuple[str, ...]
    has_fixed_batch: bool = True
    is_calibrated: bool = False


_LITERT = ("tensorflow", "ai-edge-litert")
# The minima: 80 dB is 1/5000 of the range, less than a step of 255; 45 dB a step and a half; 30 dB is seen when the
# pictures lie side by side.
_FORMATS = {
    "onnx": _Format(".onnx", to_onnx, OnnxGenerator, 80.0, ("tf2onnx", "onnx", "onnxruntime"), has_fixed_batch=False),
    "litert": _Format(".tflite", to_litert, LiteRTGenerator, 80.0, _LITERT),
    "litert-float16": _Format(
        "-float16.tflite", functools.partial(to_litert, precision="float16"), LiteRTGenerator, 45.0, _LITERT
    ),
    "litert-int8": _Format(
        "-int8.tflite",
        functools.partial(to_litert, precision="int8"),
        LiteRTGenerator,
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
    batch_size=1,
    calibration_images=64,
    minimum_psnr=None,
    dataset_info=None,
    scores=None,
    description="",
    licence="",
    overwrite=False,
) -> Path:
    """Writes the generator, from latents and labels to images, as a file for ONNX Runtime or LiteRT.

    The file is run and compared with the model on 16 images before it gets its name. Two model cards lie beside it:
    `FILE.card.json` and `FILE.card.md`, with the comparison.

    | format | file | inputs and images | batch | least PSNR |
    |---|---|---|---|---|
    | `"onnx"` | `NAME.onnx` | float32 | any | 80 dB |
    | `"litert"` | `NAME.tflite` | float32 | fixed | 80 dB |
    | `"litert-float16"` | `NAME-float16.tflite` | float32, weights float16 | fixed | 45 dB |
    | `"litert-int8"` | `NAME-int8.tflite` | float32, all between int8 | fixed | 30 dB |

    Args:
        model: A `GenerativeModel`, one from `load_generator` too.
        path: Of the file; the suffix is added unless it is there.
        format: One of the above.
        batch_size: Images at a time, for LiteRT.
        calibration_images: Images drawn to find the ranges of int8 activations, >= 1.
        minimum_psnr: Another least PSNR in decibels, such as 25 to accept coarser int8 images. (Peak 2, since images
            are in [-1, 1].)
        dataset_info: `DatasetInfo` of the data that it was trained on, for the model card.
        scores: Of the model, for the model card.
        description: A sentence or more for the model card.
        licence: Of the weights, for the model card.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The path of the file.

    Raises:
        UserError: No such format, the file exists, or its images are too far from the model's.
        MissingExtraError: The packages of the format are not installed.

    Example:

    >>> tg.export_network(tg.load_generator("saved_models/digits"), "exports/digits", "litert-float16")
    PosixPath('exports/digits-float16.tflite')
    """
    if format not in _FORMATS:
        raise unknown_name("format", format, _FORMATS)
    if batch_size < 1 or calibration_images < 1:
        raise UserError(
            f"Expected batch_size and calibration_images >= 1. Received: {batch_size} and {calibration_images}"
        )
    check_dataset(model, dataset_info)
    chosen = _FORMATS[format]
    path = Path(path)
    name = path.name.removesuffix("." + chosen.suffix.rpartition(".")[2])
    path = path if name != path.name else path.with_name(path.name + chosen.suffix)
    if path.exists() and not overwrite:
        raise UserError(f"{path} exists already. Choose another name, or pass overwrite=True.")
    minimum_psnr = chosen.minimum_psnr_decibels if minimum_psnr is None else float(minimum_psnr)
    settings = {"batch_size": batch_size} if chosen.has_fixed_batch else {}
    settings |= {"calibration_images": calibration_images} if chosen.is_calibrated else {}
    content = bytes(chosen.convert(model, **settings))
    parity = measure_parity(model, chosen.run(content), count=-(-16 // batch_size) * batch_size)
    if not parity.psnr_decibels >= minimum_psnr:
        raise UserError(
            f"The images of the {format} file differ too much from the model's, so nothing was written: PSNR "
            f"{parity.psnr_decibels} dB where at least {minimum_psnr:g} dB is asked for, largest difference "
            f"{parity.max_difference:.3g} of 2. Choose a more exact format, or accept less with minimum_psnr."
        )
    card = _card(model, name, dataset_info, scores, description, licence)
    card["file"] = {
        "name": path.name,
        "format": format,
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        **_tensors(model, settings.get("batch_size")),
        "calibration_images": settings.get("calibration_images"),
        "parity": {**plain(parity), "minimum_psnr_decibels": minimum_psnr},
        "versions": {package: version(package) for package in chosen.packages if package != "tensorflow"},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(_card_path(path, "json"), json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    write_atomically(_card_path(path, "md"), card_markdown(card))
    write_atomically(path, content)
    return path


def read_card(path) -> dict:
    """The model card of a file that `export_network` wrote."""
    return json.loads(_card_path(Path(path), "json").read_text("utf-8"))


def _card_path(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}.card.{suffix}")


def _card(model, name, dataset_info, scores, description, licence) -> dict:
    card = build_model_card(
        model,
        name=name,
        version=None,
        dataset_info=dataset_info,
        scores=scores,
        description=description,
        licence=licence,
    )
    # A model that was exported before knows more of its origin than its graph does.
    known = getattr(model, "card", {})
    card |= {key: known[key] for key in ("model", "training") if key in known}
    card |= {key: known[key] for key in ("data", "scores") if key in known and not card[key]}
    if known:
        card["description"] = description or known.get("description", "")
        card["licence"] = licence or known.get("licence", card["licence"])
    return card


def _tensors(model, batch_size) -> dict:
    inputs = {"latents": {"dtype": "float32", "shape": [batch_size, model.latent_size]}}
    if model.num_classes is not None:
        inputs["labels"] = {"dtype": "int32", "shape": [batch_size]}
    images = {"dtype": "float32", "shape": [batch_size, *model.image_shape]}
    return {"inputs": inputs, "outputs": {"images": images}}
