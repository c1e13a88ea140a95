"""Take the picture of the README: a notebook in JupyterLab, run for real: ``make picture``."""  # noqa: INP001

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests"))

from helpers import jupyterlab  # noqa: E402 - found through the line above
from playwright.sync_api import sync_playwright  # noqa: E402

from iexec_lab.sandbox import control  # noqa: E402

CELLS = (
    "%load_ext iexec_lab\n%iexec connect sandbox",
    "%%iexec\ninit --skip-wallet\napp init\napp deploy",
    """pools = %iexec orderbook workerpool --category 0
pools[["workerpool", "workerpool_price_nrlc", "trust", "remaining", "tag"]]""",
    'job = %iexec app run --args "Jupyter" --watch\njob',
    'print(job.result().text("result.txt"))',
)
WIDTH = 1250


def main() -> None:
    place = Path(tempfile.mkdtemp(prefix="iexec-lab-picture-"))
    folder = place / "hello"
    folder.mkdir()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    os.environ["IEXEC_LAB_STATE"] = str(place / "state")
    with (
        jupyterlab.start(folder, place / "state") as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 1400}, device_scale_factor=1.5)
        jupyterlab.open_notebook(page, server, server.write("hello.ipynb", *CELLS))
        for index in range(len(CELLS)):
            jupyterlab.run_cell(page, index)
        cells = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-inner")
        page.set_viewport_size({"width": WIDTH, "height": 2400})
        cells.screenshot(path=HERE / "notebook.png")
        browser.close()
    control.stop()
    shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
