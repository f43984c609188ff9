"""The site: `pip install -e ".[docs]" && python -m sphinx -W -c tutorials/site . site`, then open site/index.html.

Sphinx reads the repository itself: tutorials, assignment sheets and result pages are where they are, so their links
are right both here and in the repository. It runs the tutorials, with the data sets in the folder TINYREC_DATA if that
is set, and never downloads any. With -W a tutorial that fails, a broken link or a file from the network ends the build.
"""

import importlib.util
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "extensions"), str(HERE.parents[1])]
os.environ["PYTHONPATH"] = str(HERE.parents[1])  # also in the tutorials, tinyrec as it is here
os.environ["TINYREC_OFFLINE"] = "1"

import tinyrec

project, version, copyright = "tinyrec", tinyrec.__version__, "the authors of tinyrec"
html_title = f"tinyrec {version}"
root_doc = "tutorials/site/index"
include_patterns = [
    "README.md",
    "tutorials/*.py",
    "tutorials/assignments/*.md",
    "tutorials/site/**.md",
    "tinyrec/reproduce/results/*.md",
]
exclude_patterns = [".*", "site", "build", "dist", "tests"]
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "children",
    "docstrings",
    "downloads",
    "gallery",
    "links",
    "sources",
]

# Pages: Markdown, and scripts in percent format, which are run when they are read
nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = "force"
nb_execution_show_tb = True  # of a tutorial that fails; that is a warning, and -W makes it an error
nb_execution_timeout = 600
nb_execution_in_temp = True
nb_output_stderr = "warn"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

highlight_language = "text"

# The reference, from docstrings
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_type_aliases = {name: name for name in ("Array", "Params", "Split")}
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]  # types of other packages

# The look; nothing of it comes from the network
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
templates_path = ["templates"]
html_additional_pages = {"index": "to_front_page.html"}
html_show_search_summary = False  # a page in a folder may not read another one
html_sourcelink_suffix = ""
mathjax = importlib.util.find_spec("sphinx-mathjax-offline")
assert mathjax and mathjax.origin
html_static_path.append(str(Path(mathjax.origin).parent / "static" / "mathjax" / "tex-svg-full.js"))
mathjax_path = "tex-svg-full.js"


def setup(app):
    app.connect("builder-inited", keep_pictures, priority=900)


def keep_pictures(app):
    """What tutorials draw: in the output folder, and not beside it, as MyST-NB has it."""
    app.env.mystnb_config = app.env.mystnb_config.copy(output_folder=str(app.doctreedir / "executed"))
