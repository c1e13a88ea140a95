"""What is drawn, by the rules of WCAG 2.1 A and AA that a program can check (axe-core), light and dark.

axe-core is an npm package; it is installed as the official tools are, and never is a part of ours.
"""

from __future__ import annotations

import pytest
from helpers import fronts, jupyterlab
from helpers.official.tools import install
from helpers.told_app import told

AXE = "4.10.2"
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
SETUP = """
import os, tempfile
os.chdir(tempfile.mkdtemp())
%load_ext iexec_lab
lab = %iexec connect sandbox:{name}
"""
CELLS = {
    "first page": "%iexec",
    "session": "lab",
    "list": "%iexec category list",
    "one": "%iexec category show 0",
    "logs": "lab.job('{done}').logs()",
    "job": "lab.job('{done}')",
    "failure": "lab.job('{failed}').wait(fail_fast=True)",
    "result": "result = lab.job('{done}').result()\nresult",
    "table": "result['ages.csv']",
    "picture": "result['picture.png']",
    "results": "lab.job('{done}').results()",
    "costs": "%iexec costs",
    "question": "lab.app.run('{app}', dry_run=True)",
    "forms": "%iexec form",
    "generic form": "%iexec form account deposit",
    "connect": "%iexec form connect",
    "run": "%iexec form run",
    "sell": "%iexec form sell",
    "protect": "%iexec form protect",
    "explorer": "%iexec explore",
    "dashboard": "%iexec dashboard",
}
# Only what we draw: the page around it is the front end's.
CHECK = """async ([area, levels]) => {
  const found = await axe.run(area, { runOnly: levels, resultTypes: ['violations'] });
  return found.violations.flatMap(rule => rule.nodes.map(node =>
    `${rule.id}: ${node.html.slice(0, 160)} (${(node.failureSummary || '').slice(0, 300)})`));
}"""


@pytest.fixture(scope="module")
def rules():
    return (install(AXE, "axe-core") / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.fixture(scope="module")
def app(iexec_sandbox, tmp_path_factory):
    return told(iexec_sandbox, tmp_path_factory.mktemp("told"))


@pytest.fixture(scope="module", params=[jupyterlab.LIGHT, jupyterlab.DARK])
def notebook(request, chromium, notebook_server, rules, app, iexec_sandbox):
    """All cells have run; the page knows the rules."""
    known = {"name": iexec_sandbox.name, "app": app.app}
    known |= {name: getattr(app, name).deal_id for name in ("done", "failed")}
    sources = [cell.format(**known) for cell in (SETUP, *CELLS.values())]
    notebook_server.use_theme(request.param)
    front = fronts.Lab()
    with chromium.new_context(viewport={"width": 1200, "height": 1400}) as context:
        context.set_default_timeout(jupyterlab.PATIENCE * 1000)
        page = context.new_page()
        front.open(page, notebook_server, notebook_server.write("accessible.ipynb", *sources))
        for index in range(len(sources)):
            front.run(page, index)
        page.evaluate(rules)
        yield page
    notebook_server.use_theme(jupyterlab.LIGHT)


@pytest.mark.parametrize("cell", CELLS)
def test_nothing_drawn_breaks_a_rule(notebook, cell):
    area = fronts.Lab().output(notebook, 1 + list(CELLS).index(cell))
    broken = notebook.evaluate(CHECK, [area.element_handle(), LEVELS])
    assert not broken, "\n".join(broken)
