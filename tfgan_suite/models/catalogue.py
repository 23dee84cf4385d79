"""The models that have a name: those of the suite, and your own once they are registered."""

import importlib

from tfgan_suite.foundation.errors import UserError, unknown_name

# Name to module and class. A module is imported when its model is first asked for.
MODELS = {
    "biggan": ("tfgan_suite.models.biggan.biggan", "BigGAN"),
    "dcgan": ("tfgan_suite.models.dcgan.dcgan", "DCGAN"),
    "gat": ("tfgan_suite.models.gat.gat", "GAT"),
    "glow": ("tfgan_suite.models.glow.glow", "Glow"),
    "masked_token_transformer": (
        "tfgan_suite.models.token_transformer.masked_token_transformer",
        "MaskedTokenTransformer",
    ),
    "mocogan": ("tfgan_suite.models.mocogan.mocogan", "MoCoGAN"),
    "pixelcnn": ("tfgan_suite.models.pixelcnn.pixelcnn", "PixelCNN"),
    "progan": ("tfgan_suite.models.progan.progan", "ProGAN"),
    "r3gan": ("tfgan_suite.models.r3gan.r3gan", "R3GAN"),
    "stylegan2": ("tfgan_suite.models.stylegan2.stylegan2", "StyleGAN2"),
    "tarflow": ("tfgan_suite.models.tarflow.tarflow", "TarFlow"),
    "texture_progan": ("tfgan_suite.models.progan.texture_progan", "TextureProGAN"),
    "token_transformer": ("tfgan_suite.models.token_transformer.token_transformer", "TokenTransformer"),
    "two_stage": ("tfgan_suite.models.two_stage.two_stage_model", "TwoStageModel"),
    "vae": ("tfgan_suite.models.vae.vae", "VAE"),
    "vaegan": ("tfgan_suite.models.vaegan.vaegan", "VAEGAN"),
    "vdvae": ("tfgan_suite.models.vdvae.vdvae", "VDVAE"),
    "vqvae": ("tfgan_suite.models.vqvae.vqvae", "VQVAE"),
    "wavegan": ("tfgan_suite.models.wavegan.wavegan", "WaveGAN"),
}
_REGISTERED = {}
_IMPORTED = []


def register_model(name, cls):
    """Gives your own model a name, so that `train`, presets and every command know it.

    Register the class with Keras as well (`keras.saving.register_keras_serializable`), so that it can be saved and loaded.
    On the command line, `tfgan-suite --import MODULE COMMAND` imports the module that does both.

    Args:
        name: String. The name for `--preset`, such as `"my_gan"`; its presets are known by their own names.
        cls: A subclass of `TrainedModel`.

    Raises:
        UserError: The name is that of a model of the suite, or of a preset of the class.

    Example:

    >>> class MyGAN(DCGAN):
    ...     pass
    >>> register_model("my_gan", MyGAN)
    >>> model_class("my_gan").__name__
    'MyGAN'
    """
    if name in MODELS:
        raise UserError(
            f"`name` must not be that of a model of the suite ({', '.join(MODELS)}). Received: name={name!r}"
        )
    if name in cls.presets:
        # `--preset` takes both, and would leave the preset's settings out without a word.
        raise UserError(
            f"`name` must differ from the names of the presets of {cls.__name__}. Received: name={name!r}. Rename the "
            f"preset, such as to '{name}_small'."
        )
    _REGISTERED[name] = cls


def model_names():
    """Names of all models, a list: those of the suite and the registered ones."""
    return [*MODELS, *_REGISTERED]


def model_class(name):
    """The class that a name stands for.

    Args:
        name: String. One of `model_names()`.

    Raises:
        UserError: There is no such model; the error suggests the nearest name.
    """
    if name in _REGISTERED:
        return _REGISTERED[name]
    if name not in MODELS:
        raise unknown_name("model", name, model_names())
    module, class_name = MODELS[name]
    return getattr(importlib.import_module(module), class_name)


def all_presets():
    """Dict of preset name to model class, over all models.

    Example:

    >>> all_presets()["dcgan_digits_32"].__name__
    'DCGAN'
    """
    found = {}
    for cls in map(model_class, model_names()):
        for preset in cls.presets:
            found.setdefault(preset, cls)  # A subclass that inherits presets does not take them over.
    return found


def import_own(modules):
    """Imports modules that register models of your own. Runs that are trained afterwards remember their names.

    Args:
        modules: List of strings. Dotted names.

    Raises:
        UserError: There is no such module.
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or module != error.name and not module.startswith(error.name + "."):
                raise  # The module is there, but one that it imports is not.
            raise UserError(
                f"There is no module {module!r} to import. Give its dotted name, and run the command where Python finds it "
                "(a file my_model.py in the working directory is `--import my_model`)."
            ) from error
        if module not in _IMPORTED:
            _IMPORTED.append(module)


def import_recorded(modules):
    """Imports the modules that a run remembers.

    Args:
        modules: List of strings. Dotted names.

    Raises:
        UserError: One of them is gone, and no other was imported in its place.
    """
    others = imported_modules()
    for module in modules:
        try:
            import_own([module])
        except UserError:
            if not others:
                raise


def imported_modules():
    """Names of the modules that `import_own` has imported, a list."""
    return list(_IMPORTED)
