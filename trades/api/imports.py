"""Imports of fills from a file: previewed, booked whole or not at all, undone."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import creates
from accounts.api.lookup import found_or_404
from accounts.selectors import accounts_of
from trades.api.import_mappings import (
    MAPPING,
    MAPPING_SAID,
    MappingGiven,
    MappingTaken,
    mapping_chosen,
    mapping_told,
)
from trades.api.uploads import MARGIN, UploadViewSet, file_refusals
from trades.imports.formats import FORMATS, GENERIC
from trades.imports.reading import MAX_BYTES, refusal
from trades.models import FillImport, ImportState
from trades.selectors.imports import imports_of, mapping_of
from trades.services.errors import TradeError
from trades.services.import_answers import (
    BookingRefused,
    UndoRefused,
    import_booked,
    import_preview,
    import_read_again,
    import_taken_back,
)
from trades.services.imports import import_delete, preview_check
from trades.tasks import import_nudge
from trenddojo.api.errors import Conflict, Reason, Refused
from trenddojo.api.fields import Key, Moment, Text, Whole, Word
from trenddojo.api.schema import ETAG, IDEMPOTENT, errors
from trenddojo.api.serializers import Given, Nothing, Taken

AUTO = "auto"
FORMAT_WORDS = [(key, key) for key in (AUTO, *(known.key for known in FORMATS), GENERIC)]
READING = "reading"
STATES = {state.value: READING if state is ImportState.UPLOADED else state.value for state in ImportState}
STATE_WORDS = [(word, word) for word in STATES.values()]
WORKING = frozenset({ImportState.UPLOADED, ImportState.COMMITTING, ImportState.UNDOING})
PREVIEW = {
    "id": "3e1d2c9a-7a34-4a5e-9d4b-0c6a4b6f5e21",
    "account": "7c0f4ae5-56c4-4dc4-9d1f-2d8f1f0f4ae5",
    "file_name": "march.csv",
    "state": "preview",
    "format": "template",
    "rows": 212,
    "new": 210,
    "duplicate": 2,
    "errors": [],
    "error_count": 0,
    "warnings": [],
    "trades_created": 0,
    "executions_created": 0,
    "created_at": "2026-03-05T08:00:11.402117Z",
    "finished_at": None,
}
EXAMPLE = OpenApiExample("A preview", PREVIEW, response_only=True)
BOOKED = OpenApiExample("Booked", {"trades_created": 98, "executions_created": 210}, response_only=True)


class StateWord(Word):
    def to_representation(self, value: Any) -> str:
        return STATES[value]


class FormatWord(Text):
    """The format it is read as; what was asked for until it is read."""

    def get_attribute(self, instance: FillImport) -> str:
        if not instance.mapping:
            return str(instance.settings.get("format") or AUTO)
        return str(instance.mapping.get("format") or GENERIC)


class ImportLine(Given):
    line = Whole(help_text="0 for the whole file.")
    code = Text()
    detail = Text()


class ImportGiven(Given):
    id = Key()
    account = Key(source="account_id")
    file_name = Text()
    state = StateWord(choices=STATE_WORDS)
    format = FormatWord(help_text=f"One of {', '.join(word for word, _ in FORMAT_WORDS[1:])}.")
    rows = Whole(help_text="Lines that are fills.")
    new = Whole(help_text="Those that are not recorded yet.")
    duplicate = Whole(help_text="Those that are recorded already.")
    errors = ImportLine(many=True, help_text="The first hundred.")
    error_count = Whole()
    warnings = ImportLine(many=True, help_text="Worth a look before booking, which confirms them.")
    trades_created = Whole()
    executions_created = Whole()
    created_at = Moment()
    finished_at = Moment(allow_null=True)


class BookedGiven(Given):
    trades_created = Whole()
    executions_created = Whole()


class ImportNew(Taken):
    account = Key()
    file = serializers.FileField(use_url=False, help_text=f"CSV, at most {MAX_BYTES // 1024 // 1024} MB.")
    format = Word(choices=FORMAT_WORDS, default=AUTO)


class ImportFilters(Taken):
    account = Key(required=False)
    state = Word(choices=STATE_WORDS, required=False)


@extend_schema(tags=["imports"])
@extend_schema_view(
    list=extend_schema(summary="List imports", parameters=[ImportFilters], examples=[EXAMPLE]),
    retrieve=extend_schema(
        summary="Read an import",
        description="To be asked again while its state is reading, committing or undoing.",
        parameters=[ETAG],
        examples=[EXAMPLE],
    ),
)
class ImportViewSet(UploadViewSet):
    serializer_class = ImportGiven
    filters = ImportFilters
    most_bytes = MAX_BYTES + MARGIN
    too_large = refusal("too_large").sentence

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, UndoRefused):
            exc = Conflict(exc.sentence, exc.code)
        if isinstance(exc, BookingRefused) or (isinstance(exc, TradeError) and exc.code == "has_errors"):
            exc = Refused([Reason(exc.code, exc.sentence)])
        return super().handle_exception(exc)

    def list(self, request: Request) -> Response:
        wanted = self.filtered()
        if wanted.get("state") == READING:
            wanted["state"] = ImportState.UPLOADED
        return self.paged(imports_of(request.user).filter(**wanted))

    def retrieve(self, request: Request, pk: UUID) -> Response:
        return self.answered(self.row(request, pk))

    @extend_schema(
        summary="Upload a file of fills and preview it",
        description="Nothing is booked yet. A file of up to 4 MiB is read at once; a larger one answers 202 with the "
        "state `reading`: ask for it again until it is `preview` or `refused`.",
        request={"multipart/form-data": ImportNew},
        responses={201: ImportGiven, 202: ImportGiven, **errors(404, on_413="The file is larger than 64 MB.")},
        parameters=[IDEMPOTENT],
        examples=[EXAMPLE],
    )
    @creates
    def create(self, request: Request, creation_key: UUID) -> Response:
        given = self.uploaded(request, ImportNew)
        account = found_or_404(accounts_of(request.user), given["account"])
        with file_refusals():
            made = import_preview(
                account=account,
                file=given["file"],
                file_format="" if given["format"] == AUTO else given["format"],
                creation_key=creation_key,
                nudge=import_nudge,
            )
        return self.answered(made, code=_code(made, status.HTTP_201_CREATED))

    @extend_schema(
        summary="Book a preview, all of it or nothing",
        description="Booked already, it is not booked again. More than 10,000 rows answer 202 with the state "
        "`committing`: ask for the import until it is `committed`.",
        request=None,
        responses={
            200: BookedGiven,
            202: ImportGiven,
            **errors(on_409="It is in no preview.", on_422="Lines have errors, or could not be booked."),
        },
        examples=[BOOKED],
    )
    @action(detail=True, methods=["post"])
    def commit(self, request: Request, pk: UUID) -> Response:
        self.taken(Nothing)
        found = import_booked(fill_import=self.row(request, pk), nudge=import_nudge)
        if found.state in WORKING:
            return self.answered(found, code=status.HTTP_202_ACCEPTED)
        return Response(BookedGiven(found).data)

    @extend_schema(
        summary="Take back everything an import brought",
        description="Refused with 409 where fills of it were changed by hand since. More than 10,000 executions answer "
        "202 with the state `undoing`.",
        request=None,
        responses={
            200: ImportGiven,
            202: ImportGiven,
            **errors(on_409="It is not booked, or its fills were changed since."),
        },
        examples=[EXAMPLE],
    )
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: UUID) -> Response:
        self.taken(Nothing)
        found = import_taken_back(fill_import=self.row(request, pk), nudge=import_nudge)
        return self.answered(found, code=_code(found, status.HTTP_200_OK))

    @extend_schema(
        summary="Delete the entry of an import",
        description="The file and its preview are forgotten; no execution and no trade is touched. One that is booked "
        "is undone first.",
        responses={204: None, **errors(on_409="It is booked, or at work.")},
    )
    def destroy(self, request: Request, pk: UUID) -> Response:
        import_delete(fill_import=self.row(request, pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Read what an import's columns mean",
        description="With its header and its first and last lines, to choose from; `missing` is what must still be "
        "chosen.",
        responses={200: MappingGiven},
        examples=[OpenApiExample("Without a side", MAPPING, response_only=True)],
    )
    @action(detail=True, methods=["get"])
    def mapping(self, request: Request, pk: UUID) -> Response:
        found = self.row(request, pk)
        return Response(mapping_told(found, mapping_of(found)))

    @extend_schema(
        summary="Say what an import's columns mean",
        description="Its file is read again, and the answer is its new preview; more than 4 MiB answer 202 with the "
        "state `reading`. Kept for files of the account with the same header.",
        request=MappingTaken,
        responses={200: ImportGiven, 202: ImportGiven, **errors(on_409="It is in no preview.")},
        examples=[OpenApiExample("By name and by number", MAPPING_SAID, request_only=True), EXAMPLE],
    )
    @mapping.mapping.post
    def choose_mapping(self, request: Request, pk: UUID) -> Response:
        found = self.row(request, pk)
        preview_check(found)
        chosen = mapping_chosen(found, mapping_of(found), self.taken(MappingTaken))
        again = import_read_again(fill_import=found, mapping=chosen, nudge=import_nudge)
        return self.answered(again, code=_code(again, status.HTTP_200_OK))

    def row(self, request: Request, pk: UUID) -> FillImport:
        return found_or_404(imports_of(request.user), pk)


def _code(found: FillImport, done: int) -> int:
    return status.HTTP_202_ACCEPTED if found.state in WORKING else done
