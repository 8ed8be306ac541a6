"""Where the embedded servers keep data, sockets and copied programs."""

import contextlib
import hashlib
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from trenddojo.desk.errors import DeskError
from trenddojo.desk.identity import Identity
from trenddojo.desk.postgres import LONGEST_SOCKET_PATH
from trenddojo.desk.postgres import SOCKET_NAME as LONGEST_SOCKET_NAME

OUTSIDE = (Path("/var/lib/trenddojo"), Path("/var/tmp/trenddojo"))  # noqa: S108 - chosen with owner and mode

# A comma in a host separates hosts, and not every client decodes the rest.
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._ -]+")


@dataclass(frozen=True)
class Places:
    """The folders of one desk. `var` is in the checkout and belongs to whoever runs the desk."""

    var: Path
    identity: Identity

    def data(self, name: str) -> Path:
        """The data folder of a server: var/<name>, or what that link points to.

        A checkout below a private home cannot be entered by the identity root hands the servers to.
        Opening the home to the world is out of the question, so the data lies outside and var/<name>
        is a link to it.
        """
        place = self.var / name
        if place.is_symlink() or place.exists() or self.identity.can_enter(self.var):
            return self._resolved(place)
        outside = Path(tempfile.mkdtemp(prefix="desk-", dir=self._outside()))
        outside.chmod(0o711)
        self.identity.own(outside)
        place.symlink_to(outside / name)
        print(f"Servers do not run as root and may not enter {self.var}: the data is in {outside / name}.", flush=True)
        return outside / name

    def _resolved(self, place: Path) -> Path:
        real = Path(os.path.realpath(place))
        if not real.parent.is_dir():
            raise DeskError(f"{place} points to {real}, whose folder is gone: bring it back or remove the link.")
        if not self.identity.can_enter(real.parent):
            raise DeskError(
                f"The database under {place} cannot be entered by the user that servers run as: "
                "start the desk as the user who started it first, or make the folders above it passable."
            )
        if real.exists() and os.geteuid() != 0 and real.stat().st_uid != os.geteuid():
            raise DeskError(f"{place} belongs to another user: start the desk as the user who started it first.")
        return real

    def copies(self) -> Path:
        """A folder for programs that the identity can enter."""
        inside = self.var / "programs"
        if self.identity.can_enter(self.var):
            inside.mkdir(mode=0o755, exist_ok=True)
            return inside
        outside = self._outside() / "programs"
        outside.mkdir(mode=0o755, exist_ok=True)
        return outside

    def sockets(self) -> Path:
        """An empty folder of our own for sockets, short and plain enough for the system and the clients."""
        inside = self.var / "run"
        longest = inside / f"{LONGEST_SOCKET_NAME}.lock"
        short = len(os.fsencode(longest)) <= LONGEST_SOCKET_PATH
        if short and PLAIN_PATH.fullmatch(str(inside)) and self.identity.can_enter(self.var):
            return self._private(inside)
        digest = hashlib.sha256(os.fsencode(self.var)).hexdigest()[:12]
        # Deliberately not TMPDIR, which may be as long as the path we flee from.
        return self._private(Path(f"/tmp/trenddojo-{os.geteuid()}-{digest}"))  # noqa: S108 - owner and mode are checked

    def _private(self, folder: Path) -> Path:
        """Ours alone: the servers trust whoever can open their sockets."""
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            self.identity.own(folder)
        found = folder.lstat()
        ours = os.geteuid() if self.identity.uid is None else self.identity.uid
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {ours, os.geteuid()}:
            raise DeskError(f"The folder {folder} belongs to somebody else: remove it and start again.")
        self.identity.own(folder)
        folder.chmod(0o700)
        for left_over in folder.iterdir():
            left_over.unlink()
        return folder

    def _outside(self) -> Path:
        for folder in OUTSIDE:
            with contextlib.suppress(OSError):
                folder.mkdir(mode=0o711, parents=True, exist_ok=True)
                if folder.stat().st_uid == os.geteuid():
                    return folder
        raise DeskError(
            "The servers may not enter this checkout and no folder for them could be made under /var: "
            "move the checkout out of the private home, or start the desk as an ordinary user."
        )
