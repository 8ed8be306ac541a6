"""Pictures as they leave the desk: to their owner, as nothing but a picture."""

from pathlib import PurePosixPath

from django.http import FileResponse, Http404

from trades.models import Screenshot
from trades.pictures import CONTENT_TYPES

# The picture is all there is: nothing in it may run, load or be framed.
PICTURE_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"


def content_type_of(row: Screenshot) -> str:
    return CONTENT_TYPES[_extension(row)]


def picture_served(row: Screenshot) -> FileResponse:
    """The picture's bytes. Raises Http404 where the file is gone."""
    try:
        file = row.image.open("rb")
    except FileNotFoundError as gone:
        raise Http404 from gone
    return FileResponse(
        file,
        content_type=content_type_of(row),
        filename=f"screenshot-{row.created_at:%Y-%m-%d}.{_extension(row)}",
        headers={
            "Cache-Control": "private, max-age=3600",
            "Content-Security-Policy": PICTURE_POLICY,
            "Cross-Origin-Resource-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _extension(row: Screenshot) -> str:
    return PurePosixPath(row.image.name).suffix.removeprefix(".")
