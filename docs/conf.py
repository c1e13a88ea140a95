"""How Sphinx builds the site from what ``docs/site.py`` put together."""  # noqa: INP001 - read by Sphinx

from __future__ import annotations

from importlib.metadata import version as installed

project = "iexec-lab"
author = "the iexec-lab developers"
copyright = author  # noqa: A001 - Sphinx's name for it
release = version = installed("iexec-lab")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
nb_execution_mode = "off"  # notebooks are kept with their outputs; tests run them
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline"]
suppress_warnings = ["mystnb.unknown_mime_type"]  # a widget's text stands beside it

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
default_role = "code"
nitpicky = False

html_theme = "furo"
html_title = f"iexec-lab {release}"
html_copy_source = False
html_show_sphinx = False
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True
