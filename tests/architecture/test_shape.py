"""Small modules, a pure domain, no signals."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 60
PACKAGES = ("trenddojo", "accounts", "brokers", "trades", "tools")
# Reading a clock, the environment or chance: what the caller knows, the domain is told.
IMPURE_CALLS = {"now", "utcnow", "today", "open", "print", "input", "getenv", "float"}
FLOATS_ALLOWED = ROOT / "trenddojo" / "domain" / "metrics"


def modules(*packages: str) -> list[Path]:
    found = [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", modules(*PACKAGES), ids=name)
def test_a_module_fits_in_a_head(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    long_functions = [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= MOST_LINES_OF_A_FUNCTION
    ]

    assert len(source.splitlines()) <= MOST_LINES
    assert long_functions == []


@pytest.mark.parametrize("path", modules("trenddojo/domain"), ids=name)
def test_the_domain_reads_no_clock_does_no_input_and_makes_no_float_of_money(path: Path) -> None:
    allowed = {"float"} if path.is_relative_to(FLOATS_ALLOWED) else set()
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            found |= {called} & IMPURE_CALLS - allowed
        if isinstance(node, ast.Constant) and isinstance(node.value, float) and not allowed:
            found.add(f"the float {node.value}")

    assert found == set()


@pytest.mark.parametrize("path", modules("accounts", "brokers", "trades"), ids=name)
def test_no_signals_calls_are_explicit(path: Path) -> None:
    imported = {
        node.module
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
    }

    assert not imported & {"django.dispatch", "django.db.models.signals"}


HTTP = {"urllib.request", "http.client", "urllib3", "httpx", "aiohttp", "httplib2"}
# The exchange serves; it asks nobody.
WAY_OUT = (ROOT / "brokers" / "http.py", ROOT / "brokers" / "simulator")


@pytest.mark.parametrize("path", modules("trenddojo", "accounts", "brokers", "trades"), ids=name)
def test_only_one_module_opens_http_connections(path: Path) -> None:
    if path.is_relative_to(WAY_OUT[0]) or path.is_relative_to(WAY_OUT[1]):
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}

    assert {module for module in imported if module in HTTP or module.split(".")[0] in HTTP} == set()
    # Its types may be named; its session is made in one place.
    assert not any(module.startswith("requests.") or module == "requests.sessions" for module in imported)
    assert {call for call in called if call.startswith("requests.")} == set()


def test_the_domain_imports_without_django() -> None:
    import subprocess
    import sys

    script = (
        "import sys, pkgutil, importlib, trenddojo.domain as d\n"
        "for m in pkgutil.walk_packages(d.__path__, 'trenddojo.domain.'): importlib.import_module(m.name)\n"
        "sys.exit(bool({'django', 'celery', 'redis'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0
