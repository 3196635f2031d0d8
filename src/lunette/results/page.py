"""HTML pages that need nothing beside themselves."""

from __future__ import annotations

from typing import Any

import jinja2

from lunette.numbers import figures, short
from lunette.results.result import address


def render(template: str, **values: Any) -> str:
    """Return the page that a template, such as uses/report/report.html.j2, makes of `values`."""
    loader = jinja2.PackageLoader("lunette", "")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template(template).render(short=short, figures=figures, address=address, **values)
