"""A queue's file as a full disk can leave it: half a command, and then whole ones again."""

from pathlib import Path

HALF, WHOLE = b"*3\r\n$3\r\nSET\r\n$6\r\nspo", b"*3\r\n$3\r\nSET\r\n$6\r\nspoilt\r\n$3\r\nyes\r\n"


def spoil(data: Path) -> Path:
    """Spoil the file that is written to at present, in the data folder of a Valkey; returns it."""
    newest = max((data / "appendonlydir").glob("*.incr.aof"), key=lambda path: path.stat().st_mtime)
    with newest.open("ab") as file:
        file.write(HALF + WHOLE)
    return newest
