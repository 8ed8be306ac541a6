"""Refresh static/vendor from the npm registry: ``python tools/vendor.py`` (needs npm on PATH).

static/vendor/vendor.json pins each package to a version and to the sha512 of its tarball, and records the sha256 of
every file written. To move to a new version, change "version", empty "integrity" and run this once; it fills in what
it was given, and a later run that is given anything else stops.
"""

import base64
import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

VENDOR = Path(__file__).resolve().parent.parent / "static" / "vendor"
MANIFEST = VENDOR / "vendor.json"

_SOURCE_MAP = re.compile(rb"\n?(//|/\*)[#@] sourceMappingURL=[^\n]*\n?")
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_DARK = "[data-bs-theme=dark]"
_AUTO = "[data-bs-theme=auto]"


class WrongContents(Exception):
    """The registry answered with something else than was pinned."""


def tarball(name: str, version: str, integrity: str) -> tuple[bytes, str]:
    """The package's tarball and its integrity, checked against the pinned one where there is one."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--pack-destination", folder, f"{name}@{version}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        data = next(Path(folder).glob("*.tgz")).read_bytes()
    found = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
    if integrity and found != integrity:
        raise WrongContents(f"{name}@{version} has {found}, pinned is {integrity}")
    return data, found


def unpacked(data: bytes) -> dict[str, bytes]:
    """The regular files of a tarball by their path inside the package."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = [member for member in archive if member.isfile()]
        return {m.name.partition("/")[2]: archive.extractfile(m).read() for m in members}  # type: ignore[union-attr]


def without_source_map(data: bytes) -> bytes:
    """The file without its source map line: hashed static storage refuses a reference to a file it does not have."""
    return _SOURCE_MAP.sub(b"\n", data)


def sprite(files: dict[str, bytes], icons: list[str]) -> bytes:
    """One SVG with a symbol per icon, so that a page fetches all of them once."""
    symbols = []
    for name in sorted(icons):
        svg = files[f"icons/outline/{name}.svg"].decode()
        body = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
        body = body.replace('<path stroke="none" d="M0 0h24v24H0z" fill="none" />', "")
        shapes = "".join(line.strip() for line in body.splitlines())
        symbols.append(
            f'<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
            f'stroke-linecap="round" stroke-linejoin="round">{shapes}</symbol>'
        )
    return ('<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n").encode()


def outside_at_rules(css: str) -> str:
    """The style sheet without what stands inside @media and its like."""
    kept, depth, start = [], 0, 0
    for brace in re.finditer(r"[{}]", css):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            block = css[start : brace.end()]
            kept.append("" if block.lstrip().startswith("@") else block)
            start = brace.end()
    return "".join(kept)


def auto_theme(css: bytes) -> bytes:
    """Tabler's dark rules again, for ``data-bs-theme=auto`` under a system that prefers dark: no script, no flash."""
    rules = []
    for selectors, body in _RULE.findall(outside_at_rules(css.decode())):
        dark = [s for s in selectors.split(",") if s.startswith((_DARK, f":root{_DARK}")) and "navbar" not in s]
        if dark:
            rules.append(",".join(dark).replace(_DARK, _AUTO) + "{" + body + "}")
    return ("@media (prefers-color-scheme:dark){\n" + "\n".join(rules) + "\n}\n").encode()


def contents(package: dict[str, Any], files: dict[str, bytes]) -> dict[str, bytes]:
    """What a package contributes to static/vendor, by the path below its folder."""
    written = {target: without_source_map(files[source]) for source, target in package["files"].items()}
    if "icons" in package:
        written["sprite.svg"] = sprite(files, package["icons"])
    if "auto_theme" in package:
        written[package["auto_theme"]] = auto_theme(files[next(iter(package["files"]))])
    return written


def refresh(package: dict[str, Any]) -> None:
    """Fetch one package, write its files and record what was written."""
    data, package["integrity"] = tarball(package["name"], package["version"], package.get("integrity", ""))
    folder = VENDOR / package["folder"]
    folder.mkdir(parents=True, exist_ok=True)
    for target, body in contents(package, unpacked(data)).items():
        (folder / target).write_bytes(body)
    package["sha256"] = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir()) if path.is_file()
    }


def main() -> int:
    """Refresh every package of the manifest."""
    manifest = json.loads(MANIFEST.read_text())
    for package in manifest["packages"]:
        try:
            refresh(package)
        except (WrongContents, subprocess.CalledProcessError, KeyError) as error:
            sys.stderr.write(f"{package['name']}: {error}\n")
            return 1
        sys.stdout.write(f"{package['name']} {package['version']}\n")
    MANIFEST.write_text(json.dumps(manifest, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
