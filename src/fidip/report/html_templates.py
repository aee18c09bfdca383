"""HTML from the templates, and what is embedded in it."""

from __future__ import annotations

import base64

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from fidip.core.arrays import Image
from fidip.io.images import encode_image

QUALITY = 88
"""JPEG quality of images in a page."""


def render_html(template: str, **values: object) -> str:
    """Return the page of a template; text in the values is escaped.

    Args:
        template: file name in ``templates``.
        values: what the template refers to.
    """
    environment = Environment(loader=PackageLoader("fidip.report"), autoescape=True)
    return environment.get_template(template).render(**values)


def code(text: str) -> Markup:
    """Return escaped text as code.

    Args:
        text: the text.

    Example:
        >>> print(code("a < b"))
        <code>a &lt; b</code>
    """
    return Markup("<code>{}</code>").format(text)


def image_uri(image: Image) -> str:
    """Return an image as a data URI.

    Args:
        image: (H, W, 3) uint8 RGB.
    """
    jpeg = encode_image(image, ".jpg", QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
