"""What is drawn, by the rules of WCAG 2.1 A and AA that a program can check (axe-core), light and dark.

axe-core is an npm package; it is installed as the official tools are, and never is a part of ours.
"""

from __future__ import annotations

import pytest
from helpers import fronts, jupyterlab
from helpers.official.tools import install
from helpers.told_app import told
from playwright.sync_api import expect

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
    "form that ran": "%iexec form app run",
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
# axe-core's own rule calls itself inapplicable within JupyterLab's panels; grounds here are plain colours.
CONTRAST = """area => {
  const paint = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = colour => {
    paint.clearRect(0, 0, 1, 1); paint.fillStyle = colour; paint.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = paint.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((each, i) => each * a + below[i] * (1 - a));
  const ground = node => {
    if (!node) return [255, 255, 255];
    const own = rgba(getComputedStyle(node).backgroundColor);
    return own[3] === 1 ? own.slice(0, 3) : over(own, ground(node.parentElement));
  };
  const light = colour => colour.map(each => each / 255)
    .map(each => each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
    .reduce((sum, each, i) => sum + each * [0.2126, 0.7152, 0.0722][i], 0);
  const faint = [];
  const walk = document.createTreeWalker(area, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement, style = getComputedStyle(node);
    const seen = node.checkVisibility({ visibilityProperty: true }) && node.getBoundingClientRect().width > 1;
    const other = node.closest(  // what is disabled is exempt
      'style, script, option, :disabled, [aria-disabled=true], .jp-OutputPrompt'
    );
    if (!walk.currentNode.data.trim() || !seen || other) continue;
    let clear = 1;
    for (let each = node; each; each = each.parentElement) clear *= +getComputedStyle(each).opacity;
    const below = ground(node), colour = rgba(style.color);
    colour[3] *= clear;
    const [dark, bright] = [light(over(colour, below)), light(below)].sort((one, other) => one - other);
    const ratio = (bright + 0.05) / (dark + 0.05);
    if (ratio < 4.5) faint.push(`color-contrast ${ratio.toFixed(2)}: ${walk.currentNode.data.slice(0, 60)}`);
  }
  return faint;
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
        run_form(area_of(page, "form that ran"), app.app)
        yield page
    notebook_server.use_theme(jupyterlab.LIGHT)


@pytest.fixture(scope="module", params=[jupyterlab.LIGHT, jupyterlab.DARK])
def themed(request, notebook):
    notebook.evaluate(CHANGE_THEME, request.param)
    return notebook


def area_of(page, cell):
    return fronts.Lab().output(page, 1 + list(CELLS).index(cell))


def run_form(area, app):
    """Fill in a form, and click; it ends with a card and a line."""
    area.get_by_label("App", exact=True).fill(app)
    area.get_by_role("checkbox", name="Watch").check()
    area.get_by_role("button", name="Run").click()
    expect(area).to_contain_text("1 completed of 1 task")
    expect(area.get_by_role("button", name="Run")).to_be_enabled()


def broken(page, cell):
    area = area_of(page, cell).element_handle()
    return page.evaluate(CHECK, [area, LEVELS]) + area.evaluate(CONTRAST)


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


@pytest.mark.parametrize(
    "cell", ["generic form", "form that ran", "run", "sell", "connect", "protect", "explorer"]
)
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
