"""What sections of the report are put together from."""

import base64
import html
import io

from PIL import Image


def section(title, content):
    return f'<section id="{title.lower().replace(" ", "-")}"><h2>{html.escape(title)}</h2>{content}</section>'


def definitions(entries):
    return "<dl>" + "".join(f"<dt>{html.escape(n)}</dt><dd>{html.escape(str(v))}</dd>" for n, v in entries) + "</dl>"


def image_tag(image, text, css_class=""):
    return f'<img class="{css_class}" src="{data_url(image)}" alt="{html.escape(text)}">'


def data_url(image):
    return f"data:image/png;base64,{encode_png(image)}"


def encode_png(image):
    """Base64 text of a uint8 `[height, width, channels]` image as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()
