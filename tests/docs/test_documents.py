"""What the documents point to is there, and nothing names the machine it was written on."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
CODE_BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
# `folder/file`, or the name of a file on its own.
NAMED = re.compile(r"`((?:[\w.@-]+/)+[\w.@-]*|[\w-]+\.(?:py|md|html|css|js|txt|toml|example))`")
# Made by a start, an installation or collectstatic; never in a clone.
MADE_LATER = ("var/", ".venv/", "staticfiles/")
MAKE_TARGET = re.compile(r"`(?:[A-Z]+=\S+ )*make ([a-z][a-z ]*)`")
MANAGE = re.compile(r"manage\.py ([a-z_]+)")
# Folders of a person's or a machine's own; and hosts that packages come from.
OF_A_MACHINE = re.compile(
    r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+)/|(?:pypi|pythonhosted|npmjs|jsdelivr|unpkg)\.(?:org|com|net)|/simple/\b"
)


@cache
def tracked() -> tuple[str, ...]:
    """Files of the repository; outside a clone, whatever lies here that could be one."""
    answer = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=False, capture_output=True, text=True)  # noqa: S607
    if answer.returncode == 0 and answer.stdout:
        return tuple(name for name in answer.stdout.split("\0") if name)
    pytest.skip("this is no git clone, so nothing says which files belong to the repository")


@cache
def names() -> frozenset[str]:
    return frozenset(Path(name).name for name in tracked())


def document_id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(path: Path) -> set[str]:
    """The anchors a reader's browser finds: headings in small letters, words joined by hyphens."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=document_id)
def test_every_relative_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    links = [found for found in LINK.findall(document.read_text(encoding="utf-8")) if "://" not in found[0]]
    targets = [(document if not path else document.parent / path, anchor) for path, anchor in links]

    assert [str(path) for path, _ in targets if not path.exists()] == []
    assert [anchor for path, anchor in targets if anchor and anchor not in anchors(path)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=document_id)
def test_every_file_named_in_a_document_is_there(document: Path) -> None:
    text = CODE_BLOCK.sub("", document.read_text(encoding="utf-8"))

    assert [name for name in NAMED.findall(text) if not is_there(name, document)] == []


def is_there(name: str, document: Path) -> bool:
    if name.startswith(MADE_LATER) or name.startswith("<"):
        return True
    if "/" not in name:
        return name in names()
    return any((folder / name).exists() for folder in (ROOT, document.parent, ROOT / "templates"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=document_id)
def test_every_command_named_in_a_document_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    of_django = {
        *("check", "migrate", "collectstatic", "createsuperuser", "makemigrations", "sendtestemail", "shell"),
        *("dbshell", "showmigrations"),
    }
    ours = {Path(name).stem for name in tracked() if "/management/commands/" in name}

    named = {word for words in MAKE_TARGET.findall(text) for word in words.split()}

    assert named - targets == set()
    assert set(MANAGE.findall(text)) - of_django - ours == set()


def test_no_file_names_a_machine_or_a_host_that_packages_come_from() -> None:
    found = []
    for name in tracked():
        path = ROOT / name
        if name == document_id(Path(__file__)) or "static/vendor/" in name or not path.is_file():
            continue
        text = path.read_bytes().decode("utf-8", errors="ignore") if path.suffix not in {".png", ".jpg"} else ""
        found += [f"{name}: {match.group()}" for match in OF_A_MACHINE.finditer(text)]

    assert found == []


def test_every_vendored_library_brings_its_licence() -> None:
    folders = [path for path in (ROOT / "static" / "vendor").iterdir() if path.is_dir()]

    assert folders
    assert [folder.name for folder in folders if not (folder / "LICENSE").is_file()] == []
