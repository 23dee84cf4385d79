"""Sections of the report that say what came out, each a piece of HTML, or "" where there is nothing to show."""

import html
import json

import numpy as np

from tfgan_suite.drawing.line_chart import line_chart
from tfgan_suite.engine.chart import Chart
from tfgan_suite.foundation.durations import format_duration
from tfgan_suite.runs.report.html_pieces import section

_SCORE_NOTES = {
    "frechet_distance": "How far apart the two sets of features lie, means and spread. It is called FID only with the "
    "official Inception weights, which these are not; compare it only with values of this same protocol.",
    "kernel_distance": "The same comparison without the assumption that features are Gaussian.",
    "inception_score": "Whether each image is clearly of one class, and all classes occur.",
    "confident_share": "Share of images that the classifier is more than 95% sure of.",
    "bits_per_dimension": "The bits that a perfect compressor based on this model needs for each value of an example: 8 without "
    "any knowledge of an 8-bit image. The standard error over examples stands beside it.",
    "class_agreement": "Share of images that are classified as the class that was requested.",
}


def title(run, model):
    return f"{run.dataset_info.name}: {type(model).__name__}, {model.spec.describe()}"


def header(run, model, history, demo, left_out):
    unit = model.spec.unit[1]
    facts = [(f"{int(np.asarray(model.examples_seen)):,}", f"{unit} trained on")]
    if history:
        facts.append((format_duration(history[-1]["seconds"]), "of training"))
        rates = [row["examples_per_second"] for row in history if "examples_per_second" in row]
        if rates:
            facts.append((f"{np.median(rates):,.0f}", f"{unit} per second"))
    if run.scores:
        row = next((row for row in reversed(run.scores) if row.name.startswith("frechet_distance")
                    and row.protocol["num_fake"] and row.run["model"]), None)  # fmt: skip
        if row:
            facts.append((f"{row.value:.1f}", f"Frechet distance ({row.protocol['extractor']})"))
        row = next((row for row in reversed(run.scores) if row.protocol["metric"] == "bits_per_dimension"), None)
        if row:
            at_most = "at most, " if row.protocol["likelihood"] == "lower_bound" else ""
            facts.append((f"{row.value:.3f}", f"bits per dimension ({at_most}{row.protocol['split']})"))
    for name, network in (model.averages or model.networks).items():
        facts.append((f"{network.count_params():,}", f"weights in the {name}"))
    items = "".join(f"<li><b>{html.escape(value)}</b><span>{html.escape(name)}</span></li>" for value, name in facts)
    stages = demo.get("stages", {})
    total = f" The whole demo took {format_duration(sum(stages.values()))}." if stages else ""
    missing = f'<p class="soft">{html.escape(left_out)}</p>' if left_out else ""
    return (
        f"<h1>{html.escape(title(run, model))}</h1>"
        f'<p class="soft">Every picture and number below comes from the run in <code>{html.escape(str(run.directory))}'
        f"</code>.{total}</p><ul class=facts>{items}</ul>{missing}"
    )


def curves(history, model):
    if len(history) < 2:
        return ""
    unit = model.spec.unit[1]
    scored = sorted({name for row in history for name in row if name.startswith("frechet_distance")})
    charts = [
        *model.curves(),
        Chart("Speed", {f"{unit}/s": "examples_per_second"}, f"{unit} per second"),
        *(Chart(name, {name: name}, "distance") for name in scored),
    ]
    figures = "".join(f"<div>{svg}</div>" for svg in (_draw(chart, history, unit) for chart in charts) if svg)
    notes = " ".join(chart.note for chart in charts if chart.note)
    paragraph = f'<p class="soft">{html.escape(notes)}</p>' if notes else ""
    return section("Curves", f'{paragraph}<div class="pair">{figures}</div>')


def _draw(chart, history, unit):
    series = {
        label: [(row["examples_seen"], row[name]) for row in history if name in row]
        for label, name in chart.series.items()
    }
    return line_chart(series, title=chart.title, x_label=f"{unit} trained on", y_label=chart.y_label)


def score_table(scores):
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
            f'<tr><td colspan="3" class="note">{row.direction.capitalize()} is better. Features: '
            f"{html.escape(row.protocol['extractor'])}. {html.escape(note)}"
            f"<details><summary>protocol</summary><dl>{protocol}</dl></details></td></tr>"
        )
    note = ""
    if real:
        note = (
            "<p class=note>Real: distances between two halves of the real set, which are smaller and so lie further apart "
            "by chance; the other scores are of the whole real set.</p>"
        )
    return section(
        "Scores",
        '<table class="scores"><thead><tr><th>score</th><th class="number">generated</th>'
        f'<th class="number">real</th></tr></thead><tbody>{"".join(rows)}</tbody></table>{note}',
    )


def _looked_at(row):
    return row.protocol["metric"], row.protocol["extractor"], row.protocol["dataset_fingerprint"]


def _value(row):
    return f"{row.value:.4g}" + (f"<small>± {row.std:.2g}</small>" if row.std is not None else "")


def _plain(value):
    return value if isinstance(value, str) else json.dumps(value)


def served(serving):
    if not serving:
        return ""
    parts = []
    for exchange in serving["exchanges"]:
        parts.append(
            f"<h3>{html.escape(exchange['protocol'])}</h3><pre><code>{html.escape(exchange['request'])}</code></pre>"
            f"<pre><code>{html.escape(exchange['response'])}</code></pre><figure>"
            f'<img class="medium" src="data:image/png;base64,{exchange["png"]}" alt="Images sent by the server">'
            f"<figcaption>{html.escape(exchange['caption'])}</figcaption></figure>"
        )
    return section(
        "Served",
        f'<p class="soft">The exported model in <code>{html.escape(serving["directory"])}</code>, queried over both protocols. '
        f'<span class="ok">{html.escape(serving["verdict"])}</span></p>' + "".join(parts),
    )
