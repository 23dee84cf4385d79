import io
import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tfgan_suite as tg
from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.data.images import ImageFormat
from tfgan_suite.data.records import parse_records
from tfgan_suite.data.sources.array_source import ArraySource
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset
from tfgan_suite.specs.image_spec import ImageSpec

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, [600, 8, 8, 3], np.uint8)
LABELS = np.arange(600) % 3


def prepare(source, output_dir, **settings) -> DatasetInfo:
    return prepare_dataset(source, output_dir, progress=False, **settings)


def read_records(directory, split="train") -> dict[str, tuple[np.ndarray, int]]:
    """All images of a split by source name, decoded without the loader."""
    info = DatasetInfo.load(directory)
    paths = [str(directory / shard.name) for shard in info.splits[split].shards]
    records = {}
    for batch in tf.data.TFRecordDataset(paths, compression_type=info.compression).batch(1000):
        features, sources, labels = parse_records(info.spec, batch)
        for encoded, source, label in zip(features["encoded"].numpy(), sources.numpy(), labels.numpy(), strict=True):
            pixels = np.asarray(Image.open(io.BytesIO(encoded))).reshape(info.image_shape)
            records[source.decode()] = (pixels, label)
    return records


def content_of(directory) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path(directory).iterdir())}


def test_arrays_come_through_unchanged(tmp_path):
    info = prepare((NOISE, LABELS), tmp_path / "out")
    assert info.image_shape == (8, 8, 3) and info.num_classes == 3 and info.class_names == ("0", "1", "2")
    assert info.splits["train"].num_examples == 600 and info.splits["train"].class_counts == (200, 200, 200)
    assert info.duplicates == 0 and info.refused.count == 0
    assert info.processing == {"filter": "lanczos", "library": f"Pillow {Image.__version__}"}
    records = read_records(tmp_path / "out")
    for row in range(600):
        pixels, label = records[f"row {row}"]
        assert label == row % 3
        np.testing.assert_array_equal(pixels, NOISE[row])
    info.verify(tmp_path / "out")
    assert sorted(content_of(tmp_path / "out")) == ["dataset_info.json", "train-00000-of-00001.tfrecord.gz"]


def test_digits_are_whole_and_small(tmp_path):
    info = prepare("digits", tmp_path / "digits")
    assert info.image_shape == (32, 32, 1) and info.splits["train"].class_counts == (500,) * 10
    assert info.processing == {"filter": "none", "library": f"Pillow {Image.__version__}"} and "MNIST" in info.license
    records = read_records(tmp_path / "digits")
    from tfgan_suite.data.sources.array_source import open_digits

    source, optimised_bytes = open_digits(), 0
    for row in range(5000):
        pixels, label = records[f"row {row}"]
        assert label == source.labels[row]
        np.testing.assert_array_equal(pixels, np.pad(source.examples[row], ((2, 2), (2, 2), (0, 0))))
        buffer = io.BytesIO()
        Image.fromarray(pixels[..., 0]).save(buffer, "PNG", optimize=True)
        optimised_bytes += len(buffer.getvalue())
    on_disk = sum(len(content) for content in content_of(tmp_path / "digits").values())
    assert on_disk <= 1.2 * optimised_bytes, f"{on_disk:,} bytes against {optimised_bytes:,}"


def test_small_drawings_are_small_on_disk(tmp_path):
    """Pictures whose PNG is shorter than the names and sizes in their record."""
    drawings = np.zeros([300, 64, 64, 3], np.uint8)
    optimised_bytes = 0
    for number, drawing in enumerate(drawings):
        drawing[number % 50 : number % 50 + 10, number // 10 : number // 10 + 9] = RNG.integers(0, 256, 3)
        buffer = io.BytesIO()
        Image.fromarray(drawing).save(buffer, "PNG", optimize=True)
        optimised_bytes += len(buffer.getvalue())
    assert optimised_bytes / 300 < 200
    prepare(drawings, tmp_path / "out")
    on_disk = sum(len(content) for content in content_of(tmp_path / "out").values())
    assert on_disk <= 1.2 * optimised_bytes, f"{on_disk:,} bytes against {optimised_bytes:,}"


def test_splits_are_functions_of_the_content(tmp_path):
    splits = {"train": 0.8, "validation": 0.1, "test": 0.1}
    info = prepare(NOISE, tmp_path / "a", splits=splits)
    counts = {name: split.num_examples for name, split in info.splits.items()}
    assert sum(counts.values()) == 600 and 440 <= counts["train"] <= 520 and 35 <= counts["test"] <= 90
    # The same pictures in another order and company fall into the same splits.
    prepare(NOISE[::-1][:400], tmp_path / "b", splits=splits)
    for split in splits:
        whole = {pixels.tobytes() for pixels, _ in read_records(tmp_path / "a", split).values()}
        part = {pixels.tobytes() for pixels, _ in read_records(tmp_path / "b", split).values()}
        assert part and part <= whole
    prepare(NOISE, tmp_path / "c", splits=splits, seed=1)
    assert read_records(tmp_path / "c", "test").keys() != read_records(tmp_path / "a", "test").keys()


def test_bytes_do_not_depend_on_runner_or_workers(tmp_path):
    plain = prepare((NOISE, LABELS), tmp_path / "plain", num_shards=3)
    assert len(plain.splits["train"].shards) == 3
    prepare((NOISE, LABELS), tmp_path / "bundles", num_shards=3, runner="BundleBasedDirectRunner")
    options = beam.options.pipeline_options.PipelineOptions(
        ["--direct_num_workers=2", "--direct_running_mode=multi_threading"]
    )
    prepare((NOISE, LABELS), tmp_path / "threads", num_shards=3, runner="DirectRunner", pipeline_options=options)
    assert content_of(tmp_path / "plain") == content_of(tmp_path / "bundles") == content_of(tmp_path / "threads")


@pytest.mark.slow
def test_bytes_do_not_depend_on_worker_processes(tmp_path):
    prepare((NOISE, LABELS), tmp_path / "plain")
    flags = ["--runner=DirectRunner", "--direct_num_workers=2", "--direct_running_mode=multi_processing"]
    prepare((NOISE, LABELS), tmp_path / "processes", pipeline_options=flags)
    assert content_of(tmp_path / "plain") == content_of(tmp_path / "processes")


def test_classes_are_mixed_on_disk(tmp_path):
    prepare((NOISE, np.sort(LABELS)), tmp_path / "out")
    labels = [label for _, label in read_records(tmp_path / "out").values()]
    assert np.abs(np.diff(labels)).astype(bool).mean() > 0.5


def test_copies_are_left_out_and_conflicts_refused(tmp_path, image_folder):
    root = image_folder(per_class=20)
    data = (root / "cats" / "0.png").read_bytes()
    (root / "cats" / "copy of 0.png").write_bytes(data)
    Image.open(io.BytesIO(data)).save(root / "cats" / "same pixels.bmp")  # Another file, the same picture.
    (root / "dogs" / "1 as a dog.png").write_bytes((root / "cats" / "1.png").read_bytes())
    info = prepare(root, tmp_path / "out", image_size=(12, 16))
    assert info.duplicates == 2 and info.refused.reasons == {"conflicting_labels": 2}
    assert {image.source for image in info.refused.examples} == {"cats/1.png", "dogs/1 as a dog.png"}
    assert "'cats/1.png'" in [image.message for image in info.refused.examples if image.source.startswith("dogs")][0]
    kept = read_records(tmp_path / "out")
    assert len(kept) == 39 and "cats/0.png" in kept and "cats/copy of 0.png" not in kept
    assert info.splits["train"].class_counts == (19, 20)
    everything = prepare(root, tmp_path / "all", image_size=(12, 16), deduplicate=False)
    assert everything.num_examples == 43 and everything.duplicates == 0 and everything.refused.count == 0
    unlabelled = prepare(root, tmp_path / "unlabelled", image_size=(12, 16), labels=False)
    assert unlabelled.duplicates == 3 and unlabelled.num_classes is None and unlabelled.refused.count == 0


def hostile_folder(root: Path) -> dict[str, str]:
    """Adds files that cannot be used to a folder; returns the reason expected for each."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    bomb = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)) + chunk(
        b"IDAT", zlib.compress(bytes(10**6))
    )
    buffer = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, [64, 64, 3], np.uint8)).save(buffer, "JPEG")
    files = {
        "cats/truncated.jpg": (buffer.getvalue()[:900], "truncated"),
        "cats/空.png": (b"", "empty_file"),
        "dogs/text.png": (b"this is text", "not_an_image"),
        "dogs/bomb.png": (b"\x89PNG\r\n\x1a\n" + bomb, "too_many_pixels"),
        "dogs/.hidden.png": (b"", "hidden_file"),
        "dogs/notes.txt": (b"", "side_file"),
    }
    for name, (data, _) in files.items():
        (root / name).write_bytes(data)
    (root / "dogs" / "folder.png").mkdir()
    (root / "dogs" / "loop").symlink_to(root)
    (root / "dogs" / "gone.png").symlink_to(root / "nowhere.png")
    others = {"dogs/folder.png": "not_a_file", "dogs/loop": "symlink_loop", "dogs/gone.png": "broken_link"}
    return {name: reason for name, (_, reason) in files.items()} | others


def test_hostile_files_never_stop_a_run_and_are_all_listed(tmp_path, image_folder):
    root = image_folder(per_class=20)
    expected = hostile_folder(root)
    for number, mode in enumerate(("CMYK", "L", "1", "P", "RGBA", "I;16")):
        pixels = RNG.integers(0, 256, [20, 20, 3], np.uint8)
        sixteen = mode == "I;16"
        image = (
            Image.fromarray(RNG.integers(0, 2**16, [20, 20], np.uint16))
            if sixteen
            else Image.fromarray(pixels).convert(mode)
        )
        image.save(root / "cats" / f"кот {number}.{'jpg' if mode == 'CMYK' else 'png'}")
    info = prepare(root, tmp_path / "out", image_size=8, max_refused_fraction=0.3)
    assert {image.source: image.reason for image in info.refused.examples} == expected
    assert info.refused.count == len(expected) == sum(info.refused.reasons.values())
    assert info.num_examples == 46 and info.duplicates == 0
    assert DatasetInfo.load(tmp_path / "out") == info


def test_too_many_refused_publishes_nothing_but_the_list(tmp_path, image_folder, capfd):
    root = image_folder(per_class=20)
    expected = hostile_folder(root)
    out = tmp_path / "out"
    with pytest.raises(
        UserError, match=r"7 of 47 images cannot be used \(14.9%; at most 5.0% is allowed\).*The first: "
    ) as error:
        prepare(root, out, image_size=8)
    assert "cats/truncated.jpg: truncated" in str(error.value) and "refused.json" in str(error.value)
    assert {entry["source"] for entry in json.loads((out / "refused.json").read_text("utf-8"))} == set(expected)
    assert sorted(path.name for path in out.iterdir()) == [".prepare", "refused.json"]
    # What was done is kept: allowing more only has to publish.
    info = prepare_dataset(root, out, image_size=8, max_refused_fraction=0.2)
    assert "Resuming an unfinished preparation: 1 of 1 blocks" in capfd.readouterr().err
    assert info.num_examples == 40
    assert sorted(path.name for path in out.iterdir()) == ["dataset_info.json", "train-00000-of-00001.tfrecord.gz"]


def test_no_usable_image(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.png").write_bytes(b"")
    with pytest.raises(UserError, match="None of the 1 images can be used. Nothing was published.*1.png: empty_file"):
        prepare(tmp_path / "images", tmp_path / "out", image_size=8, max_refused_fraction=1.0)


def test_the_same_call_again_does_nothing(tmp_path, image_folder, capfd):
    root, out = image_folder(), tmp_path / "out"
    info = prepare_dataset(root, out, image_size=8, splits={"train": 0.5, "test": 0.5})
    assert "12 of 12 images" in capfd.readouterr().err
    before = {path: path.stat().st_mtime_ns for path in [out, *out.iterdir()]}
    again = prepare_dataset(root, out, image_size=8, splits={"train": 0.5, "test": 0.5}, max_refused_fraction=0.9)
    assert again == info and "nothing to do" in capfd.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in [out, *out.iterdir()]} == before
    prepare(root, out, image_size=8, splits={"train": 0.5, "test": 0.5})
    assert capfd.readouterr().err == "", "quiet when asked"


def test_other_settings_or_inputs_need_force(tmp_path, image_folder):
    root, out = image_folder(), tmp_path / "out"
    prepare(root, out, image_size=8, num_shards=2)
    before = content_of(out)
    with pytest.raises(UserError, match=r"crop was 'center', now 'pad'; height was 8, now 10.*force=True"):
        prepare(root, out, image_size=(10, 8), crop="pad", num_shards=2)
    with pytest.raises(UserError, match="source kind was 'folder', now 'arrays'"):
        prepare(NOISE, out, image_size=8, num_shards=2, name="images")
    (root / "cats" / "0.png").unlink()
    with pytest.raises(UserError, match="content of folder 'images' has changed"):
        prepare(root, out, image_size=8, num_shards=2)
    assert content_of(out) == before
    info = prepare(root, out, image_size=(10, 8), crop="pad", force=True)
    assert info.image_shape == (10, 8, 3) and info.num_examples == 11
    assert sorted(content_of(out)) == ["dataset_info.json", "train-00000-of-00001.tfrecord.gz"], "old shards are gone"


def test_a_damaged_set_is_named_when_prepared_again(tmp_path):
    prepare(NOISE, tmp_path / "out")
    shard = tmp_path / "out" / "train-00000-of-00001.tfrecord.gz"
    shard.write_bytes(shard.read_bytes()[:-5])
    with pytest.raises(UserError, match="train-00000-of-00001.tfrecord.gz is truncated"):
        prepare(NOISE, tmp_path / "out")
    prepare(NOISE, tmp_path / "out", force=True).verify(tmp_path / "out")


@pytest.mark.parametrize("encoding", ["jpeg", "webp", "raw"])
def test_other_encodings(tmp_path, encoding):
    info = prepare(NOISE[:20], tmp_path / "out", encoding=encoding)
    assert info.spec.encoding == encoding and info.num_examples == 20


def test_scaled_decoding_is_recorded_and_differs_little(tmp_path):
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(3)
    for number in range(4):
        picture = Image.fromarray(rng.integers(0, 256, [9, 9, 3], np.uint8)).resize((99, 131), Image.Resampling.BICUBIC)
        picture.save(tmp_path / "photos" / f"{number}.jpg", quality=92)
    exact = prepare(tmp_path / "photos", tmp_path / "exact", image_size=16)
    scaled = prepare(tmp_path / "photos", tmp_path / "scaled", image_size=16, decoding="scaled")
    assert scaled.processing == {**exact.processing, "decoder": "JPEG scaled to 32 pixels or more"}
    assert (exact.settings["decoding"], scaled.settings["decoding"]) == ("exact", "scaled")
    pairs = [[read_records(tmp_path / name)[f"{number}.jpg"][0] for name in ("exact", "scaled")] for number in range(4)]
    errors = [np.abs(one.astype(int) - other) for one, other in pairs]
    assert 0 < np.mean(errors) < 1
    with pytest.raises(UserError, match="decoding was 'exact', now 'scaled'"):
        prepare(tmp_path / "photos", tmp_path / "exact", image_size=16, decoding="scaled")


def test_a_set_of_before_there_was_a_choice_of_decoding_is_known(tmp_path):
    prepare(NOISE, tmp_path / "out")
    path = tmp_path / "out" / "dataset_info.json"
    content = json.loads(path.read_text("utf-8"))
    del content["settings"]["decoding"]
    path.write_text(json.dumps(content), "utf-8")
    before = content_of(tmp_path / "out")
    assert prepare(NOISE, tmp_path / "out").num_examples == 600
    assert content_of(tmp_path / "out") == before


def test_limit_and_name(tmp_path):
    info = prepare((NOISE, LABELS), tmp_path / "out", limit=50, name="fifty")
    assert info.num_examples == 50 and info.name == "fifty"


class LossyReader:
    """Loses an image silently, as a faulty runner might."""

    def read_many(self, items):
        yield from [np.zeros([2, 2, 3], np.uint8)] * (len(list(items)) - 1)


class LossySource(ArraySource):
    def make_reader(self, work_dir, example_format):
        return LossyReader()


def test_lost_images_are_noticed(tmp_path):
    with pytest.raises(Exception, match="shorter"):
        prepare(LossySource(NOISE), tmp_path / "out")
    assert not (tmp_path / "out" / "dataset_info.json").exists()


def test_lost_shards_are_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr("tfgan_suite.preprocessing.transforms.WriteShards.expand", lambda self, rows: rows)
    with pytest.raises(RuntimeError, match="were not written: the Beam runner lost work"):
        prepare(NOISE, tmp_path / "out")


def test_doubled_records_are_noticed(tmp_path, monkeypatch):
    from tfgan_suite.preprocessing import transforms

    select = transforms._WriteShard._select

    def miscount(self, rows):
        kept, duplicates, refused = select(self, rows)
        return kept, duplicates + 1, refused

    monkeypatch.setattr(transforms._WriteShard, "_select", miscount)
    with pytest.raises(RuntimeError, match="Counts do not agree: read 600, but 600 written"):
        prepare(NOISE, tmp_path / "out", deduplicate=True)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"image_size": None}, "`image_size` is needed for a folder"),
        ({"image_size": "big"}, "`image_size` must be"),
        ({"image_size": 8.5}, "`image_size` must be"),
        ({"splits": {"train": 0.5}}, "must sum to 1"),
        ({"splits": {"train": 1.5, "test": -0.5}}, "above 0"),
        ({"splits": {"a b": 1.0}}, "letters, digits"),
        ({"num_shards": 0}, "`num_shards` must be"),
        ({"limit": -1}, "`limit` must be"),
        ({"seed": 1.5}, "`seed` must be"),
        ({"max_refused_fraction": 2}, "`max_refused_fraction` must be"),
        ({"pipeline_options": "--runner=x"}, "`pipeline_options` must be a list"),
        ({"crop": "centre"}, "Did you mean 'center'"),
    ],
)
def test_wrong_settings_are_user_errors(tmp_path, image_folder, settings, message):
    with pytest.raises(UserError, match=message):
        prepare(image_folder(1), tmp_path / "out", **{"image_size": 8, **settings})


def test_options_stand_in_their_group_or_by_themselves(tmp_path, image_folder):
    root = image_folder(per_class=4)
    by_themselves = {"crop": "pad", "encoding": "webp", "channels": 1, "runner": "BundleBasedDirectRunner"}
    info = prepare(root, tmp_path / "alone", image_size=8, **by_themselves)
    assert info.spec == ImageSpec((8, 8, 1), "webp") and info.settings["crop"] == "pad"
    grouped = {"format": {"crop": "pad", "encoding": "webp", "channels": 1}, "beam": {"runner": None}}
    prepare(root, tmp_path / "grouped", image_size=8, **grouped)
    image_format = ImageFormat(8, 8, channels=1, crop="pad", encoding="webp")
    prepare(root, tmp_path / "object", format=image_format)
    contents = [content_of(tmp_path / name) for name in ("alone", "grouped", "object")]
    assert contents[0] == contents[1] == contents[2]


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"encodin": "webp"}, "Unknown argument of prepare_dataset 'encodin'. Did you mean 'encoding'"),
        ({"lables": False}, "Unknown argument of prepare_dataset 'lables'. Did you mean 'labels'"),
        ({"format": {"chanels": 3}}, "Unknown entry of `format` 'chanels'. Did you mean 'channels'"),
        ({"beam": {"runer": None}}, "Unknown entry of `beam` 'runer'. Did you mean 'runner'"),
        ({"format": {"crop": "pad"}, "crop": "pad"}, "`crop` must be passed once"),
        ({"beam": {"runner": None}, "runner": None}, "`runner` must be passed once"),
        ({"format": ImageFormat(8, 8)}, "`image_size` must be left out, or be a part of `format`"),
        (
            {"format": "webp"},
            "`format` must be a dict of arguments of ImageFormat, or of the format of other examples, or an ExampleFormat",
        ),
    ],
)
def test_options_that_do_not_fit_are_user_errors(tmp_path, image_folder, settings, message):
    with pytest.raises(UserError, match=message):
        prepare(image_folder(1), tmp_path / "out", image_size=8, **settings)
    assert not (tmp_path / "out").exists()


def test_wrong_places_are_user_errors(tmp_path, image_folder):
    root = image_folder(1)
    with pytest.raises(UserError, match="must be outside of the source"):
        prepare(root, root / "out", image_size=8)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        prepare(root, tmp_path / "file", image_size=8)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no images"):
        prepare(tmp_path / "empty", tmp_path / "out", image_size=8)
    assert not (tmp_path / "out" / ".prepare").exists()


def test_a_full_disk_is_told_plainly_and_mended_by_running_again(tmp_path):
    """A limit on the size of files stands for a full disk: the write fails midway in the same manner."""
    script = (
        "import resource, signal, sys, numpy as np\n"
        "from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))\n"
        "noise = np.random.default_rng(0).integers(0, 256, [1000, 8, 8, 3], np.uint8)\n"
        "try:\n"
        "    prepare_dataset(noise, sys.argv[1], progress=False)\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "out")], capture_output=True, text=True, timeout=120
    )
    assert result.stdout.startswith(f"UserError Cannot write to '{tmp_path / 'out'}': "), result.stdout + result.stderr
    assert "File too large" in result.stdout and "run the same command again" in result.stdout
    assert not (tmp_path / "out" / "dataset_info.json").exists()
    noise = np.random.default_rng(0).integers(0, 256, [1000, 8, 8, 3], np.uint8)
    prepare(noise, tmp_path / "out")
    prepare(noise, tmp_path / "fresh")
    assert content_of(tmp_path / "out") == content_of(tmp_path / "fresh")


class StoppedReader:
    """Somebody presses Ctrl-C while images are read."""

    def read_many(self, items):
        raise KeyboardInterrupt


class StoppedSource(ArraySource):
    def make_reader(self, work_dir, example_format):
        return StoppedReader()


def test_ctrl_c_is_no_failure_and_costs_nothing(tmp_path, caplog):
    with pytest.raises(KeyboardInterrupt):
        prepare(StoppedSource(NOISE), tmp_path / "out")
    assert not caplog.records  # Beam would tell of an error, with a traceback.
    assert prepare(NOISE, tmp_path / "out").num_examples == 600


def test_two_preparations_of_one_directory(tmp_path):
    import fcntl

    (tmp_path / "out" / ".prepare").mkdir(parents=True)
    with open(tmp_path / "out" / ".prepare" / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="Another process is preparing"):
            prepare(NOISE, tmp_path / "out")


def test_a_killed_preparation_finishes_to_the_same_bytes(tmp_path):
    """SIGKILL after a block, after all blocks, while shards are written, and between renames; then the same call."""
    script = (
        "import os, signal, sys, numpy as np\n"
        "from tfgan_suite.preprocessing import prepare_dataset, transforms\n"
        "noise = np.random.default_rng(0).integers(0, 256, [600, 8, 8, 3], np.uint8)\n"
        "countdown = [int(sys.argv[2])]\n"
        "replace = os.replace\n"
        "def dying_replace(*arguments):\n"
        "    countdown[0] -= 1\n"
        "    if countdown[0] == 0:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return replace(*arguments)\n"
        "os.replace = dying_replace\n"
        "prepare_dataset.prepare_dataset(noise, sys.argv[1], num_shards=3, progress=False)\n"
        "print('finished')\n"
    )
    prepare(NOISE, tmp_path / "whole", num_shards=3)
    names = set(content_of(tmp_path / "whole"))
    # Renames in order: 1 plan, 3 items, 6 for three blocks, 6 for shards and their journal, 3 published, 1 description.
    for killed_at in (6, 12, 18, 20):
        out = tmp_path / f"killed {killed_at}"
        result = subprocess.run(
            [sys.executable, "-c", script, str(out), str(killed_at)], capture_output=True, timeout=120
        )
        assert result.returncode == -9, (killed_at, result.stderr[-1000:])
        assert not (out / "dataset_info.json").exists()
        for path in out.iterdir():  # Nothing half-written under a final name.
            assert (
                path.name == ".prepare"
                or path.name.startswith(".dataset_info.json.")
                or path.name in names
                and path.read_bytes() == (tmp_path / "whole" / path.name).read_bytes()
            )
        prepare(NOISE, out, num_shards=3)
        assert content_of(out) == content_of(tmp_path / "whole")


def test_import_without_beam_names_the_extra():
    script = (
        "import sys; sys.modules['apache_beam'] = None\n"
        "try:\n    import tfgan_suite.preprocessing.prepare_dataset\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=os.getcwd())
    assert "MissingExtraError" in result.stdout and "tfgan-suite[beam]" in result.stdout


def test_what_was_understood_is_told(tmp_path, image_folder, capfd):
    root = image_folder(per_class=3, name="pets/train")
    image_folder(per_class=2, name="pets/val")
    (tmp_path / "pets" / "list_attr.txt").write_text("")
    info = prepare_dataset(tmp_path / "pets", tmp_path / "out", image_size=8, deduplicate=False)
    said = capfd.readouterr().err
    assert "2 classes from the folders below train, val: cats, dogs. Leave them out with labels=False" in said
    assert "train, val are splits" in said and "list_attr.txt was not used" in said
    assert info.class_names == ("cats", "dogs") and info.source["labels"] == "the folders below train, val"
    prepare_dataset(tmp_path / "pets", tmp_path / "out", image_size=8, deduplicate=False)
    assert "2 classes from the folders below train, val" in capfd.readouterr().err, "also where nothing is to do"
    prepare_dataset(root, tmp_path / "without", image_size=8, labels=False)
    assert "No classes: they were not asked for." in capfd.readouterr().err
    prepare_dataset(root / "cats", tmp_path / "cats", image_size=8)
    assert "No classes: there are no class folders." in capfd.readouterr().err
    prepare_dataset((NOISE, np.arange(600) % 12), tmp_path / "arrays")
    assert "12 classes from arrays 'arrays': 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...." in capfd.readouterr().err


def test_a_sample_is_judged_by_itself(tmp_path, image_folder):
    root = image_folder(per_class=20)
    names = [f"{name}/{number}.png" for name in ("cats", "dogs") for number in range(20)]
    (root / "labels.csv").write_text("file,label\n" + "".join(f"{name},{name[:3]}\n" for name in names[:38]))
    assert prepare(root, tmp_path / "all", image_size=8).num_examples == 38
    info = prepare(root, tmp_path / "ten", image_size=8, limit=10)
    assert info.num_examples == 10 and info.refused.reasons == {"no_label": 2, "side_file": 1}
    with pytest.raises(UserError, match="2 of 40 images cannot be used"):
        prepare(root, tmp_path / "many", image_size=8, limit=100, max_refused_fraction=0.04)
    for name in names[:30]:
        (root / name).write_bytes(b"")
    with pytest.raises(UserError, match=r" of 10 images cannot be used"):
        prepare(root, tmp_path / "broken", image_size=8, limit=10)


def test_what_is_no_image_does_not_count(tmp_path, image_folder):
    root = image_folder(per_class=4)
    for path in sorted(root.glob("*/*.png")):
        path.with_suffix(".npy").write_bytes(b"\x93NUMPY")
        (path.parent / "@eaDir" / path.name).mkdir(parents=True)
        (path.parent / "@eaDir" / path.name / "SYNOPHOTO_THUMB_M.jpg").write_bytes(path.read_bytes())
    rows = [f"cats/{number}.png,x" for number in range(100)] + [f"dogs/{number}.png,y" for number in range(100)]
    (root / "labels.csv").write_text("\n".join(["file,label", *rows]))
    info = prepare(root, tmp_path / "out", image_size=8)
    assert info.num_examples == 8
    assert info.refused.reasons == {"missing_file": 192, "side_file": 9, "hidden_file": 2}
    sample = prepare(root, tmp_path / "six", image_size=8, limit=6)
    assert sample.num_examples == 6, "files of other kinds take no places of the sample"


def test_names_that_are_no_utf_8_are_prepared(tmp_path, image_folder):
    root = image_folder(per_class=2)
    for name in (b"caf\xe9.png", b"\xff.png"):
        with open(os.path.join(os.fsencode(root / "cats"), name), "wb") as file:
            file.write((root / "cats" / "0.png").read_bytes() if name[:1] == b"\xff" else b"")
    info = prepare(root, tmp_path / "out", image_size=8, deduplicate=False, max_refused_fraction=0.5)
    assert info.num_examples == 5 and [image.source for image in info.refused.examples] == [r"cats/caf\xe9.png"]
    assert r"cats/\xff.png" in read_records(tmp_path / "out")
    assert DatasetInfo.load(tmp_path / "out") == info


def test_an_unfinished_preparation_of_other_labels_is_not_resumed(tmp_path, image_folder, capfd, monkeypatch):
    """As a version of the code that understands the folders otherwise would leave it."""
    from tfgan_suite.data.sources.file_sources import FolderSource

    root, out = image_folder(), tmp_path / "out"
    list_items = FolderSource.list_items
    with monkeypatch.context() as patch:
        patch.setattr(FolderSource, "list_items", lambda self, use_labels, limit: list_items(self, False, limit))
        patch.setattr("tfgan_suite.preprocessing.preparation.Preparation.publish", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            prepare(root, out, image_size=8)
    info = prepare_dataset(root, out, image_size=8)
    assert "Discarding an unfinished preparation" in capfd.readouterr().err and info.splits["train"].class_counts == (
        6,
        6,
    )


@pytest.mark.parametrize("half", ["\\ud800", "\\uDFFF", "x\\ude00\\ud83dy"])
def test_a_class_name_that_is_no_text_is_refused_before_the_work(tmp_path, half):
    (tmp_path / "source").mkdir()
    for number in range(2):
        Image.fromarray(NOISE[number]).save(tmp_path / "source" / f"{number}.png")
    labels = f'{{"labels": [["0.png", "{half}"], ["1.png", "whole \\ud83d\\ude00"]]}}'
    (tmp_path / "source" / "dataset.json").write_text(labels)
    with pytest.raises(UserError, match="surrogate"):
        prepare(tmp_path / "source", tmp_path / "out", image_size=8)
    (tmp_path / "source" / "dataset.json").write_text(labels.replace(half, "other"))
    assert prepare(tmp_path / "source", tmp_path / "out", image_size=8).class_names == ("other", "whole \U0001f600")


def test_few_levels(tmp_path):
    info = prepare((NOISE[:20], LABELS[:20]), tmp_path / "out", levels=2)
    assert info.spec == ImageSpec((8, 8, 3), levels=2) == DatasetInfo.load(tmp_path / "out").spec
    assert info.settings["levels"] == 2 and info.spec.describe().endswith("2 levels")
    records = read_records(tmp_path / "out")
    for row in range(20):
        np.testing.assert_array_equal(records[f"row {row}"][0], NOISE[row] > 127)
    _, dataset = tg.load_dataset(tmp_path / "out", batch_size=20, shuffle=False, repeat=False)
    assert set(np.unique(next(iter(dataset))[0])) == {-1.0, 1.0}
    with pytest.raises(UserError, match="averages of smaller images would lie between the levels"):
        tg.load_dataset(tmp_path / "out", image_size=4, batch_size=4)
    with pytest.raises(UserError, match="`pyramid` must be left out for images of 2 levels"):
        prepare(NOISE[:20], tmp_path / "other", levels=2, pyramid=True)
    with pytest.raises(UserError, match="holds whole levels already, from 0 to 1: leave `levels` out"):
        prepare(NOISE[:20] % 2, tmp_path / "other", levels=2)
    source = ArraySource(NOISE[:20] % 2, spec=ImageSpec((8, 8, 3), levels=2))
    assert prepare(source, tmp_path / "other").spec.levels == 2
    np.testing.assert_array_equal(read_records(tmp_path / "other")["row 3"][0], NOISE[3] % 2)
