"""The page of decisions is put together from one part an example; the telling itself takes half an hour."""

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def load_tool():
    spec = importlib.util.spec_from_file_location("tell_decisions", ROOT / "tools" / "tell_decisions.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


tool = load_tool()


def test_one_part_is_told_anew_and_the_others_stay():
    parts = {"small": "## Small\n\nold", "large": "## Large\n\n<!-- no name of its own line -->text"}
    page = tool.page(parts, ["large", "small", "not told yet"])
    assert tool.parts_of(page).keys() == {"large", "small"}
    anew = tool.page(tool.parts_of(page) | {"small": "## Small\n\nnew"}, ["large", "small"])
    assert anew == page.replace("old", "new")
    assert page.index("## Large") < page.index("## Small")


def test_an_example_that_is_no_more_leaves_the_page():
    page = tool.page({"gone": "## Gone", "here": "## Here"}, ["here"])
    assert "Gone" not in page
    assert page.startswith(tool.HEAD)
