import base64
import html.parser
import io
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

import tfgan_suite as tg
from tests.prepared_set import write_prepared_set
from tfgan_suite.data.loader import read_split
from tfgan_suite.drawing.image_grid import make_grid
from tfgan_suite.drawing.line_chart import HEIGHT, WIDTH, axis_ticks, line_chart
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.metrics import BitsPerDimension
from tfgan_suite.metrics.protocol.evaluation import evaluate
from tfgan_suite.metrics.protocol.results import Evaluation, EvaluationRow
from tfgan_suite.runs.report import write_report
from tfgan_suite.runs.run_files import load_model
from tfgan_suite.runs.train import train
from tfgan_suite.runs.train_config import TrainConfig

VOID = {"wbr", "meta", "img", "input", "br", "hr", "link"}


class Page(html.parser.HTMLParser):
    """Tags in order with their attributes, text by section, and whether every tag is closed."""

    def __init__(self, text):
        super().__init__()
        self.open_tags, self.images, self.links, self.text, self.section = [], [], [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag not in VOID:
            self.open_tags.append(tag)
        if tag == "section":
            self.section = attributes["id"]
        if tag == "img":
            self.images.append((self.section, attributes))
        self.links += [value for name, value in attributes.items() if name in ("href", "src") and value]

    def handle_endtag(self, tag):
        assert self.open_tags.pop() == tag, f"</{tag}> closes another tag"
        if tag == "section":
            self.section = None

    def handle_data(self, data):
        self.text[self.section] = self.text.get(self.section, "") + data


def decode(source):
    assert source.startswith("data:image/png;base64,")
    with Image.open(io.BytesIO(base64.b64decode(source.split(",", 1)[1]))) as image:
        array = np.asarray(image)
    return array[..., None] if array.ndim == 2 else array


def score_row(name, value, model, suffix=""):
    protocol = {
        "metric": name,
        "extractor": "tiny",
        "dataset_fingerprint": "f00d",
        "num_fake": 100,
        "num_real": 100,
        "note": "<&>",
    }
    return EvaluationRow(f"{name}_100{suffix}", value, None, None, None, "lower", protocol, {"model": model})


@pytest.fixture(scope="module")
def run_dir(tiny_run, tmp_path_factory):
    """A finished run with scores and what the demo adds."""
    directory = tmp_path_factory.mktemp("report") / "tiny"
    shutil.copytree(tiny_run, directory)
    rows = [
        score_row("frechet_distance", 300.0, "DCGAN"),
        score_row("frechet_distance", 12.25, "DCGAN"),
        score_row("frechet_distance", 4.5, None, "_real_halves"),
    ]
    Evaluation(rows).append_to(directory)
    exchange = {
        "protocol": "REST",
        "request": "curl <model>",
        "response": "HTTP 200",
        "png": base64.b64encode(b"png").decode(),
        "caption": "2 images",
    }
    serving = {"directory": "saved_models/tiny", "verdict": "All equal.", "exchanges": [exchange]}
    (directory / "demo.json").write_text(json.dumps({"stages": {"train": 61.0, "score": 2.0}, "serving": serving}))
    return directory


@pytest.fixture(scope="module")
def page(run_dir):
    return Page(write_report(run_dir).read_text("utf-8"))


def test_every_section_is_there_and_every_tag_closed(page):
    assert page.open_tags == []
    assert list(page.text) == [
        None,
        "samples",
        "how-it-learned",
        "interpolations",
        "real-and-generated",
        "curves",
        "scores",
        "served",
        "data",
        "next-steps",
        "how-this-was-made",
    ]


def test_needs_nothing_from_the_network(page, run_dir):
    assert page.links and all(link.startswith("data:image/png;base64,") for link in page.links)
    text = (run_dir / "report.html").read_text("utf-8")
    assert "default-src 'none'" in text and "@import" not in text and "url(" not in text
    assert not re.search(r"https?://(?!127\.0\.0\.1)", text)


def test_samples_are_those_of_the_model(page, run_dir):
    source = next(attributes["src"] for section, attributes in page.images if section == "samples")
    images = load_model(run_dir).generate(24, labels=np.arange(24) % 3, seed=1)
    np.testing.assert_array_equal(decode(source), make_grid(images, 3))
    assert all(attributes["alt"] for _, attributes in page.images)


def test_film_shows_first_rows_in_order(page, run_dir):
    film = [decode(attributes["src"]) for section, attributes in page.images if section == "how-it-learned"][1:]
    frames = sorted((run_dir / "images").glob("*.png"))
    assert len(film) == len(frames) == 5  # Before training, and after each of four ticks.
    for strip, frame in zip(film, frames, strict=True):
        with Image.open(frame) as image:
            np.testing.assert_array_equal(strip[..., 0], np.asarray(image)[:8])
    slider = json.loads(re.search(r"<template>(.*?)</template>", (run_dir / "report.html").read_text("utf-8"))[1])
    assert [caption for caption, _ in slider] == [f"{images} images" for images in (0, 16, 32, 48, 64)]


def test_real_images_stand_under_their_class(page):
    real = decode(next(attributes["src"] for section, attributes in page.images if section == "real-and-generated"))
    for column in range(3):  # The set's three classes differ in brightness.
        cell = real[:8, column * 10 : column * 10 + 8]
        assert 90 * column <= cell.min() and cell.max() < 90 * column + 60


def test_scores_the_latest_beside_the_real_ones(page):
    text = page.text["scores"]
    assert "frechet_distance_100" in text and "12.25" in text and "4.5" in text
    assert "300" not in text and "real_halves" not in text
    assert "never" not in text and "It is called FID only with the official" in text and "<&>" in text
    assert "12.2" in page.text[None] and "Frechet distance (tiny)" in page.text[None]


def test_demo_parts(page):
    assert "All equal." in page.text["served"] and "curl <model>" in page.text["served"]
    assert "tfgan-suite serve saved_models/tiny" in page.text["next-steps"]
    assert "together1:03" in page.text["how-this-was-made"]


def test_data_card(page):
    text = page.text["data"]
    assert (
        "tiny" in text
        and "train 48" in text
        and "class 0: 16, class 1: 16, class 2: 16" in text
        and "set aside0" in text
        and "8 x 8, gray" in text
    )


def test_commands_to_go_on_can_be_parsed(page):
    import shlex

    from tfgan_suite.commands.cli import build_parser

    commands = [line for line in page.text["next-steps"].splitlines() if "tfgan-suite " in line]
    assert len(commands) == 5
    for command in commands:
        _, unexpected = build_parser().parse_known_args(shlex.split(command)[1:])
        assert not unexpected


def test_unfinished_run_without_data_or_scores(tiny_run, tmp_path):
    directory = tmp_path / "run"
    directory.mkdir()
    shutil.copy(tiny_run / "model.keras", directory)
    shutil.copy(tiny_run / "dataset_info.json", directory)
    config = json.loads((tiny_run / "config.json").read_text()) | {"data_dir": str(tmp_path / "gone")}
    (directory / "config.json").write_text(json.dumps(config))
    page = Page(write_report(directory, tmp_path / "elsewhere" / "r.html").read_text("utf-8"))
    assert [name for name in page.text if name] == [
        "samples",
        "interpolations",
        "data",
        "next-steps",
        "how-this-was-made",
    ]


@pytest.mark.slow
def test_a_model_that_reconstructs_shows_what_it_makes_of_images_it_has_not_seen(tmp_path):
    images = np.random.default_rng(1).integers(0, 256, [24, 8, 8, 1]).astype(np.uint8)
    data = write_prepared_set(tmp_path / "data", images, splits={"train": 16, "test": 8})
    model = {"latent_size": 2, "base_channels": 4, "dense_units": 4}
    config = TrainConfig(
        str(data), str(tmp_path / "run"), "vae", model, batch_size=8, total_images=16, images_per_tick=8
    )
    run = train(config, progress=False)
    evaluate(tmp_path / "run", data, [BitsPerDimension()], split="test", output_dir=tmp_path / "run")
    page = Page(write_report(run.run_dir).read_text("utf-8"))
    shown = decode(next(attributes["src"] for section, attributes in page.images if section == "reconstructions"))
    (held_out, _, _) = next(read_split(data, "test"))
    made = run.model.spec.to_edge(run.model.reconstruct(tg.to_float(held_out)))
    np.testing.assert_array_equal(shown, make_grid(np.concatenate([held_out, made]), 8))
    assert "the split test, which it was not trained on" in page.text["reconstructions"]
    assert "bits per dimension (at most, test)" in page.text[None] and "compressor" in page.text["scores"]
    assert "Bits per dimension" in page.text["curves"]


@pytest.mark.slow
def test_a_model_that_completes_shows_two_completions(tmp_path):
    images = np.random.default_rng(1).integers(0, 256, [16, 4, 4, 1]).astype(np.uint8)
    data = write_prepared_set(tmp_path / "data", images)
    model = {"blocks": 1, "filters": 4}
    run = train(
        TrainConfig(str(data), str(tmp_path / "run"), "pixelcnn", model, batch_size=8, total_images=8), progress=False
    )
    page = Page(write_report(run.run_dir).read_text("utf-8"))
    shown = decode(next(attributes["src"] for section, attributes in page.images if section == "completions"))
    real, first, second = np.split(shown, [6, 12])  # Rows of 4 pixels and a gap of 2.
    cells = np.s_[:2, np.arange(shown.shape[1]) % 6 < 4]
    np.testing.assert_array_equal(real[cells], first[cells])
    np.testing.assert_array_equal(real[cells], second[cells])
    assert (first[2:4] != second[2:4]).any() and "their first 2 rows" in page.text["completions"]


def test_refusals(tiny_run, tmp_path):
    with pytest.raises(UserError, match="holds no run"):
        write_report(tmp_path)
    with pytest.raises(UserError, match="NAME.html"):
        write_report(tiny_run, tmp_path / "report.pdf")


# === Charts ===


@pytest.mark.parametrize(
    "low, high", [(0, 1), (0.2, 3.7), (-6, 4), (0, 254_592), (1e-6, 3e-6), (5, 5), (999, 1001), (-0.001, 0)]
)
def test_ticks_enclose_and_are_round(low, high):
    ticks = axis_ticks(low, high)
    assert 3 <= len(ticks) <= 8
    assert ticks[0] <= low and high <= ticks[-1]
    steps = np.diff(ticks)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
    mantissa = steps[0] / 10 ** np.floor(np.log10(steps[0]) + 1e-9)
    assert round(mantissa, 3) in (1, 2, 5)


def test_chart_places_points_and_stays_inside():
    points = [(0, 2.0), (50, float("nan")), (100, 4.0)]
    svg = line_chart({"<a>": points, "b": [(0, 0.0)]}, title="T & t", x_label="x", y_label="y")
    root = ElementTree.fromstring(svg)  # Well-formed, escaped.
    lines = [line.attrib["points"] for line in root.iter("polyline")]
    assert len(lines) == 2
    (x0, y0), (x1, y1) = ([float(part) for part in point.split(",")] for point in lines[0].split())
    assert 0 < x0 < x1 <= WIDTH and 0 < y1 < y0 < HEIGHT
    bottom = float(lines[1].split(",")[1])
    assert (bottom - y1) == pytest.approx(2 * (bottom - y0), rel=0.01)  # 4 stands twice as high above 0 as 2.
    texts = [text.text for text in root.iter("text")]
    assert {"T & t", "x", "y", "<a>", "b"} <= set(texts)


def test_chart_of_nothing_is_nothing():
    assert line_chart({"a": [(1, float("inf"))]}, title="t", x_label="x", y_label="y") == ""


def test_long_series_are_thinned_to_their_ends():
    svg = line_chart({"a": [(x, x) for x in range(10_000)]}, title="t", x_label="x", y_label="y")
    points = re.search(r'points="([^"]*)"', svg)[1].split()
    assert len(points) < 500
    assert points[-1] == f"{WIDTH - 14 - (10_000 - 9_999) / 10_000 * (WIDTH - 72):.1f},40.0"
