"""What a saved notebook shows to somebody without its kernel, and what it must not hold."""

from __future__ import annotations

import getpass
import json
import re
import sys
from pathlib import Path

from helpers.kept_secrets import keys_in
from helpers.places import ROOT

NEVER = ("model not found", "Loading widget", "Error displaying widget", " object at 0x")
"""What a front end says about a widget that is gone, and a value without words."""
STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def complaints(notebook: Path, *secrets: str) -> list[str]:
    """What is wrong with a saved notebook and with the pages that nbconvert makes of it, without running it.

    ``secrets``: what was typed in it, and the tokens of who served it.
    """
    from nbconvert import HTMLExporter, MarkdownExporter, PythonExporter

    raw = notebook.read_text(encoding="utf-8")
    pages = {"the notebook": raw}
    for exporter in (HTMLExporter, MarkdownExporter, PythonExporter):
        pages[exporter.__name__], _ = exporter().from_filename(str(notebook))
    here = {str(ROOT), str(Path.home()), sys.prefix}
    found = [f"a key of {address} is in the notebook" for address in keys_in(raw)]
    for name, page in pages.items():
        found += [f"{word!r} is in {name}" for word in secrets if word in page]
        # What the page's own scripts might say is no output.
        text = page if name != "HTMLExporter" else re.sub(r"(?s)<(script|style)\b.*?</\1>", "", page)
        found += [f"{word!r} is in {name}" for word in NEVER if word in text]
        if name != "PythonExporter":
            found += [f"{place} is in {name}" for place in here if f"{place}/" in page]
    if (user := getpass.getuser()) != "root":
        found += [f"/{user}/ is in the notebook"] if f"/{user}/" in raw else []
    return found + _half_done(json.loads(raw))


def _half_done(notebook: dict) -> list[str]:
    """Outputs that say that work goes on, and texts that steer a terminal."""
    found = []
    for at, cell in enumerate(notebook["cells"]):
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            text = "".join(data.get("text/plain", output.get("text", "")))
            page = "".join(data.get("text/html", ""))
            if "<progress" in page or 'role="progressbar"' in page or re.search(r" … \d+ s$", text):
                found.append(f"cell {at} is still at work: {text[:80]}")
            if STEERING.search(text):
                found.append(f"cell {at} steers a terminal: {text[:80]!r}")
    return found
