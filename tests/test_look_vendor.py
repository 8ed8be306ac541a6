"""The vendored front-end is what its manifest says, and nothing a strict browser or the static storage refuses."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "static"
VENDOR = STATIC / "vendor"
MANIFEST = json.loads((VENDOR / "vendor.json").read_text())
TEMPLATES = sorted(path for app in (ROOT / "templates", *ROOT.glob("*/templates")) for path in app.rglob("*.html"))


@pytest.mark.parametrize("package", MANIFEST["packages"], ids=lambda package: package["name"])
def test_every_vendored_file_has_the_recorded_hash(package: dict[str, Any]) -> None:
    folder = VENDOR / package["folder"]
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}

    assert found == package["sha256"]
    assert package["integrity"].startswith("sha512-")


def test_nothing_is_vendored_without_a_licence_and_a_record() -> None:
    folders = {path.name for path in VENDOR.iterdir() if path.is_dir()}

    assert folders == {package["folder"] for package in MANIFEST["packages"]}
    assert all("LICENSE" in package["sha256"] for package in MANIFEST["packages"])


def test_no_static_file_refers_to_a_source_map_or_another_host() -> None:
    for path in [*STATIC.rglob("*.css"), *STATIC.rglob("*.js")]:
        text = path.read_text()
        assert "sourceMappingURL" not in text, path
        assert not re.search(r"url\(\s*[\"']?(https?:)?//", text), path


def test_every_icon_a_template_or_tag_names_is_in_the_sprite() -> None:
    icons = set(re.findall(r'<symbol id="([^"]+)"', (VENDOR / "tabler-icons" / "sprite.svg").read_text()))
    named = {name for path in TEMPLATES for name in re.findall(r"{% icon [\"']([\w-]+)[\"']", path.read_text())}
    named |= {
        name for path in TEMPLATES for name in re.findall(r'_empty\.html"[^%]* icon="([\w-]+)"', path.read_text())
    }

    assert named - icons == set()


INLINE = re.compile(r"\sstyle=|\son[a-z]+=[\"']|\shx-on|javascript:|<style|hx-vals=[\"']js:", re.IGNORECASE)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_template_needs_an_unsafe_policy(path: Path) -> None:
    text = path.read_text()

    assert not INLINE.search(text)
    for script in re.findall(r"<script[^>]*>", text):
        assert "src=" in script or 'type="application/json"' in script, script


def test_the_static_files_can_be_hashed_and_compressed_for_production(tmp_path: Path, settings: Any) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }

    call_command("collectstatic", interactive=False, verbosity=0)

    manifest = json.loads((tmp_path / "staticfiles.json").read_text())["paths"]
    own = {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.suffix in {".js", ".css", ".svg"}}
    assert own <= set(manifest)
    assert (tmp_path / (manifest["css/desk.css"] + ".gz")).exists()
