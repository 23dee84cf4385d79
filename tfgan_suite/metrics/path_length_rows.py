"""The perceptual path length as a row of results."""

import os

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics.lpips import LPIPS, MIN_SIZE, shared_lpips
from tfgan_suite.metrics.perceptual_path_length import LARGEST_SIZE, perceptual_path_length
from tfgan_suite.metrics.protocol.generated_images import GeneratedImages
from tfgan_suite.metrics.protocol.real_images import RealImages
from tfgan_suite.metrics.protocol.results import Evaluation
from tfgan_suite.metrics.protocol.score_rows import count_text, deliver, make_row
from tfgan_suite.metrics.protocol.scoring import Score

NAME = perceptual_path_length.__name__
_EPSILON = 1e-4
_TRIM = 0.01


def evaluate_perceptual_path_length(
    model,
    data: str | os.PathLike,
    *,
    space: str | None = None,
    sampling: str = "full",
    split: str = "train",
    num_images: int | None = None,
    repeats: int = 1,
    seed: int = 0,
    batch_size: int = 16,
    truncation: float = 1.0,
    distance: LPIPS | None = None,
    output_dir: str | os.PathLike | None = None,
    progress: bool = True,
) -> Evaluation:
    """`perceptual_path_length` of a model with its protocol. The real images are only named in it, not read.

    Args:
        model: A `GenerativeModel` that is not exported: its latents are drawn here.
        data: The prepared directory that the model was trained on.
        space: `"w"` or `"z"`; by default W if the model has it.
        sampling: `"full"` or `"end"`, see `perceptual_path_length`.
        split: Of the data.
        num_images: Paths, each of two pictures; 1,000 by default. The papers take 100,000.
        repeats: Times to measure, with seeds `seed`, `seed + 1`, ...
        seed: Of latents, classes and places.
        batch_size: Paths at a time.
        truncation: 1: paths are those of untruncated latents.
        distance: An `LPIPS`; by default the one of the package.
        output_dir: Rows are appended to `metrics.json` there.
        progress: Whether to show progress.

    Returns:
        One row, `perceptual_path_length_w_full_1k`.

    Raises:
        MissingExtraError: The package of the default distance is not installed.
        UserError: An exported model, truncation, or an argument out of range.

    Example:

    >>> rows = evaluate_perceptual_path_length(gan, "data/digits", space="z", num_images=100)
    >>> rows["perceptual_path_length_z_full_100"].value

    Reference: Karras et al. 2019, "A Style-Based Generator Architecture for Generative Adversarial Networks", section 4.1.
    """
    if not hasattr(model, "sample_latents"):
        raise UserError(f"{NAME} needs a run or a .keras file: an exported model keeps its latents to itself.")
    if truncation != 1.0:
        raise UserError(f"{NAME} is measured without truncation. Received: truncation={truncation}.")
    if repeats < 1 or batch_size < 1:
        raise UserError(f"Expected repeats and batch_size >= 1. Received: {repeats} and {batch_size}.")
    if space is None:
        space = "w" if hasattr(getattr(model, "ema_generator", model), "map") else "z"
    distance = distance or shared_lpips()
    real = RealImages(data, split, batch_size)
    generated = GeneratedImages(model, real, 1000 if num_images is None else num_images, batch_size)
    options = {"space": space, "sampling": sampling, "epsilon": _EPSILON, "trim": _TRIM}
    scores = [
        Score(
            perceptual_path_length(
                model, num_samples=generated.count, seed=seed + repeat, batch_size=batch_size, distance=distance,
                progress=progress, **options,
            )
        )
        for repeat in range(repeats)
    ]  # fmt: skip
    row = make_row(
        f"{NAME}_{space}_{sampling}_{count_text(generated.count)}",
        scores,
        real,
        direction="lower",
        std_over=None,
        protocol={
            "metric": NAME,
            "metric_settings": options,
            "extractor": distance.name,
            "extractor_weights_sha256": distance.weights_sha256,
            "extractor_input_size": None,
            "extractor_resize": f"averaged to {LARGEST_SIZE} pixels, enlarged bilinearly to {MIN_SIZE}",
            "num_real": 0,
            **generated.protocol(),
            "label_sampling": None if model.num_classes is None else "by the model",
        },
        run={**generated.run(), "seed": seed},
    )
    return deliver([row], output_dir)
