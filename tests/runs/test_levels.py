"""Images of few levels: a run's model takes the levels of its data, and what does not fit is refused."""

import numpy as np
import pytest

import tfgan_suite as tg
from tests.prepared_set import write_prepared_examples
from tests.tiny_pipeline import CONTENT
from tfgan_suite.commands import cli
from tfgan_suite.data.dataset_info import DatasetInfo, SplitInfo
from tfgan_suite.release.pipeline_config import PipelineConfig
from tfgan_suite.runs.recipe import make_model, resolve
from tfgan_suite.runs.run_recipe import describe_run, read_recipe, recipe_differences
from tfgan_suite.runs.train import train
from tfgan_suite.runs.train_config import TrainConfig

SMALL = {"latent_size": 2, "base_channels": 2, "dense_units": 4}


def info_of(levels):
    return DatasetInfo("any", tg.ImageSpec((8, 8, 1), levels=levels), {"train": SplitInfo(100, (), ())})


def config_of(preset="vae", **model):
    return TrainConfig("data/any", "runs/any", preset=preset, model=model)


def test_a_model_takes_the_levels_of_its_data():
    for levels in (2, 16, 256):
        for preset in ("vae", "vdvae", "pixelcnn"):
            assert resolve(config_of(preset), info_of(levels)).arguments["levels"] == levels
    model, _, _ = make_model(config_of(**SMALL), info_of(2))
    assert model.spec.levels == 2
    assert make_model(config_of(**SMALL, levels=2), info_of(2))[0].spec.levels == 2


@pytest.mark.parametrize(("data", "asked"), [(2, 256), (256, 2)])
def test_other_levels_are_refused(data, asked):
    message = f"`levels` must be {data} for the data set 'any', whose images have so many. Received: levels={asked}"
    with pytest.raises(tg.UserError, match=message):
        make_model(config_of(levels=asked), info_of(data))


def test_a_gan_has_256_levels():
    with pytest.raises(tg.UserError, match="DCGAN makes images of 256 levels. The data set 'any' holds images of 2"):
        make_model(config_of("dcgan"), info_of(2))


@pytest.fixture(scope="module")
def binary_images():
    generator = np.random.default_rng(0)
    return (generator.random([48, 8, 8, 1]) < np.linspace(0.1, 0.9, 8)[:, None]).astype("uint8")


def test_a_run_of_binary_images(binary_images, tmp_path):
    directory = write_prepared_examples(tmp_path / "data", tg.ImageSpec((8, 8, 1), levels=2), binary_images)
    config = TrainConfig(
        str(directory), str(tmp_path / "run"), preset="vae", batch_size=8, total_images=32, score_every_ticks=-1,
        model={**SMALL, "distribution": "Bernoulli"},
    )  # fmt: skip
    model = train(config, progress=False).model
    assert model.spec.levels == 2 and set(np.unique(model.generate(4))) <= {0, 1}
    recipe = read_recipe(tmp_path / "run")["model"]["arguments"]
    assert recipe["levels"] == 2 and recipe["distribution"]["class_name"] == "Bernoulli"
    # Scores: the likelihood of levels as they are, pixels as they are shown.
    metrics = [tg.metrics.BitsPerDimension(), tg.metrics.ReconstructionError()]
    scores = tg.evaluate(model, directory, metrics, progress=False)
    assert scores["bits_per_dimension_train_48"].value == pytest.approx(
        model.bits_per_dimension(binary_images).mean(), rel=0.05
    )
    reconstructed = model.spec.to_edge(model.reconstruct(model.spec.to_model(binary_images)))
    wrong = np.mean(reconstructed.numpy() != binary_images)
    assert scores["reconstruction_error_train_48"].value == pytest.approx(wrong) and wrong > 0.1
    with pytest.raises(tg.UserError, match="8 x 8, gray, 2 levels. The real ones: 8 x 8, gray"):
        other = write_prepared_examples(tmp_path / "other", tg.ImageSpec((8, 8, 1)), binary_images * 255)
        tg.evaluate(model, other, [tg.metrics.SlicedWassersteinDistance()], progress=False)
    with pytest.raises(tg.UserError, match="must hold images of 2 levels, 0 to 1, as the model does"):
        tg.evaluate(model, binary_images * 255, metrics, progress=False)


# === Distributions in configurations ===


@pytest.mark.parametrize("written", ["Bernoulli", {"class_name": "Bernoulli", "config": {}}])
def test_a_distribution_by_its_name(written, tmp_path):
    model, recipe, _ = make_model(config_of(**SMALL, distribution=written), info_of(2))
    assert isinstance(model.distribution, tg.distributions.Bernoulli)
    mixture = {"class_name": "DiscretizedLogisticMixture", "config": {"components": 3}}
    assert resolve(config_of(**SMALL, distribution=mixture), info_of(256)).arguments["distribution"].components == 3


@pytest.mark.parametrize(
    ("distribution", "message"),
    [
        ("bernoulli", "the name of its class, such as Bernoulli. Received: distribution='bernoulli'"),
        ({"class_name": "Bernouli"}, "`distribution` must name a class that is registered"),
        ({"class_name": "DiscretizedLogisticMixture", "config": {"components": 0}}, "`components` must be an integer"),
        ("Bernoulli", "VAE cannot be built: `levels` must be 2 for Bernoulli. Received: levels=256"),
    ],
)
def test_other_distributions_are_refused(distribution, message):
    with pytest.raises(tg.UserError, match=message):
        make_model(config_of(**SMALL, distribution=distribution), info_of(256))


def test_from_the_command_line_and_resumed(binary_images, tmp_path, capsys):
    directory = write_prepared_examples(tmp_path / "data", tg.ImageSpec((8, 8, 1), levels=2), binary_images)
    command = [
        "train",
        "--preset",
        "vae",
        "--data",
        str(directory),
        "--run",
        str(tmp_path / "run"),
        "--batch-size",
        "8",
    ]
    command += ["--score-every-ticks", "-1", *(f"--set={name}={value}" for name, value in SMALL.items())]
    assert cli.main([*command, "--images", "8", "--set", "distribution=Bernoulli"]) == 0
    assert cli.main([*command, "--images", "16", "--set", "distribution=DiscretizedGaussian"]) == 2
    assert "model" in capsys.readouterr().err
    assert cli.main([*command, "--images", "16", "--set", "distribution=Bernoulli"]) == 0
    model = tg.load_model(tmp_path / "run")
    assert int(model.examples_seen) == 16 and isinstance(model.distribution, tg.distributions.Bernoulli)
    assert read_recipe(tmp_path / "run")["model"]["arguments"]["distribution"]["class_name"] == "Bernoulli"


def test_the_distribution_of_a_preset_is_written_down():
    config = config_of("pixelcnn_digits_28", blocks=1, filters=2)
    model, recipe, ticks = make_model(config, info_of(16))
    written = describe_run(config, info_of(16), model, recipe, ticks)
    assert written["model"]["arguments"]["distribution"]["config"] == {"components": 5}
    assert written["model"]["arguments"]["levels"] == 16
    other = config_of("pixelcnn_digits_28", blocks=1, filters=2, distribution="DiscretizedLogisticMixture")
    changed = describe_run(other, info_of(16), *make_model(other, info_of(16)))
    assert recipe_differences(written, changed) == ["model.arguments.distribution.components was 5, is 10"]


def test_in_a_pipeline_file():
    training = {"preset": "vae", "model": {"distribution": "Bernoulli", "latent_size": 2}}
    content = {**CONTENT, "data": {**CONTENT["data"], "levels": 2}, "train": training}
    config = PipelineConfig.from_dict(content)
    assert config.train["model"]["distribution"] == "Bernoulli" and config.data["levels"] == 2
    with pytest.raises(tg.UserError, match="must name a class that is registered"):
        training["model"]["distribution"] = {"class_name": "Bernouli"}
        PipelineConfig.from_dict(content)
