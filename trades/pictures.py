"""A picture somebody sent, made into one of ours: decoded, turned upright, stripped and encoded anew.

Nothing of the file that came is kept, so neither hidden data nor a second format inside it survives. Size and
dimensions are checked before a single pixel is decoded.
"""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import IO

from PIL import Image, ImageOps

from trenddojo.domain.errors import DomainError

MOST_BYTES = 10 * 1024 * 1024
MOST_PIXELS = 40_000_000
LONGEST_EDGE = 16_000
# MPO is what many phones call a JPEG with a preview behind it.
READ = ("PNG", "JPEG", "WEBP", "GIF")
WRITTEN = {"PNG": "png", "GIF": "png", "JPEG": "jpg", "MPO": "jpg", "WEBP": "webp"}
CONTENT_TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}
_OPTIONS: dict[str, dict[str, object]] = {
    "png": {"format": "PNG", "compress_level": 6},
    "jpg": {"format": "JPEG", "quality": 90, "optimize": False},
    "webp": {"format": "WEBP", "quality": 90, "method": 2},
}
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, OverflowError, TypeError, IndexError)


class PictureError(DomainError):
    """A file that is no picture we keep; the field is always the image's."""


@dataclass(frozen=True)
class Picture:
    """A picture encoded by us; ``extension`` is one of CONTENT_TYPES."""

    content: bytes
    extension: str
    width: int
    height: int


def picture_read(file: IO[bytes], *, byte_size: int) -> Picture:
    """Decode and encode anew; raises PictureError with a sentence for everything that is not one still picture."""
    if byte_size > MOST_BYTES:
        raise too_large()
    if byte_size == 0:
        raise _no_picture()
    with _refusing():
        image = Image.open(file, formats=READ)
        _check(image)
        extension = WRITTEN[image.format or ""]
        upright = _upright(image, extension)
    out = BytesIO()
    upright.save(out, **_OPTIONS[extension])
    return Picture(out.getvalue(), extension, upright.width, upright.height)


def too_large() -> PictureError:
    return PictureError("too_large", "This file is larger than 10 MB: send a smaller picture.", "image")


def _check(image: Image.Image) -> None:
    """What the header says, before any pixel is decoded."""
    if image.width * image.height > MOST_PIXELS or max(image.size) > LONGEST_EDGE:
        raise _too_many_pixels()
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise PictureError("animated", "This picture moves: send a still one, as PNG, JPEG or WebP.", "image")


def _upright(image: Image.Image, extension: str) -> Image.Image:
    """Decoded, turned as its camera meant it, in the colours our formats hold, without anything beside the pixels."""
    image.load()
    turned = ImageOps.exif_transpose(image)
    has_alpha = turned.mode in {"RGBA", "LA", "PA"} or "transparency" in turned.info
    mode = "RGBA" if has_alpha and extension != "jpg" else "RGB"
    plain = turned if turned.mode in {mode, "L"} else turned.convert(mode)
    # Comments, profiles and text chunks hang here and would be written along.
    plain.info = {}
    return plain


@contextmanager
def _refusing() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            yield
        except PictureError:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as bomb:
            raise _too_many_pixels() from bomb
        except _BROKEN as problem:
            raise _no_picture() from problem


def _too_many_pixels() -> PictureError:
    return PictureError("too_many_pixels", "This picture has more than 40 megapixels: send a smaller one.", "image")


def _no_picture() -> PictureError:
    return PictureError(
        "no_picture", "This is no picture we can read, or a part of it is missing: send a PNG, JPEG or WebP.", "image"
    )
