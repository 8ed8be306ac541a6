"""What is installed is what was chosen, to the byte; and no check is silenced without a reason."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt", "tools/installer.txt")
PINNED = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._-]*(?:\[[a-z0-9,_-]+\])?)==(?P<version>[^\s;]+)(?: ; (?P<where>[^\\]+?))?$"
)
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
# Security checks, and the one against catching everything: what passes one of them says why.
SILENCED = re.compile(r"#\s*(?:noqa:[^#]*\b(?:S\d{3}|BLE001)\b|nosec)[^#]*")
REASON = re.compile(r" (?:-|–) \S")
PRODUCT = ("trenddojo", "accounts", "brokers", "trades", "tools", "benchmarks", "docs/examples")


def entries(path: Path) -> list[str]:
    """Each requirement with what belongs to it on one line; comments left out."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    return [" ".join(line.split()) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_is_pinned_with_its_hashes(name: str) -> None:
    found = entries(ROOT / name)
    assert found

    for entry in found:
        wanted, *hashes = re.split(r" (?=--hash)", entry)
        assert PINNED.fullmatch(wanted), entry
        assert hashes, f"{wanted} has no hash"
        assert all(HASH.fullmatch(one) for one in hashes), entry


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_no_requirement_names_a_host(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")

    assert not re.search(r"https?:|@ |--(?:extra-)?index-url|--find-links|--trusted-host|^-[ief] ", text, re.MULTILINE)


def test_pyproject_names_no_host() -> None:
    found = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*found["project"]["dependencies"], *found["dependency-groups"]["dev"]]

    assert not [line for line in wanted if "@" in line or "://" in line]
    assert not {"index", "index-url", "extra-index-url", "find-links", "sources"} & found["tool"]["uv"].keys()


def test_the_set_up_installs_nothing_without_its_hash() -> None:
    """Each call of an installer says so."""
    source = (ROOT / "tools" / "bootstrap.py").read_text(encoding="utf-8")
    calls = re.findall(r'\[[^\]]*"install"[^\]]*\]', source)

    assert len(calls) == 3
    assert all('"--require-hashes"' in call for call in calls if '"config"' not in call)


def test_a_security_check_is_silenced_with_a_reason() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in PRODUCT
        for path in sorted((ROOT / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if (found := SILENCED.search(line)) and not REASON.search(found[0])
    ]

    assert bare == []
