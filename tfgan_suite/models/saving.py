"""Loading saved models: every class of the suite is made known to Keras first."""

import importlib
import zipfile

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.foundation.small_files import DamagedFileError, reading
from tfgan_suite.models.catalogue import MODELS

# Modules whose objects stand in saved models; a model's module imports those of its networks and layers.
_MODULES = [
    *("adversarial.augment", "adversarial.gan", "adversarial.losses", "adversarial.penalties"),
    *("adversarial.pretrained_generator", "engine.adam", "engine.exponential_moving_average"),
    *("engine.gradient_guard", "engine.schedule", "generative.latents"),
]


def register_classes():
    """Imports every module with classes that Keras has to know by name."""
    for module in [f"tfgan_suite.{name}" for name in _MODULES] + [module for module, _ in MODELS.values()]:
        importlib.import_module(module)


def load_model(path):
    """Loads a model that was saved with `model.save("name.keras")`, ready to generate and to continue training.

    The same as `keras.models.load_model`, which knows the suite's classes only if they have been imported.

    Args:
        path: String. A `.keras` file, or a run directory that holds `model.keras`.

    Returns:
        The model, compiled as it was.

    Raises:
        DamagedFileError: The file is cut short or changed.
        UserError: There is no such file, or it holds no model of the suite.

    Example:

    >>> gan = load_model("runs/digits/model.keras")
    """
    import keras

    from tfgan_suite.generative.generative_model import GenerativeModel

    path = local_path(path)
    file = path / "model.keras" if path.is_dir() else path
    if not file.exists():
        raise UserError(f"There is no {str(file)!r}. Give a .keras file or a finished run's directory.")
    register_classes()
    try:
        with reading(
            file, "a model saved by this suite, of a class that is known", "`--import MODULE` imports your own."
        ):
            model = keras.models.load_model(file)
    except DamagedFileError as error:
        _require_whole(file)
        raise UserError(str(error)) from error
    if not isinstance(model, GenerativeModel):
        raise UserError(f"{str(file)!r} must hold a generative model. Received: {type(model).__name__}")
    return model


def _require_whole(file):
    """Refuses a `.keras` file, which is a zip, that was cut short or changed since it was written."""
    with reading(
        file, "a whole .keras file", "It was cut short or changed: copy it again, or load the run's directory."
    ):
        with zipfile.ZipFile(file) as archive:
            changed = archive.testzip()
        if changed is not None:
            raise ValueError(f"the content of {changed} has changed")
