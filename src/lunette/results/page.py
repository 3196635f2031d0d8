"""HTML pages that need nothing beside themselves."""

from __future__ import annotations

import base64
from typing import Any

import jinja2

from lunette.numbers import figures, short


def render(template: str, **values: Any) -> str:
    """Return the page that a template, such as uses/report/report.html.j2, makes of `values`."""
    loader = jinja2.PackageLoader("lunette", "")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template(template).render(short=short, figures=figures, address=address, **values)


def address(png: bytes) -> str:
    """Return the data address of a PNG, which is then a part of the page."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
