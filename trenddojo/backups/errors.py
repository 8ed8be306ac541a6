"""What goes wrong with backups, in a sentence for whoever sits at the terminal."""


class BackupError(Exception):
    """Nothing was written, or nothing was changed; the message says why and what to do."""
