"""Whatever is in a small file, its reader gives a value or one sentence with the path: fuzzers of every reader."""

import copy
import dataclasses
import hashlib
import json
import random

import numpy as np
import pytest

from tests.checkpoints.pytorch_files import write_state_dict
from tests.prepared_set import write_prepared_set
from tests.tiny_pipeline import CONTENT
from tfgan_suite.callbacks.checkpointing import Checkpointing, _valid_manifest
from tfgan_suite.callbacks.monitor import read_alerts
from tfgan_suite.callbacks.stability_monitor import StabilityMonitor
from tfgan_suite.checkpoints.conversion import find_manifest
from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.data.sources.label_files import parse_label_file
from tfgan_suite.engine.alerts import Alert
from tfgan_suite.exports.model_card import CARD_JSON, read_model_card
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.history import read_history
from tfgan_suite.foundation.small_files import parse_json
from tfgan_suite.judging.study import Item, Study
from tfgan_suite.latent_tools.sefa import Directions
from tfgan_suite.metrics.protocol.cache import ArrayCache
from tfgan_suite.metrics.protocol.results import Evaluation, EvaluationRow
from tfgan_suite.release.data_schema import DataSchema
from tfgan_suite.release.ledger import Ledger
from tfgan_suite.release.pipeline_config import PipelineConfig
from tfgan_suite.release.pushed_versions import find_pushed, pushed_scores
from tfgan_suite.runs.run_recipe import read_recipe, recipe_differences
from tfgan_suite.runs.train_config import TrainConfig
from tfgan_suite.untrusted.nvidia_pickle import read_network_pickle
from tfgan_suite.untrusted.safe_pickle import read_pytorch_weights
from tfgan_suite.untrusted.tensorflow_variables import read_tensorflow_variables

pytest.importorskip("apache_beam", reason="Needs the extra [beam].")

ROW = EvaluationRow(
    "frechet_distance_1k", 12.5, 0.1, "repeats", None, "lower", {"extractor": "e", "extractor_weights_sha256": "0f"},
    {"images_seen": 16}, {"cat": {"value": 1.0, "num_real": 3, "num_fake": 4}},
)  # fmt: skip
ALERT = Alert("exploding_gradients", "gradient", 2.0, 1.0, 16, "It explodes.", "Lower the rate.", ("noted",))


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


# === Each reader: a function that writes a good file, and one that reads it and uses what it has read ===


def dataset_info(folder):
    return (
        write_prepared_set(folder / "set", np.zeros([6, 16, 16, 1], np.uint8), np.arange(6) % 3) / "dataset_info.json"
    )


def use_dataset_info(path):
    info = DatasetInfo.load(path.parent)
    return info.pyramid_shapes, info.fingerprint, info.to_json(), info.num_examples, repr(info), info.num_classes


def config(folder):
    TrainConfig("data", "run", batch_size=8, model={"latent_size": 4}).save(folder / "config.json")
    return folder / "config.json"


def use_config(path):
    return TrainConfig.load(path).differences(TrainConfig("data", "run"))


def recipe(folder):
    content = {
        "format_version": 1,
        "model": {"class": "DCGAN", "arguments": {"latent_size": 4}},
        "compile": {"loss": {"class_name": "Hinge", "config": {}}},
        "training": {"seed": 0, "phases": [{"end_image": 64, "size": None}]},
        "data": {"name": "tiny", "fingerprint": "0f"},
        "imports": ["json"],
        "versions": {"keras": "3"},
        "resumed_with": [{"keras": "3.1"}],
    }
    (folder / "recipe.json").write_text(json.dumps(content))
    return folder / "recipe.json"


def use_recipe(path):
    content = read_recipe(path.parent)
    return content and recipe_differences(content, content)


def use_scores(path):
    evaluation = Evaluation.load(path)
    return str(evaluation), evaluation.to_markdown(), evaluation.latest().scalars()


def checkpoint(folder):
    """A description without a digest, as earlier versions wrote it."""
    (folder / "000000000016.weights.h5").write_bytes(b"weights")
    state = {
        "alerts": [dataclasses.asdict(ALERT)],
        "pending": [],
        "calm_images": 8,
        "rules": {"exploding_gradients": {"streak": 1}},
    }
    sha256 = hashlib.sha256(b"weights").hexdigest()
    content = {"examples_seen": 16, "sha256": sha256, "bytes": 7, "companions": {"stability": state}}
    content["means_so_far"] = {"loss": [1.0, 2.0]}
    (folder / "000000000016.json").write_text(json.dumps(content))
    return folder / "000000000016.json"


def use_checkpoint(path):
    monitor = StabilityMonitor(rules=[])
    checkpointing = Checkpointing(path.parent, companions=[monitor])
    newest = checkpointing.newest()
    if newest is not None:
        checkpointing._hand_out(_valid_manifest(newest))
    return newest


def ledger(folder):
    entries = [
        {"step": "prepare", "key": "a", "fingerprint": "0f"},
        {"step": "evaluate", "key": "a", "scores": [ROW.to_json()]},
        {"step": "push", "key": "a", "version_dir": "saved/1"},
    ]
    return write_lines(folder / "ledger.jsonl", entries)


def use_ledger(path):
    one = Ledger(path.parent)
    return [one.find(step, "a") for step in ("prepare", "evaluate", "push", "train")]


def lineage(folder):
    (folder / "1").mkdir()
    (folder / "1" / "lineage.json").write_text(json.dumps({"train": {"key": "k"}, "scores": [ROW.to_json()]}))
    return folder / "1" / "lineage.json"


def card(folder):
    path = folder / CARD_JSON
    path.parent.mkdir()
    content = {
        "format_version": 2, "name": "m", "version": 1, "description": "", "license": "CC0",
        "model": {"class": "GAN", "example": {"kind": "image", "shape": [8, 8, 1]}, "sampling_options": []},
        "training": {"examples_seen": 1, "steps": 1, "seed": 0}, "data": None, "scores": None,
    }  # fmt: skip
    path.write_text(json.dumps(content))
    return path


def conversion(folder):
    source = {"file": "a.pkl", "format": "pickle", "sha256": "0f"}
    (folder / "conversion.json").write_text(json.dumps({"format_version": 2, "license": "CC0", "source": source}))
    return folder / "conversion.json"


def schema(folder):
    info = DatasetInfo.load(dataset_info(folder).parent)
    DataSchema.infer(info).save(folder / "schema.json")
    return folder / "schema.json"


def study(folder):
    items = [dataclasses.asdict(Item(number, (f"{number}",), ("real",), "real", number > 5)) for number in range(8)]
    settings = {"seed": 0, "num_repeats": 2, "question": "real-or-fake", "num_items": 6}
    (folder / "study.json").write_text(json.dumps({"format_version": 1, "settings": settings, "items": items}))
    return folder / "study.json"


def directions(folder):
    Directions(np.eye(3, dtype=np.float32), np.ones(3, np.float32), True, (0, 1)).save(folder / "directions.npz")
    return folder / "directions.npz"


def cache(folder):
    ArrayCache("test", folder).write({"data": "abc"}, {"mean": np.arange(30.0)})
    return next(folder.glob("*.npz"))


def use_cache(path):
    found = ArrayCache("test", path.parent).read({"data": "abc"})
    assert found is None or set(found) == {"mean"} and (found["mean"] == np.arange(30.0)).all()


def pytorch_zip(folder):
    return write_state_dict(folder / "weights.pth", {"kernel": np.ones([2, 3])})


def pipeline(folder):
    (folder / "pipeline.yaml").write_text(json.dumps(CONTENT))  # JSON is YAML.
    return folder / "pipeline.yaml"


def labels(name, content):
    """A label file in a source of images, as a user has written it."""

    def write(folder):
        (folder / name).write_text(content)
        return folder / name

    return write, lambda path: parse_label_file(str(path), path.read_bytes())


READERS = {
    "dataset_info.json": (dataset_info, use_dataset_info),
    "config.json": (config, use_config),
    "recipe.json": (recipe, use_recipe),
    "metrics.json": (lambda folder: Evaluation([ROW, ROW]).append_to(folder), use_scores),
    "history.jsonl": (
        lambda folder: write_lines(folder / "history.jsonl", [{"examples_seen": 8 * n, "loss": 0.5} for n in range(4)]),
        lambda path: [row["examples_seen"] + row.get("loss", 0.0) for row in read_history(path)],
    ),
    "alerts.jsonl": (
        lambda folder: write_lines(folder / "alerts.jsonl", [{"monitor": "m", **dataclasses.asdict(ALERT)}] * 2),
        lambda path: sorted(row["examples_seen"] for row in read_alerts(path)),
    ),
    "checkpoint": (checkpoint, use_checkpoint),
    "ledger.jsonl": (ledger, use_ledger),
    "lineage.json": (lineage, lambda path: (pushed_scores(path.parent), find_pushed(path.parent.parent, "k"))),
    "model_card.json": (card, lambda path: read_model_card(path.parent.parent)),
    "conversion.json": (conversion, lambda path: find_manifest(path.parent)),
    "schema.json": (schema, lambda path: DataSchema.load(path).to_json()),
    "study.json": (study, lambda path: Study(path.parent).trials("rater")),
    "directions.npz": (directions, Directions.load),
    "cache.npz": (cache, use_cache),
    "weights.pth": (pytorch_zip, read_pytorch_weights),
    "network.pkl": (pytorch_zip, read_network_pickle),
    "pipeline.yaml": (pipeline, lambda path: PipelineConfig.load(path).push_directory),
    "labels.csv": labels("labels.csv", "file,label\n" + "".join(f'"{n}.png","cat {n % 2}"\n' for n in range(8))),
    "one-hot.csv": labels(
        "labels.csv", "image,cat,dog\n" + "".join(f"{n}.png,{n % 2},{1 - n % 2}\n" for n in range(8))
    ),
    "metadata.jsonl": labels(
        "metadata.jsonl", "".join(json.dumps({"file_name": f"{n}.png", "label": n % 3}) + "\n" for n in range(8))
    ),
    "dataset.json": labels("dataset.json", json.dumps({"labels": [[f"{n}.png", n % 3] for n in range(8)]})),
    "variables.npz": (directions, read_tensorflow_variables),
}
OTHER_VALUES = (
    None,
    True,
    -1,
    0,
    10**30,
    1.5,
    float("nan"),
    "",
    "x",
    "\x1b[2J",
    "\udcff",
    [],
    {},
    [None],
    [[]],
    {"a": {}},
)


def mutate(content: bytes, generator: random.Random, deep: int = 100_000) -> bytes:
    """The content with bytes changed, cut short, or, if it is JSON, with another value, a name twice, or nested deeply."""
    way = generator.randrange(6)
    if way == 0:
        return content[: generator.randrange(len(content))]
    if way == 1 and not content.startswith(b"PK"):
        return b"[" * generator.choice([3, deep]) + content
    lines = content.splitlines(keepends=True)
    try:
        values = [json.loads(content)]
    except ValueError:
        try:
            values = [json.loads(line) for line in lines]
        except ValueError:
            values = None
    if way <= 2 or values is None:
        changed = bytearray(content)
        for _ in range(generator.randint(1, 3)):
            changed[generator.randrange(len(changed))] = generator.randrange(256)
        return bytes(changed)
    index = generator.randrange(len(values))
    if way == 3:
        text = json.dumps(values[index])
        values[index] = None
        double = text.replace('": ', '": 0, "twice": 1, "twice": ', 1)
        return b"\n".join(double.encode() if value is None else json.dumps(value).encode() for value in values)
    values[index] = replace_one(copy.deepcopy(values[index]), generator)
    return "\n".join(json.dumps(value) for value in values).encode()


def replace_one(value, generator):
    """A JSON value in which one value, at any depth, is another or is gone."""
    places = [(None, None)]
    pending = [value]
    while pending:
        one = pending.pop()
        for key in one if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ():
            places.append((one, key))
            pending.append(one[key])
    parent, key = generator.choice(places)
    other = copy.deepcopy(generator.choice(OTHER_VALUES))
    if parent is None:
        return other
    if generator.random() < 0.2:
        del parent[key]
    else:
        parent[key] = other
    return value


def fuzz(name, folder, trials):
    """Counts of values and of sentences; fails at anything else."""
    write, read = READERS[name]
    path = write(folder)
    good, generator = path.read_bytes(), random.Random(name)
    if name != "network.pkl":  # Which is a checkpoint of PyTorch here.
        read(path)
    counts = {"value": 0, "sentence": 0}
    deep = 1_000 if name == "pipeline.yaml" else 100_000  # YAML's reader, in Python, takes its time, and ends at 200.
    for trial in range(trials):
        path.write_bytes(mutate(good, generator, deep))
        try:
            read(path)
            counts["value"] += 1
        except UserError as error:
            named = str(folder) in str(error) or name in (
                "weights.pth",
                "network.pkl",
            )  # They name what is wrong inside.
            assert named and "\n" not in str(error).strip(), f"trial {trial}: {error}"
            counts["sentence"] += 1
        except BaseException as error:
            raise AssertionError(f"trial {trial} of {name} ended in {error!r}: {path.read_bytes()[:300]!r}") from error
    return counts


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_a_value_or_a_sentence(name, tmp_path):
    assert sum(fuzz(name, tmp_path, 60).values()) == 60


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_many_damaged_files_are_values_or_sentences(name, tmp_path):
    trials = 600 if name == "pipeline.yaml" else 3_000  # YAML's reader is written in Python.
    counts = fuzz(name, tmp_path, trials)
    print(
        f"{name}: {counts['value']:,} of {trials:,} changed files were read, {counts['sentence']:,} refused in one sentence"
    )
    assert counts["sentence"] or name in ("history.jsonl", "alerts.jsonl", "ledger.jsonl", "checkpoint", "cache.npz")


@pytest.mark.parametrize("name", ["directions.npz", "cache.npz", "variables.npz"])
def test_a_zip_file_that_says_that_it_is_encrypted(name, tmp_path):
    """One bit, of which `zipfile` makes a `RuntimeError`."""
    write, read = READERS[name]
    path = write(tmp_path)
    content = bytearray(path.read_bytes())
    for place in range(len(content)):
        if content[place : place + 4] == b"PK\x01\x02":
            content[place + 8] |= 1
    path.write_bytes(content)
    if name == "cache.npz":
        read(path)  # Which finds that there is nothing.
    else:
        with pytest.raises(UserError, match="encrypted"):
            read(path)


def test_a_name_that_stands_twice_is_refused():
    with pytest.raises(ValueError, match="the name 'a' stands there twice"):
        parse_json('{"b": {"a": 1, "a": 2}}')
