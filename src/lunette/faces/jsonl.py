"""A verb for programs: `lunette --jsonl VERB …` prints its news and its result as JSON, a line each."""

from __future__ import annotations

import contextlib
import io
import json
import math
import re
import sys
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from lunette.errors import LunetteError, LunetteWarning
from lunette.faces.shell import call, verb_in
from lunette.numbers import finite
from lunette.progress import watched

STEP_SECONDS = 0.2  # between two steps of work that are told; the last one always is


class Lines:
    """Writes events to a stream, each as one line of JSON with its kind under "event"."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.told = -math.inf  # when the last step was

    def write(self, event: str, content: Mapping[str, Any]) -> None:
        """Write one event; numbers that are not finite are null."""
        with contextlib.suppress(OSError):  # nobody reads any more: the work goes on
            print(json.dumps({"event": event, **finite(content)}), file=self.stream, flush=True)

    def __call__(self, news: Any) -> None:
        """Write what work or training announces."""
        kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(news).__name__).lower()
        if kind in ("step", "progress"):
            now = time.monotonic()
            if now - self.told < STEP_SECONDS and getattr(news, "done", None) != getattr(news, "total", 0):
                return
            self.told = now
        self.write(kind, content_of(news))


def main(words: list[str]) -> int:
    """Run one verb; return its exit code, as `lunette VERB` has it."""
    lines, said, plainly = Lines(sys.stdout), io.StringIO(), warnings.showwarning

    def warn(message: Warning | str, category: type[Warning], *where: Any) -> None:
        if issubclass(category, LunetteWarning):
            lines.write("warning", {"message": str(message)})
        else:
            plainly(message, category, *where)

    code, error, paths, found = 0, "", list[Path](), cast(Any, None)
    with warnings.catch_warnings(), contextlib.redirect_stdout(said), watched(lines):
        warnings.showwarning = cast(Any, warn)
        try:
            result, paths = call(*verb_in(words))
            found = result.to_dict() if hasattr(result, "to_dict") else None
        except LunetteError as problem:
            code, error = problem.exit_code, str(problem)
        except KeyboardInterrupt:
            code, error = 130, "stopped"
        except SystemExit as end:  # of the words: the help was printed, or on stderr what is wrong with them
            code, error = int(end.code or 0), "these words are no call of the verb"
    if code:
        lines.write("error", {"message": error, "exit_code": code})
    else:
        files = [str(path.resolve()) for path in paths]
        lines.write("result", {"text": said.getvalue(), "files": files, "result": found})
    return code


def content_of(news: Any) -> dict[str, Any]:
    """Return the fields of an event as JSON has them: tensors are numbers, and metrics have their loss and unit."""
    from lunette.compute import Precision
    from lunette.training import Metrics

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(key): plain(each) for key, each in value.items()}
        if isinstance(value, Metrics):
            return {"loss": value.loss, "unit": value.unit, **plain(vars(value))}
        if isinstance(value, Precision):
            return value.name
        return value.item() if hasattr(value, "item") else value

    return {name: plain(value) for name, value in vars(news).items()}
