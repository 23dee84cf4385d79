"""What a pipeline's file may say: read, or refused in a sentence, before anything is prepared."""

import copy

import pytest
import yaml

from tests.tiny_pipeline import CONTENT, write_images
from tfgan_suite.commands import cli
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.release import PipelineConfig

pytest.importorskip("apache_beam", reason="Needs the extra [beam].")


def changed(**sections):
    content = copy.deepcopy(CONTENT)
    for section, entries in sections.items():
        content[section] = {**content[section], **entries} if isinstance(entries, dict) else entries
    return content


@pytest.fixture
def dry_run(tmp_path, monkeypatch, capsys):
    """Exit code and errors of `pipeline --dry-run` for a text."""
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "photos")

    def dry_run(text):
        (tmp_path / "pipeline.yaml").write_text(text, encoding="utf-8")
        code = cli.main(["pipeline", "--config", "pipeline.yaml", "--dry-run"])
        assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "pipeline.yaml"]
        return code, capsys.readouterr()

    return dry_run


def test_integers_may_be_written_as_floats():
    config = PipelineConfig.from_dict(changed(train={"total_images": 25e3}, evaluate={"num_images": 16.0}))
    assert config.train["total_images"] == 25000 and type(config.train["total_images"]) is int
    assert type(config.evaluate["num_images"]) is int


def test_off_is_what_it_means_where_it_stands():
    section = {"on_collapse": False, "on_instability": "off", "horizontal_flip": False}
    config = PipelineConfig.from_dict(changed(train=section))
    assert config.train["on_collapse"] == "off" and config.train["horizontal_flip"] is False


@pytest.mark.parametrize(
    "section, entry, message",
    [
        # Kinds.
        ("data", {"image_size": "32x32"}, "`data.image_size` must be an integer or a list or null. Received.*'32x32'"),
        ("data", {"image_size": [32]}, "image_size"),
        ("data", {"limit": "96"}, "`data.limit` must be an integer.*without quotes"),
        ("data", {"limit": 9.5}, "`data.limit` must be an integer.*9.5"),
        ("data", {"labels": "no"}, "`data.labels` must be true or false"),
        ("data", {"source": 3}, "`data.source` must be a string.*in quotes"),
        ("data", {"directory": ""}, "`data.directory` must be a non-empty string"),
        ("data", {"max_refused_fraction": "5%"}, "`data.max_refused_fraction` must be a number"),
        ("data", {"splits": {True: 1.0}}, "letters, digits and underscores"),
        ("data", {"splits": [0.9, 0.1]}, "`data.splits` must be a mapping"),
        ("data", {"format": "png"}, "`data.format` must be null or a mapping|a mapping or null"),
        ("data", {"format": {"jpeg_quality": "95"}}, "`data.format.jpeg_quality` must be an integer"),
        ("data", {"format": {"qualty": 95}}, "'qualty'.*'jpeg_quality'"),
        ("data", {"beam": {"runer": "dask"}}, "'runer'.*'runner'"),
        ("train", {"preset": 5}, "`train.preset` must be a string"),
        ("train", {"total_images": "16"}, "`train.total_images` must be an integer.*without quotes"),
        ("train", {"total_images": 1.5}, "`train.total_images` must be an integer"),
        ("train", {"total_images": True}, "`train.total_images` must be an integer"),
        ("train", {"horizontal_flip": "off"}, "`train.horizontal_flip` must be true or false"),
        ("train", {"model": ["base_channels=4"]}, "`train.model` must be a mapping"),
        ("train", {"precision": False}, "`train.precision` must be a string"),
        ("evaluate", {"num_images": "16"}, "`evaluate.num_images` must be an integer"),
        ("evaluate", {"truncation": "0.7"}, "`evaluate.truncation` must be a number"),
        ("evaluate", {"extractor": 5}, "`evaluate.extractor` must be a string or a list"),
        ("gate", {"thresholds": {"frechet_distance_16": True}}, "must be a number"),
        ("gate", {"thresholds": {"frechet_distance_16": float("nan")}}, "must be a number.*nan"),
        ("gate", {"compare": 3}, "`gate.compare` must be a string"),
        ("push", {"license": 0}, "`push.license` must be a string"),
        # Ranges.
        ("data", {"limit": 0}, "`limit` must be an integer >= 1"),
        ("data", {"channels": 2}, "`channels` must be 1"),
        ("data", {"encoding": "jpg"}, "'jpg'. Did you mean 'jpeg'"),
        ("data", {"splits": {"train": 0.5}}, "must sum to 1"),
        ("train", {"batch_size": 0}, "`batch_size` must be an integer >= 1"),
        ("train", {"seed": -1}, "`seed` must be an integer >= 0"),
        ("evaluate", {"num_images": 1}, "`num_images` must be >= 2"),
        ("evaluate", {"truncation": 7}, "`truncation` must be"),
        # Names.
        ("data", {"runner": "NoSuchRunner"}, "Unknown Beam runner 'NoSuchRunner'"),
        ("data", {"pipeline_options": {"runner": "DirectRuner"}}, "'DirectRuner'. Did you mean 'DirectRunner'"),
        ("data", {"pipeline_options": {"direct_num_worker": 2}}, "Did you mean 'direct_num_workers'"),
        ("train", {"preset": "dcgan_digit_32"}, "'dcgan_digit_32'. Did you mean 'dcgan_digits_32'"),
        ("train", {"model": {"base_chanels": 4}}, "'base_chanels'. Did you mean 'base_channels'"),
        ("train", {"compile": {"los": "Hinge"}}, "'los'. Did you mean 'loss'"),
        ("train", {"on_collapse": "halt"}, "'halt'"),
        ("evaluate", {"extractor": "efficientnet"}, "'efficientnet'. Did you mean 'efficientnet-lite0'"),
        ("evaluate", {"extractor": ["inception"]}, "needs a file with its weights"),
        ("evaluate", {"split": "test"}, "'test', which `evaluate.split` names"),
        ("gate", {"thresholds": {"fid": 40}}, "'fid'.*frechet_distance_16"),
        ("gate", {"thresholds": {"frechet_distance_5k": 40}}, "Did you mean 'frechet_distance_16'"),
        ("gate", {"compare": "frechet_distance"}, "Did you mean 'frechet_distance_16'"),
        # Settings that contradict each other.
        ("data", {"splits": {"training": 1.0}}, "'train', which is trained on"),
        ("data", {"encoding": "png", "format": {"encoding": "webp"}}, "`encoding` must be passed once"),
    ],
)  # fmt: skip
def test_what_is_refused(section, entry, message):
    with pytest.raises(UserError, match=message):
        PipelineConfig.from_dict(changed(**{section: entry}))


def test_scores_that_need_classes():
    scores = {"thresholds": {"dataset_classifier_class_agreement_16": 0.5}}
    content = changed(gate=scores, evaluate={"extractor": "dataset-classifier"})
    assert PipelineConfig.from_dict(content).compared_score == "dataset_classifier_class_agreement_16"
    content["train"]["conditional"] = False  # Nothing then says which class an image should be of.
    with pytest.raises(UserError, match="Unknown score.*dataset_classifier_inception_score_16"):
        PipelineConfig.from_dict(content)
    content["train"]["conditional"], content["data"]["labels"] = None, False
    with pytest.raises(UserError, match="'dataset-classifier' for data without classes"):
        PipelineConfig.from_dict(content)


def test_without_a_number_of_images_any_count_will_do():
    content = {**CONTENT, "evaluate": {}, "gate": {"thresholds": {"frechet_distance_5k": 40}}}
    PipelineConfig.from_dict(content)
    content["gate"] = {"thresholds": {"frechet_distance": 40}}
    with pytest.raises(UserError, match="Did you mean 'frechet_distance_COUNT'"):
        PipelineConfig.from_dict(content)


def test_a_good_file(dry_run):
    code, said = dry_run(yaml.safe_dump(CONTENT))
    assert code == 0 and "24 images" in said.out and "2 classes" in said.out


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("photos", "fotos", "'fotos'"),
        ("latent_size: 4", "latent_size: -4", "cannot be built"),
        ("latent_size: 4", "latent_size: 4.5", "cannot be built"),
        ("batch_size: 8", "batch_size: 8\n  compile: {loss: Hing}", "Hing"),
        ("batch_size: 8", "batch_size: 8\n  batch_size: 16", "'batch_size' stands twice"),
        ("total_images: 16", "total_images: 1e", "must be an integer or null. Received: train.total_images='1e'"),
    ],
)
def test_what_only_the_dry_run_can_know(dry_run, old, new, message):
    text = yaml.safe_dump(CONTENT)
    assert old in text
    code, said = dry_run(text.replace(old, new))
    assert code == 2 and message in said.err and said.err.count("\n") == 1


def test_exponents_in_the_file(dry_run):
    assert dry_run(yaml.safe_dump(CONTENT).replace("total_images: 16", "total_images: 16e0"))[0] == 0
