"""Writes docs/api/openapi.yaml from the views: `python -m tools.api_schema`; with `--check` only compares.

The file shows in a review what a change does to programs.
"""

import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "api" / "openapi.yaml"
WIDTH = 120
# A mapping of so few characters stands on one line.
ONE_LINE = 100


def text() -> str:
    """The published schema as YAML, what is short on one line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "trenddojo.settings")
    os.environ.setdefault("ENV_FILE", str(ROOT / "docs" / "production.env.example"))
    import django
    import yaml

    django.setup()
    from trenddojo.api.views import published

    class Writer(yaml.CSafeDumper):
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the library's signature
            return True

        def represent_mapping(self, tag: str, mapping: Any, flow_style: Any = None) -> Any:
            node = super().represent_mapping(tag, mapping, flow_style)
            node.flow_style = len(repr(mapping)) < ONE_LINE
            return node

    def written(writer: Any, word: str) -> Any:
        return writer.represent_scalar("tag:yaml.org,2002:str", word, style="|" if "\n" in word else None)

    Writer.add_representer(str, written)
    found = plain(published())
    return str(
        yaml.dump(found, Dumper=Writer, width=WIDTH, default_flow_style=None, sort_keys=False, allow_unicode=True)
    )


def plain(found: Any) -> Any:
    """The same of built-in types only: choices are words, and lazy texts are texts."""
    if isinstance(found, dict):
        return {str(name): plain(value) for name, value in found.items()}
    if isinstance(found, (list, tuple)):
        return [plain(value) for value in found]
    return found if found is None or isinstance(found, (bool, int, float)) else str(found)


def main(words: list[str]) -> int:
    """Write the file, or say that it is not what the views say."""
    now = text()
    if "--check" in words:
        if PAGE.read_text(encoding="utf-8") == now:
            return 0
        print(f"{PAGE.relative_to(ROOT)} is not what the views say: run `python -m tools.api_schema`.")
        return 1
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(now, encoding="utf-8")
    print(f"Wrote {PAGE}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
