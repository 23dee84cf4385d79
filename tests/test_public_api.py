"""The public names, frozen; what their docstrings must say; and that the examples in them are true."""

import doctest
import importlib
import inspect
import pkgutil
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg

PUBLIC = [
    "__version__",
    # Data
    "DatasetInfo",
    "PreparedSet",
    "generate_dataset",
    "load_dataset",
    "prepare_dataset",
    "to_float",
    "to_uint8",
    # Models
    "BigGAN",
    "DCGAN",
    "GAN",
    "GenerativeModel",
    "GAT",
    "Glow",
    "MaskedTokenTransformer",
    "MoCoGAN",
    "PixelCNN",
    "ProGAN",
    "ProGANSchedule",
    "R3GAN",
    "StyleGAN2",
    "TarFlow",
    "TextureProGAN",
    "TokenTransformer",
    "TwoStageModel",
    "VAE",
    "VAEGAN",
    "VDVAE",
    "VQVAE",
    "WaveGAN",
    "all_presets",
    "load_model",
    "register_model",
    # Training
    "Adam",
    "CosineSchedule",
    "ExponentialMovingAverage",
    "GradientGuard",
    "LinearSchedule",
    "TrainConfig",
    "default_callbacks",
    "fit_progressively",
    "resume",
    "train",
    # Models of your own
    "ExampleSpec",
    "ImageSpec",
    "LogMel",
    "LogMelSpec",
    "Objective",
    "TextSpec",
    "TokenSpec",
    "TrainedModel",
    "Update",
    "VideoSpec",
    "WaveformSpec",
    "register_example_spec",
    # Scores, export
    "Evaluation",
    "compare",
    "evaluate",
    "evaluate_real",
    "export_network",
    "export_saved_model",
    "load_generator",
    # Errors
    "MissingExtraError",
    "UserError",
    # Modules
    "abilities",
    "augment",
    "checkpoints",
    "distributions",
    "divergences",
    "latent_tools",
    "callbacks",
    "latents",
    "layers",
    "losses",
    "metrics",
    "penalties",
    "quantizers",
    "reconstruction_losses",
    "serving",
]
MODULES = [
    "abilities",
    "augment",
    "callbacks",
    "checkpoints",
    "distributions",
    "divergences",
    "latent_tools",
    "latents",
    "layers",
    "losses",
    "metrics",
    "penalties",
    "quantizers",
    "reconstruction_losses",
    "serving",
]
# Names of the package itself whose use is plain from a line, or which are there to be subclassed or caught.
WITHOUT_EXAMPLE = {
    "ExponentialMovingAverage",
    "GenerativeModel",
    "MissingExtraError",
    "TrainConfig",
    "UserError",
    "resume",
    "to_float",
    "to_uint8",
}
# Each parameter is a field that its name explains, or the docstring's first line does.
SELF_EXPLAINING = {"metrics.Comparison", "metrics.frechet_distance_from_statistics"}
# Examples that read or write files of a user, start a server, or take long: shown, not run.
NEEDS_FILES = re.compile(r"\"(data|runs|photos)\b|saved_models|run_demo\(|pipelines/|\.(pkl|pth)\"|biggan-deep-")


def public_objects():
    """(name, object) of every public class and function, in the package and its public modules."""
    found = {}
    for name in PUBLIC[1:]:
        value = getattr(tg, name)
        if name not in MODULES:
            found[name] = value
            continue
        for member in getattr(value, "__all__", None) or vars(value):
            part = getattr(value, member)
            if not member.startswith("_") and getattr(part, "__module__", "").startswith("tfgan_suite"):
                if inspect.isclass(part) or inspect.isfunction(part):
                    found[f"{name}.{member}"] = part
    return found


OBJECTS = public_objects()


def parameters_of(value):
    function = value.__init__ if inspect.isclass(value) else value
    if inspect.isclass(value) and "__init__" not in vars(value) and not hasattr(value, "__dataclass_fields__"):
        return []
    parameters = inspect.signature(function).parameters.values()
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [parameter.name for parameter in parameters if parameter.name != "self" and parameter.kind not in kinds]


def test_public_names_are_frozen():
    assert sorted(tg.__all__) == sorted(PUBLIC), "a public name came or went: say so in CHANGELOG.md, and here"
    assert sorted(dir(tg)) == sorted(PUBLIC)


def test_an_unknown_name_says_what_there_is():
    with pytest.raises(AttributeError, match="DCGAN"):
        _ = tg.DCGan


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_docstring(name):
    value = OBJECTS[name]
    text = inspect.getdoc(value)
    assert text and len(text.splitlines()[0]) > 15, f"{name} has no docstring that says what it is for"
    parameters = parameters_of(value)
    documented = text
    if inspect.isclass(value):  # A subclass may leave to its base what it only passes on.
        documented = " ".join(f"{base.__doc__} {base.__init__.__doc__}" for base in value.__mro__[:-1])
    refers = re.search(r"See `\w+` for the arguments", text)
    if len(parameters) > 2 and not (refers or name in SELF_EXPLAINING or name.endswith("Error")):
        missing = [parameter for parameter in parameters if not re.search(rf"\b{parameter}\b", documented)]
        assert not missing, f"{name}: the docstring does not speak of {missing}"
    if "." not in name and name not in WITHOUT_EXAMPLE:
        assert ">>>" in text, f"{name} has no example"


# Examples of networks with dozens of blocks, which take ten seconds and more to trace.
SLOW_EXAMPLES = {
    "tfgan_suite.checkpoints.vdvae_state",
    "tfgan_suite.models.glow.glow",
    "tfgan_suite.models.pixelcnn.pixelcnn",
    "tfgan_suite.models.vaegan.vaegan",
    "tfgan_suite.models.vdvae.vdvae",
}


def modules():
    skipped = ("tfgan_suite.commands",)
    for module in pkgutil.walk_packages(tg.__path__, "tfgan_suite."):
        if not module.name.startswith(skipped):
            yield module.name


@pytest.mark.parametrize(
    "module_name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW_EXAMPLES else []) for name in modules()],
)
def test_examples_are_true(module_name, tmp_path, monkeypatch):
    try:
        module = importlib.import_module(module_name)
    except tg.MissingExtraError as error:
        pytest.skip(str(error))
    monkeypatch.chdir(tmp_path)
    names = {"np": np, "keras": keras, "tf": tf, "tg": tg, **{name: getattr(tg, name) for name in tg.__all__}}
    finder = doctest.DocTestFinder(exclude_empty=True)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for test in finder.find(module, globs={**names, **vars(module)}):
        if not NEEDS_FILES.search("".join(example.source for example in test.examples)):
            runner.run(test, clear_globs=False)
    assert runner.summarize(verbose=False).failed == 0


def test_examples_with_files_are_at_least_python():
    for name, value in OBJECTS.items():
        for example in doctest.DocTestParser().get_examples(inspect.getdoc(value) or ""):
            compile(example.source, name, "exec")


def test_every_module_says_what_it_is_for():
    silent = []
    for module_name in modules():
        spec = importlib.util.find_spec(module_name)
        source = spec.loader.get_source(module_name)
        if not (source.startswith('"""') and len(source.splitlines()[0]) > 15) and source.strip():
            silent.append(module_name)
    assert not silent
