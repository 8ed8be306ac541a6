"""Who the servers run as. PostgreSQL refuses root, so root hands it to somebody harmless."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from trenddojo.desk.errors import DeskError


@dataclass(frozen=True)
class Identity:
    """A user and group of this machine; ``None`` for both means: whoever runs the desk."""

    uid: int | None = None
    gid: int | None = None

    def spawn_options(self) -> dict[str, object]:
        """Keyword arguments for subprocess that make the child run as this identity."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Hand a file or folder over to this identity."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Whether every folder from the root down to this one may be passed by the identity."""
        if self.uid is None:
            return True
        return all(self._may_pass(part) for part in (folder, *folder.parents))

    def _may_pass(self, folder: Path) -> bool:
        status = folder.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & 0o100)
        if status.st_gid == self.gid:
            return bool(status.st_mode & 0o010)
        return bool(status.st_mode & 0o001)


def server_identity(checkout: Path) -> Identity:
    """The identity for the embedded servers.

    An ordinary user keeps being themselves. Root takes the owner of the data or of the checkout, so
    that the same clone can be started with and without sudo, or nobody where root owns both.
    """
    if os.geteuid() != 0:
        return Identity()
    for path in (checkout / "var" / "postgres", checkout):
        if path.exists() and path.stat().st_uid != 0:
            return Identity(path.stat().st_uid, path.stat().st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as problem:
        sentence = (
            "PostgreSQL does not run as root and this machine has no user 'nobody': "
            "start the desk as an ordinary user or set DATABASE_URL."
        )
        raise DeskError(sentence) from problem
    return Identity(nobody.pw_uid, nobody.pw_gid)
