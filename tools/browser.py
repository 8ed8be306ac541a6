"""Where a Chromium for the browser tests is: named, on PATH, Playwright's own, or Debian's package."""

import os
import shutil
import subprocess
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
NOT_FOUND = (
    "no Chromium was found; install one (Debian: apt-get install chromium), run `.venv/bin/playwright install "
    "chromium`, or name one as in `make test CHROMIUM=/path/to/chromium`."
)


def find_chromium() -> tuple[str, str]:
    """The program's path and an empty reason, or an empty path and the reason."""
    named = os.environ.get("CHROMIUM", "").strip()
    if named:
        found = shutil.which(named)
        return (found, "") if found else ("", f"CHROMIUM names {named}, which is no program.")
    for find in (_on_path, _playwrights_own, _debian_package):
        found = find()
        if found:
            return found, ""
    return "", NOT_FOUND


def _on_path() -> str:
    return next((found for name in NAMES if (found := shutil.which(name))), "")


def _playwrights_own() -> str:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() else ""


def _debian_package() -> str:
    """Install Debian's package where we may; Ubuntu's of that name is a snap and of no use to tests."""
    if os.geteuid() != 0 or not shutil.which("apt-get") or "ID=debian" not in _os_release():
        return ""
    print("Installing Debian's chromium for the browser tests.", flush=True)
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for words in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        answer = subprocess.run(
            ["apt-get", "-qq", *words],  # noqa: S607 - where the system has it
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        if answer.returncode != 0:
            return ""
    return _on_path()


def _os_release() -> list[str]:
    path = Path("/etc/os-release")
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
