"""The code of docs/extending.md runs from top to bottom, each block with the names of those before it."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

GUIDE = Path(__file__).resolve().parent.parent / "docs" / "extending.md"


@pytest.mark.usefixtures("few_conditions")
def test_the_blocks_of_the_page_run_in_order(capsys, monkeypatch):
    page = ModuleType("page_on_extending")
    monkeypatch.setitem(sys.modules, page.__name__, page)  # dataclasses look their module up
    for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL):
        exec(compile(block, str(GUIDE), "exec"), vars(page))
    said = capsys.readouterr().out
    assert "mean relative L1 error: " in said
    assert "two-scales: " in said
    assert {"distilled", "unit-weights", "grid-search"} <= set(page.table["method"])
    assert set(page.outcome.results["protocol"]) == {"weights"}
    assert page.found.data.header["learner"] == "two-scales"
    distilled, grid = (float(page.table.set_index("method")["mean"][name]) for name in ("distilled", "grid-search"))
    assert distilled < 1.5 * grid
