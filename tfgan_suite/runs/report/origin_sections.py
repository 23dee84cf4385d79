"""Sections of the report that say what the run was made of and how to go on, each a piece of HTML."""

import html
import json
import os
import platform
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tfgan_suite.foundation.durations import format_duration
from tfgan_suite.runs.report.html_pieces import definitions, section

_PACKAGES = ("tfgan-suite", "tensorflow", "keras", "apache-beam", "numpy", "pillow")


def data_card(info):
    height, width, channels = info.image_shape
    kind = {1: "grey", 3: "colour", 4: "colour with transparency"}[channels]
    reasons = ", ".join(f"{reason}: {count:,}" for reason, count in info.refused.reasons.items())
    entries = [
        ("name", info.name),
        ("images", ", ".join(f"{name} {split.num_examples:,}" for name, split in info.splits.items())),
        ("size", f"{height} × {width}, {kind}"),
        ("source", ", ".join(f"{name} {value}" for name, value in info.source.items())),
        ("license", info.license),
        ("set aside", f"{info.refused.count:,}" + (f" ({reasons})" if reasons else "")),
        ("exact copies left out", f"{info.duplicates:,}"),
        ("resized with", ", ".join(f"{name} {value}" for name, value in info.processing.items())),
        ("stored as", f"{info.spec.encoding} in TFRecord {info.compression}".strip()),
        ("fingerprint", info.fingerprint),
    ]
    for name, split in info.splits.items():
        if split.class_counts:
            counts = ", ".join(
                f"{label}: {count:,}" for label, count in zip(info.class_names, split.class_counts, strict=True)
            )
            entries.append((f"classes of {name}", counts))
    return section("Data", definitions(entries))


def ways_to_go_on(run, demo):
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
    return section("How to go on", f"<pre><code>{html.escape(text)}</code></pre>")


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


def making(run, demo):
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
    parts.append(definitions([*_versions(), ("processors", str(os.cpu_count())), ("machine", platform.machine())]))
    config = json.dumps({name: value for name, value in vars(run.config).items()}, indent=2)
    parts.append(f"<details><summary>the run's config</summary><pre><code>{html.escape(config)}</code></pre></details>")
    return section("How this was made", "".join(parts))


def _versions():
    found = [("python", platform.python_version())]
    for package in _PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            continue  # An optional package that is not installed took no part.
    return found
