"""The one error of the desk."""


class DeskError(Exception):
    """Something the user can put right; its text is the sentence that says how."""
