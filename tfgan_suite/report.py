"""A run as one HTML file that needs nothing else: samples, how they came to be, curves, scores, data, how to go on."""

import base64
import html
import io
import json
import os
import platform
import shlex
import string
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from PIL import Image

from tfgan_suite.callbacks.image_grid import make_grid
from tfgan_suite.callbacks.progress import format_duration
from tfgan_suite.callbacks.training_log import read_history
from tfgan_suite.data.loader import load_dataset
from tfgan_suite.errors import UserError
from tfgan_suite.files import write_atomically
from tfgan_suite.image_range import to_uint8
from tfgan_suite.line_chart import format_number, line_chart
from tfgan_suite.runs import RunFiles, load_model
from tfgan_suite.sampling import class_columns, interpolate_images, sample_labels

TEMPLATE = Path(__file__).with_name("report_template.html")
DEMO_FILE = "demo.json"
_FILM_ROWS = 10
_SLIDER_FRAMES = 24
_SEED = 1
_PACKAGES = ("tfgan-suite", "tensorflow", "keras", "apache-beam", "numpy", "pillow")
_SCORE_NOTES = {
    "frechet_distance": "How far apart the two sets of features lie, means and spread. It is called FID only with the "
    "official Inception weights, which these are not; it compares with values of this very protocol alone.",
    "kernel_distance": "The same question without assuming that features are Gaussian.",
    "inception_score": "Whether each picture is clearly one class, and all classes are there.",
    "confident_share": "Share of pictures that the classifier is more than 95% sure of.",
    "class_agreement": "Share of pictures that are read as the class that was asked for.",
}


def write_report(run_dir, path=None):
    """Writes one self-contained HTML file about a run.

    Args:
        run_dir: What `train` wrote; it may be unfinished.
        path: Of the file; by default `report.html` in `run_dir`.

    Returns:
        The path.

    Raises:
        UserError: There is no run, or it has no state to show yet.

    Example:

    >>> write_report("runs/digits")
    PosixPath('runs/digits/report.html')
    """
    run = RunFiles.load(run_dir)
    path = Path(path) if path is not None else run.directory / "report.html"
    if path.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"Expected an output file NAME.html. Received: {str(path)!r}")
    model = load_model(run.directory)
    history = read_history(run.directory / "history.jsonl")
    demo_path = run.directory / DEMO_FILE
    demo = json.loads(demo_path.read_text("utf-8")) if demo_path.is_file() else {}
    sections = [
        _header(run, model, history, demo),
        _samples(model),
        _film(run, model),
        _paths_between(model),
        _real_and_generated(run, model),
        _curves(history),
        _scores(run.scores),
        _served(demo.get("serving")),
        _data_card(run.dataset_info),
        _go_on(run, demo),
        _making(run, demo),
    ]
    text = string.Template(TEMPLATE.read_text("utf-8")).substitute(
        title=html.escape(_title(run, model)), body="\n".join(section for section in sections if section)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text)
    return path


# === Sections, each a piece of HTML, or "" where there is nothing to show ===


def _title(run, model):
    height, width, _ = model.image_shape
    return f"{run.dataset_info.name}: {type(model).__name__} at {height} × {width}"


def _header(run, model, history, demo):
    facts = [(f"{int(np.asarray(model.images_seen)):,}", "images trained on")]
    if history:
        facts.append((format_duration(history[-1]["seconds"]), "of training"))
        rates = [row["images_per_second"] for row in history if "images_per_second" in row]
        if rates:
            facts.append((f"{np.median(rates):,.0f}", "images per second"))
    if run.scores:
        row = next((row for row in reversed(run.scores) if row.name.startswith("frechet_distance")
                    and row.protocol["num_fake"] and row.run["model"]), None)  # fmt: skip
        if row:
            facts.append((f"{row.value:.1f}", f"Frechet distance ({row.protocol['extractor']})"))
    generator = getattr(model, "ema_generator", model)
    facts.append((f"{generator.count_params():,}", "weights in the generator"))
    items = "".join(f"<li><b>{html.escape(value)}</b><span>{html.escape(name)}</span></li>" for value, name in facts)
    stages = demo.get("stages", {})
    total = f" The whole demo took {format_duration(sum(stages.values()))}." if stages else ""
    return (
        f"<h1>{html.escape(_title(run, model))}</h1>"
        f'<p class="soft">Every picture and number below was made by the run in <code>{html.escape(str(run.directory))}'
        f"</code>.{total}</p><ul class=facts>{items}</ul>"
    )


def _samples(model):
    columns = class_columns(model)
    images = model.generate(8 * columns, sample_labels(model, 8 * columns), seed=_SEED)
    columns_text = "One column a class; " if model.num_classes else ""
    return _section(
        "Samples",
        f'<p class="soft">{columns_text}not chosen: the first {8 * columns} of seed {_SEED}, from the averaged weights.</p>'
        + _image(make_grid(images, columns), "Grid of generated images", "wide"),
    )


def _film(run, model):
    """The same latents as training went on: a slider over whole grids, and a strip of first rows."""
    frames = sorted((run.directory / "images").glob("[0-9]*.png"))
    if len(frames) < 2:
        return ""
    height = model.image_shape[0]
    rows = 8 if height <= 32 else 3
    shown = [(f"{int(path.stem):,} images", _read_rows(path, height, rows)) for path in _spread(frames, _SLIDER_FRAMES)]
    slider_frames = json.dumps([(caption, _data_url(image)) for caption, image in shown])
    caption, last = shown[-1]
    strip = "".join(
        f"<span>{format_number(int(path.stem))}</span>"
        + _image(_read_rows(path, height, 1), f"After {path.stem} images")
        for path in _spread(frames, _FILM_ROWS)
    )
    return _section(
        "How it learned",
        '<p class="soft">The same latents all along. Move the slider; below, the first row at ten moments.</p>'
        '<div class="watch">'
        + _image(last, "Grid at the chosen moment", "wide")
        + f'<label><span class="soft">time</span><input type="range" min="0" max="{len(shown) - 1}" '
        f'value="{len(shown) - 1}"><output>{caption}</output></label><template>{slider_frames}</template></div>'
        f'<div class="film">{strip}</div><p class="note">Left: images trained on.</p>',
    )


def _paths_between(model):
    rows = class_columns(model) if model.num_classes else 6
    steps = 9
    grid = make_grid(interpolate_images(model, rows, steps, seed=_SEED), steps)
    text = "Each row keeps one class and walks" if model.num_classes else "Each row walks"
    return _section(
        "Between two pictures",
        f'<p class="soft">{text} from one random latent to another in {steps} even steps.</p>'
        + _image(grid, "Rows of images that change step by step", "medium"),
    )


def _real_and_generated(run, model):
    if not (Path(run.config.data_dir) / "dataset_info.json").is_file():
        return ""  # The data is no longer where it was.
    columns = class_columns(model)
    count = 4 * columns
    real = _real_images(run, columns, 4, by_class=bool(model.num_classes))
    fake = model.generate(count, sample_labels(model, count), seed=_SEED + 1)
    figures = "".join(
        f"<figure>{_image(make_grid(images, columns), caption, 'wide')}<figcaption>{caption}</figcaption></figure>"
        for images, caption in ((real, "Real, from the training data"), (fake, "Generated"))
    )
    return _section("Real and generated", f'<div class="pair">{figures}</div>')


def _real_images(run, columns, rows, by_class):
    """Real images in a grid's order, with `by_class` a column a class."""
    _, dataset = load_dataset(run.config.data_dir, "train", 64, seed=_SEED, repeat=False, drop_remainder=False)
    by_column = [[] for _ in range(columns)]
    number = 0
    for images, labels in dataset:
        for image, label in zip(to_uint8(images).numpy(), labels.numpy(), strict=True):
            column = by_column[(int(label) if by_class else number) % columns]
            number += 1
            if len(column) < rows:
                column.append(image)
        if all(len(column) == rows for column in by_column):
            break
    blank = np.zeros(run.dataset_info.image_shape, np.uint8)
    return np.stack([column[row] if row < len(column) else blank for row in range(rows) for column in by_column])


def _curves(history):
    if len(history) < 2:
        return ""

    def chart(names, title, y_label):
        series = {
            name: [(row["images_seen"], row[key]) for row in history if key in row] for name, key in names.items()
        }
        return line_chart(series, title=title, x_label="images trained on", y_label=y_label)

    charts = [
        chart({"generator": "loss/generator", "discriminator": "loss/discriminator"}, "Losses", "loss"),
        chart({"real": "logits/real", "fake": "logits/fake"}, "What the discriminator says", "logit"),
        chart(
            {"generator": "gradient_norm/generator", "discriminator": "gradient_norm/discriminator"},
            "Length of the gradients",
            "norm",
        ),
        chart({"images/s": "images_per_second"}, "Speed", "images per second"),
    ]
    scored = sorted({name for row in history for name in row if name.startswith("frechet_distance")})
    charts += [chart({name: name}, name, "distance") for name in scored]
    figures = "".join(f"<div>{svg}</div>" for svg in charts if svg)
    return _section(
        "Curves",
        '<p class="soft">In a healthy game neither loss goes to zero: each network has an opponent that keeps up.</p>'
        f'<div class="pair">{figures}</div>',
    )


def _scores(scores):
    if not scores:
        return ""
    generated = {row.name: row for row in scores if row.run["model"]}  # The latest of each name.
    real = {_looked_at(row): row for row in scores if not row.run["model"]}
    rows = []
    for row in generated.values():
        reference = real.get(_looked_at(row))
        protocol = "".join(
            f"<dt>{html.escape(name)}</dt><dd>{html.escape(_plain(value))}</dd>"
            for name, value in [*row.protocol.items(), *row.run.items()]
        )
        note = _SCORE_NOTES.get(row.protocol["metric"], "")
        rows.append(
            f'<tr class="first"><td><code>{html.escape(row.name).replace("_", "_<wbr>")}</code></td><td class="number"><b>{_value(row)}</b></td>'
            f'<td class="number">{_value(reference) if reference else ""}</td></tr>'
            f'<tr><td colspan="3" class="note">{row.direction.capitalize()} is better. Looked at with '
            f"{html.escape(row.protocol['extractor'])}. {html.escape(note)}"
            f"<details><summary>protocol</summary><dl>{protocol}</dl></details></td></tr>"
        )
    note = ""
    if real:
        note = (
            "<p class=note>Real images: distances between two halves of the real set, which are smaller sets and so lie "
            "further apart by chance; the other scores on the whole real set.</p>"
        )
    return _section(
        "Scores",
        '<table class="scores"><thead><tr><th>score</th><th class="number">generated</th>'
        f'<th class="number">real images</th></tr></thead><tbody>{"".join(rows)}</tbody></table>{note}',
    )


def _looked_at(row):
    return row.protocol["metric"], row.protocol["extractor"], row.protocol["dataset_fingerprint"]


def _served(serving):
    if not serving:
        return ""
    parts = []
    for exchange in serving["exchanges"]:
        parts.append(
            f"<h3>{html.escape(exchange['protocol'])}</h3><pre><code>{html.escape(exchange['request'])}</code></pre>"
            f"<pre><code>{html.escape(exchange['response'])}</code></pre><figure>"
            f'<img class="medium" src="data:image/png;base64,{exchange["png"]}" alt="Images that the server sent">'
            f"<figcaption>{html.escape(exchange['caption'])}</figcaption></figure>"
        )
    return _section(
        "Served",
        f'<p class="soft">The exported model in <code>{html.escape(serving["directory"])}</code>, asked over both wires. '
        f'<span class="ok">{html.escape(serving["verdict"])}</span></p>' + "".join(parts),
    )


def _data_card(info):
    height, width, channels = info.image_shape
    kind = {1: "grey", 3: "colour", 4: "colour with transparency"}[channels]
    reasons = ", ".join(f"{reason}: {count:,}" for reason, count in info.refused.reasons.items())
    entries = [
        ("name", info.name),
        ("images", ", ".join(f"{name} {split.num_images:,}" for name, split in info.splits.items())),
        ("size", f"{height} × {width}, {kind}"),
        ("source", ", ".join(f"{name} {value}" for name, value in info.source.items())),
        ("licence", info.licence),
        ("set aside", f"{info.refused.count:,}" + (f" ({reasons})" if reasons else "")),
        ("exact copies left out", f"{info.duplicates:,}"),
        ("resized with", ", ".join(f"{name} {value}" for name, value in info.resize.items())),
        ("stored as", f"{info.encoding} in TFRecord {info.compression}".strip()),
        ("fingerprint", info.fingerprint),
    ]
    for name, split in info.splits.items():
        if split.class_counts:
            counts = ", ".join(
                f"{label}: {count:,}" for label, count in zip(info.class_names, split.class_counts, strict=True)
            )
            entries.append((f"classes of {name}", counts))
    return _section("Data", _definitions(entries))


def _go_on(run, demo):
    program = _program()
    directory = shlex.quote(str(run.directory))
    exported = demo.get("serving", {}).get("directory")
    commands = [
        ("More pictures, of another seed", f"{program} sample {directory} --seed 7 --scale 3 --output samples.png"),
        ("From one picture to another", f"{program} sample {directory} --interpolate 9 --output between.png"),
        ("Every number as a curve", f"{Path(program).with_name('tensorboard')} --logdir {directory}/tensorboard"),
        ("Train longer, into a run of its own", _longer_command(run, program)),
    ]
    if exported:
        commands.insert(2, ("Serve it over REST and gRPC", f"{program} serve {shlex.quote(exported)}"))
    else:
        name = Path(run.config.data_dir).name
        commands.insert(2, ("Export it for TensorFlow Serving", f"{program} export {directory} saved_models/{name}"))
    commands.append(("Your own pictures", f"{program} prepare PICTURES data/mine --image-size 64"))
    text = "\n".join(f"# {title}\n{command}" for title, command in commands)
    return _section("How to go on", f"<pre><code>{html.escape(text)}</code></pre>")


def _longer_command(run, program):
    config = run.config
    longer = f"{run.directory}-longer"
    overrides = "".join(f" --set {shlex.quote(f'{name}={json.dumps(value)}')}" for name, value in config.model.items())
    return (
        f"{program} train --preset {config.preset} --data {shlex.quote(config.data_dir)} --run {shlex.quote(longer)} "
        f"--images 1,000,000{overrides}"
    )


def _program():
    """How this program is called from here: its file in the virtual environment, unless that is on the PATH."""
    directory = Path(sys.prefix) / "bin"
    if str(directory) in os.environ.get("PATH", "").split(os.pathsep) or not (directory / "tfgan-suite").exists():
        return "tfgan-suite"
    relative = os.path.relpath(directory / "tfgan-suite")
    return str(directory / "tfgan-suite") if relative.startswith("..") else relative


def _making(run, demo):
    stages = demo.get("stages", {})
    parts = []
    if stages:
        rows = "".join(
            f'<tr><td>{html.escape(name)}</td><td class="number">{format_duration(seconds)}</td></tr>'
            for name, seconds in [*stages.items(), ("together", sum(stages.values()))]
        )
        parts.append(
            f"<table class=stages><thead><tr><th>stage</th><th class=number>min:s</th></tr></thead><tbody>{rows}</tbody></table>"
        )
    parts.append(_definitions([*_versions(), ("processors", str(os.cpu_count())), ("machine", platform.machine())]))
    config = json.dumps({name: value for name, value in vars(run.config).items()}, indent=2)
    parts.append(f"<details><summary>the run's config</summary><pre><code>{html.escape(config)}</code></pre></details>")
    return _section("How this was made", "".join(parts))


def _versions():
    found = [("python", platform.python_version())]
    for package in _PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            continue  # An optional package that is not installed took no part.
    return found


# === Pieces ===


def _section(title, content):
    return f'<section id="{title.lower().replace(" ", "-")}"><h2>{html.escape(title)}</h2>{content}</section>'


def _definitions(entries):
    return "<dl>" + "".join(f"<dt>{html.escape(n)}</dt><dd>{html.escape(str(v))}</dd>" for n, v in entries) + "</dl>"


def _value(row):
    return f"{row.value:.4g}" + (f"<small>± {row.std:.2g}</small>" if row.std is not None else "")


def _plain(value):
    return value if isinstance(value, str) else json.dumps(value)


def _spread(items, count):
    """At most `count` of `items`, evenly spread, the first and the last included."""
    if len(items) <= count:
        return list(items)
    return [items[round(index * (len(items) - 1) / (count - 1))] for index in range(count)]


def _read_rows(path, height, rows):
    """The first rows of a grid that `ImageGrid` drew, uint8 `[height, width, channels]`."""
    with Image.open(path) as image:
        array = np.asarray(image)
    array = array[..., None] if array.ndim == 2 else array
    return array[: rows * (height + 2) - 2]


def _data_url(image):
    return f"data:image/png;base64,{encode_png(image)}"


def encode_png(image):
    """Base64 text of a uint8 `[height, width, channels]` image as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def _image(image, text, css_class=""):
    return f'<img class="{css_class}" src="{_data_url(image)}" alt="{html.escape(text)}">'
