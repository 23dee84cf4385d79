"""Sections of the report that say what the run was made of and what to do next, each a piece of HTML."""

import html
import json
import os
import platform
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tfgan_suite.foundation.durations import format_duration
from tfgan_suite.generative.abilities import HasLatents
from tfgan_suite.runs.report.html_pieces import definitions, section

_PACKAGES = ("tfgan-suite", "tensorflow", "keras", "apache-beam", "numpy", "pillow")


def data_card(info, spec):
    reasons = ", ".join(f"{reason}: {count:,}" for reason, count in info.refused.reasons.items())
    stored = info.spec.get_config().get("encoding", info.spec.edge_dtype)
    entries = [
        ("name", info.name),
        (spec.unit[1], ", ".join(f"{name} {split.num_examples:,}" for name, split in info.splits.items())),
        ("size", spec.describe()),
        ("source", ", ".join(f"{name} {value}" for name, value in info.source.items())),
        ("license", info.license),
        ("set aside", f"{info.refused.count:,}" + (f" ({reasons})" if reasons else "")),
        ("exact copies left out", f"{info.duplicates:,}"),
        ("processed with", ", ".join(f"{name} {value}" for name, value in info.processing.items())),
        ("stored as", f"{stored} in TFRecord {info.compression}".strip()),
        ("fingerprint", info.fingerprint),
    ]
    if not info.processing:  # Of examples that were stored as they came.
        entries = [entry for entry in entries if entry[0] != "processed with"]
    for name, split in info.splits.items():
        if split.class_counts:
            counts = ", ".join(
                f"{label}: {count:,}" for label, count in zip(info.class_names, split.class_counts, strict=True)
            )
            entries.append((f"classes of {name}", counts))
    return section("Data", definitions(entries))


def next_steps(run, model, demo):
    program = _program()
    directory = shlex.quote(str(run.directory))
    exported = demo.get("serving", {}).get("directory")
    commands = [
        ("More samples, of another seed", f"{program} sample {directory} --seed 7 --scale 3 --output samples.png")
    ]
    if model.can(HasLatents):
        command = f"{program} sample {directory} --interpolate 9 --output interpolations.png"
        commands.append(("From one sample to another", command))
    commands += [
        ("Every number as a curve", f"{Path(program).with_name('tensorboard')} --logdir {directory}/tensorboard"),
        ("Train longer, in a separate run", _longer_command(run, program)),
    ]
    if exported:
        commands.insert(-2, ("Serve it over REST and gRPC", f"{program} serve {shlex.quote(exported)}"))
    else:
        name = Path(run.config.data_dir).name
        commands.insert(-2, ("Export it for TensorFlow Serving", f"{program} export {directory} saved_models/{name}"))
    if model.spec.kind == "image":
        commands.append(("Your own images", f"{program} prepare IMAGES data/mine --image-size 64"))
    text = "\n".join(f"# {title}\n{command}" for title, command in commands)
    return section("Next steps", f"<pre><code>{html.escape(text)}</code></pre>")


def _longer_command(run, program):
    config = run.config
    longer = f"{run.directory}-longer"
    given = [("--set", *one) for one in config.model.items()] + [("--compile", *one) for one in config.compile.items()]
    overrides = "".join(f" {flag} {shlex.quote(f'{name}={json.dumps(value)}')}" for flag, name, value in given)
    imports = "".join(f" --import {module}" for module in (run.recipe or {}).get("imports", ()))
    return (
        f"{program}{imports} train --preset {config.preset} --data {shlex.quote(config.data_dir)} --run {shlex.quote(longer)} "
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
    if run.recipe:
        recipe = html.escape(json.dumps(run.recipe, indent=2))
        parts.append(f"<details><summary>everything resolved</summary><pre><code>{recipe}</code></pre></details>")
    return section("How this was made", "".join(parts))


def _versions():
    found = [("python", platform.python_version())]
    for package in _PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            continue  # An optional package that is not installed took no part.
    return found
