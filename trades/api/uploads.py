"""What resources that take a file have in common: a form, whose reading ends at its limit."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.http import HttpRequest, QueryDict
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request

from trades.api.base import TradesViewSet
from trades.imports.bar_file import BarsRefused
from trades.imports.refusals import FileRefused
from trades.uploads import LimitedUpload
from trenddojo.api.errors import TooLarge, invalid
from trenddojo.api.parsers import StrictJSONParser
from trenddojo.api.serializers import Taken

# What a form adds to its file.
MARGIN = 64 * 1024


class UploadViewSet(TradesViewSet):
    """Its collection takes forms, everything below it JSON.

    A resource says `most_bytes`, which a file and its form may have together, and `too_large`, the sentence for more.
    """

    most_bytes: int
    too_large: str

    def initialize_request(self, request: HttpRequest, *args: Any, **options: Any) -> Request:
        # In place before anybody reads the body: a file that is too large never fills the disk.
        request.is_upload_too_large = False  # type: ignore[attr-defined]
        request.upload_handlers.insert(0, LimitedUpload(request, self.most_bytes))
        return super().initialize_request(request, *args, **options)

    def get_parsers(self) -> list[BaseParser]:
        return [StrictJSONParser()] if self.detail else [MultiPartParser()]

    def uploaded(self, request: Request, form: type[Taken]) -> dict[str, Any]:
        """The form's fields. Raises TooLarge and ValidationError."""
        # Without a body there is no form either.
        sent = request.data if isinstance(request.data, QueryDict) else QueryDict()
        # Noted by the handler on Django's request, which this one passes on to.
        if request.is_upload_too_large:
            raise TooLarge(self.too_large)
        for name in sent:
            if len(sent.getlist(name)) > 1:
                raise invalid("given_twice", "Give this once.", name)
        return self.taken(form, sent.dict())


@contextmanager
def file_refusals(fields: Mapping[str, str] | None = None) -> Iterator[None]:
    """What a file is refused for, said at its field, or at the one that `fields` names for a code.

    Inside what makes something, so that the request's key stays free.
    """
    try:
        yield
    except FileRefused as problem:
        raise invalid(problem.code, problem.sentence, (fields or {}).get(problem.code, "file")) from problem
    except BarsRefused as problem:
        said = [ErrorDetail(f"Line {line}: {sentence}", "bad_line") for line, sentence in problem.errors]
        if problem.count > len(said):
            said.append(ErrorDetail(f"{problem.count - len(said):,} more lines cannot be read.", "more_bad_lines"))
        raise ValidationError({"file": said}) from problem
