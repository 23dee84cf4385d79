"""Sections of the report that say what came out, each a piece of HTML, or "" where there is nothing to show."""

import html
import json

import numpy as np

from tfgan_suite.drawing.line_chart import line_chart
from tfgan_suite.foundation.durations import format_duration
from tfgan_suite.runs.report.html_pieces import section

_SCORE_NOTES = {
    "frechet_distance": "How far apart the two sets of features lie, means and spread. It is called FID only with the "
    "official Inception weights, which these are not; it compares with values of this very protocol alone.",
    "kernel_distance": "The same question without assuming that features are Gaussian.",
    "inception_score": "Whether each picture is clearly one class, and all classes are there.",
    "confident_share": "Share of pictures that the classifier is more than 95% sure of.",
    "class_agreement": "Share of pictures that are read as the class that was asked for.",
}


def title(run, model):
    height, width, _ = model.image_shape
    return f"{run.dataset_info.name}: {type(model).__name__} at {height} × {width}"


def header(run, model, history, demo):
    facts = [(f"{int(np.asarray(model.examples_seen)):,}", "images trained on")]
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
        f"<h1>{html.escape(title(run, model))}</h1>"
        f'<p class="soft">Every picture and number below was made by the run in <code>{html.escape(str(run.directory))}'
        f"</code>.{total}</p><ul class=facts>{items}</ul>"
    )


def curves(history):
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
    return section(
        "Curves",
        '<p class="soft">In a healthy game neither loss goes to zero: each network has an opponent that keeps up.</p>'
        f'<div class="pair">{figures}</div>',
    )


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
    return section(
        "Scores",
        '<table class="scores"><thead><tr><th>score</th><th class="number">generated</th>'
        f'<th class="number">real images</th></tr></thead><tbody>{"".join(rows)}</tbody></table>{note}',
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
            f'<img class="medium" src="data:image/png;base64,{exchange["png"]}" alt="Images that the server sent">'
            f"<figcaption>{html.escape(exchange['caption'])}</figcaption></figure>"
        )
    return section(
        "Served",
        f'<p class="soft">The exported model in <code>{html.escape(serving["directory"])}</code>, asked over both wires. '
        f'<span class="ok">{html.escape(serving["verdict"])}</span></p>' + "".join(parts),
    )
