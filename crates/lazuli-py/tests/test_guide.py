"""The Python programs of the guide run as they are printed."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "guide" / "python.md"
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("program", PROGRAMS, ids=range(1, len(PROGRAMS) + 1))
def test_the_guide_runs(program):
    exec(compile(program, str(PAGE), "exec"), {"__name__": "__main__"})


def test_the_guide_has_programs():
    assert len(PROGRAMS) >= 4
