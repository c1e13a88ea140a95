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
# Only what we draw: the page around it is the front end's. What is folded is looked at, too.
CHECK = """async ([area, levels]) => {
  area.querySelectorAll('details').forEach(each => { each.open = true; });
  const found = await axe.run(area, { runOnly: levels, resultTypes: ['violations'] });
  return found.violations.flatMap(rule => rule.nodes.map(node =>
    `${rule.id}: ${node.html.slice(0, 160)} (${(node.failureSummary || '').slice(0, 300)})`));
}"""
CHANGE_THEME = """async (theme) => {
  await window.jupyterapp.commands.execute('apputils:change-theme', { theme });
  while (document.body.dataset.jpThemeName !== theme) await new Promise(done => setTimeout(done, 50));
}"""
# What the keyboard has to reach; a radio group is one stop, and a grid moves by arrows.
STOPS = """area => [
  ...area.querySelectorAll('input, select, textarea, button, summary, a[href], [tabindex="0"]')
].filter(each => each.checkVisibility({ visibilityProperty: true }) && !each.disabled && each.tabIndex >= 0
    && each.type !== 'file' && each.type !== 'radio').length"""
FOCUSED = """area => {
  const found = document.activeElement;
  if (!area.contains(found)) return null;
  if (!window.stops) window.stops = new Map();
  if (!window.stops.has(found)) window.stops.set(found, window.stops.size);
  return [window.stops.get(found), found.type === 'radio' || found.type === 'file'];
}"""


@pytest.fixture(scope="module")
def notebook(chromium, notebook_server, iexec_sandbox, tmp_path_factory):
    """All cells have run, and the page knows the rules."""
    rules = install(AXE, "axe-core") / "node_modules" / "axe-core" / "axe.min.js"
    app = told(iexec_sandbox, tmp_path_factory.mktemp("told"))
    known = {"name": iexec_sandbox.name, "app": app.app}
    known |= {name: getattr(app, name).deal_id for name in ("done", "failed")}
    sources = [cell.format(**known) for cell in (SETUP, *CELLS.values())]
    notebook_server.use_theme(jupyterlab.LIGHT)
    front = fronts.Lab()
    with chromium.new_context(viewport={"width": 1200, "height": 1400}) as context:
        context.set_default_timeout(jupyterlab.PATIENCE * 1000)
        page = context.new_page()
        front.open(page, notebook_server, notebook_server.write("accessible.ipynb", *sources))
        for index in range(len(sources)):
            front.run(page, index)
        page.evaluate(rules.read_text())
        yield page
    notebook_server.use_theme(jupyterlab.LIGHT)


@pytest.fixture(scope="module", params=[jupyterlab.LIGHT, jupyterlab.DARK])
def themed(request, notebook):
    notebook.evaluate(CHANGE_THEME, request.param)
    return notebook


def area_of(page, cell):
    return fronts.Lab().output(page, 1 + list(CELLS).index(cell))


def broken(page, cell):
    return page.evaluate(CHECK, [area_of(page, cell).element_handle(), LEVELS])


@pytest.mark.parametrize("cell", CELLS)
def test_nothing_drawn_breaks_a_rule(themed, cell):
    found = broken(themed, cell)
    assert not found, "\n".join(found)


def test_a_rule_that_is_broken_is_found(themed):
    """Else the test above would say nothing."""
    area = area_of(themed, "session").element_handle()
    area.evaluate(
        "area => { area.innerHTML += '<i id=faint style=\"color:#777;background:#888\">faint</i>'; }"
    )
    assert any("color-contrast" in each for each in broken(themed, "session"))
    area.evaluate("area => area.querySelector('#faint').remove()")


@pytest.mark.parametrize("cell", ["generic form", "run", "sell", "connect", "protect", "explorer"])
def test_the_keyboard_reaches_every_control(notebook, cell):
    area = area_of(notebook, cell).element_handle()
    wanted = area.evaluate(STOPS)
    area.evaluate("""area => { window.stops = null; area.tabIndex = -1; area.focus(); }""")
    reached = set()
    for _ in range(3 * wanted + 10):
        notebook.keyboard.press("Tab")
        found = area.evaluate(FOCUSED)
        if found is None:
            break
        reached.add((found[0], found[1]))
    assert len([1 for _, is_group in reached if not is_group]) >= wanted > 0
