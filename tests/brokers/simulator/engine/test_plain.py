"""The engine reckons exactly and knows no clock but the one it is told."""

import ast
from pathlib import Path

import pytest

from brokers.simulator import engine

MODULES = sorted(Path(engine.__path__[0]).glob("*.py"))
CLOCKS = {"now", "utcnow", "today", "time", "monotonic"}


@pytest.mark.parametrize("module", MODULES, ids=[module.stem for module in MODULES])
def test_no_module_holds_a_float_or_looks_at_a_clock(module):
    for node in ast.walk(ast.parse(module.read_text())):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), f"line {node.lineno}"
        if not isinstance(node, ast.Call):
            continue
        assert not (isinstance(node.func, ast.Name) and node.func.id == "float"), f"line {node.lineno}"
        is_clock = isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS
        assert not is_clock, f"line {node.lineno}"
