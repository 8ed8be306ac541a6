"""Screenshots: what is taken in, what is kept of it, who may see it, and that nothing is left behind."""

import io
import os
import struct
import uuid
import zlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone
from PIL import Image, PngImagePlugin

from accounts.models import User
from tests.factories import make_account, make_plan
from trades.models import JournalDay, Screenshot, Trade
from trades.pictures import MOST_BYTES, PictureError, picture_read
from trades.services.screenshots import screenshot_add
from trades.services.sweeping import files_sweep


def picture(form: str = "PNG", size: tuple[int, int] = (6, 4), mode: str = "RGB", **options: Any) -> bytes:
    image = Image.new(mode, size, 200 if mode in {"L", "P"} else (200, 30, 30, 90)[: len(mode)])
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def read(content: bytes) -> Any:
    return picture_read(io.BytesIO(content), byte_size=len(content))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int) -> bytes:
    """A header that promises this many pixels, with next to nothing behind it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("form", "mode", "extension", "written"),
    [
        ("PNG", "RGB", "png", "PNG"),
        ("PNG", "RGBA", "png", "PNG"),
        ("PNG", "P", "png", "PNG"),
        ("PNG", "L", "png", "PNG"),
        ("GIF", "P", "png", "PNG"),
        ("JPEG", "RGB", "jpg", "JPEG"),
        ("JPEG", "L", "jpg", "JPEG"),
        ("JPEG", "CMYK", "jpg", "JPEG"),
        ("WEBP", "RGBA", "webp", "WEBP"),
    ],
)
def test_a_still_picture_is_encoded_anew(form: str, mode: str, extension: str, written: str) -> None:
    kept = read(picture(form, mode=mode))
    assert (kept.extension, kept.width, kept.height) == (extension, 6, 4)
    again = Image.open(io.BytesIO(kept.content))
    assert (again.format, again.size) == (written, (6, 4))


def test_the_pixels_of_a_png_stay_exactly_the_same() -> None:
    image = Image.effect_noise((40, 30), 90).convert("RGB")
    out = io.BytesIO()
    image.save(out, "PNG")
    assert Image.open(io.BytesIO(read(out.getvalue()).content)).tobytes() == image.tobytes()


def test_the_camera_is_turned_upright_and_forgotten() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "SecretCamera"
    kept = read(picture("JPEG", exif=exif, comment=b"SecretComment"))
    assert (kept.width, kept.height) == (4, 6)
    assert b"Secret" not in kept.content
    assert not Image.open(io.BytesIO(kept.content)).getexif()


def test_text_profiles_and_what_hangs_behind_are_gone() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "SecretText")
    sent = picture("PNG", pnginfo=info, icc_profile=b"SecretProfile" * 20) + b"<script>Secret()</script>PK\x03\x04"
    kept = read(sent)
    assert b"Secret" not in kept.content
    assert b"<script>" not in kept.content
    assert "icc_profile" not in Image.open(io.BytesIO(kept.content)).info


def moving(form: str) -> bytes:
    frames = [Image.new("RGB", (6, 4), color) for color in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, form, save_all=True, append_images=frames[1:], duration=100)
    return out.getvalue()


NO_PICTURE = "This is no picture we can read"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "no_picture"),
        (b"no picture at all", "no_picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "no_picture"),
        (b"GIF89a/*<script>*/", "no_picture"),
        (b"\x89PNG\r\n\x1a\n", "no_picture"),
        (picture("PNG", (300, 300))[:-200], "no_picture"),
        (picture("JPEG", (300, 300))[:900], "no_picture"),
        (picture("BMP"), "no_picture"),
        (picture("TIFF"), "no_picture"),
        (picture("ICO"), "no_picture"),
        (b"%PDF-1.4\n" + picture("PNG"), "no_picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no_picture"),
        (png_of(30_000, 30_000), "too_many_pixels"),
        (png_of(8_000, 5_001), "too_many_pixels"),
        (png_of(40_000, 1), "too_many_pixels"),
        (png_of(8_000, 5_000), "no_picture"),
        (moving("GIF"), "animated"),
        (moving("PNG"), "animated"),
        (moving("WEBP"), "animated"),
    ],
)
def test_what_is_no_still_picture_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(PictureError) as refused:
        read(content)
    assert refused.value.code == code
    assert refused.value.field == "image"


def test_a_picture_over_ten_megabytes_is_refused_unread() -> None:
    class Unread(io.BytesIO):
        def read(self, *_args: Any) -> bytes:
            raise AssertionError("it was read")

    with pytest.raises(PictureError) as refused:
        picture_read(Unread(), byte_size=MOST_BYTES + 1)
    assert refused.value.code == "too_large"


def test_a_text_chunk_that_unpacks_to_a_gigabyte_is_refused() -> None:
    bomb = b"Comment\0\0" + zlib.compress(b"\0" * 50_000_000, 9)
    content = picture("PNG")
    with pytest.raises(PictureError):
        read(content[:33] + chunk(b"zTXt", bomb) + content[33:])


@pytest.fixture
def trade(alice: User) -> Any:
    return make_plan(make_account(alice))


def send(client: Client, trade: Trade, content: bytes | None = None, name: str = "chart.png", **fields: Any) -> Any:
    upload = SimpleUploadedFile(name, picture() if content is None else content, content_type="image/png")
    return client.post(
        f"/trades/{trade.pk}/screenshots/", {"key": uuid.uuid4(), "caption": "The gap", "image": upload} | fields
    )


def files(settings: Any) -> list[Path]:
    return sorted(path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file())


@pytest.mark.django_db
def test_a_screenshot_is_kept_under_a_random_name_and_served_as_what_it_is(
    alice_client: Client, trade: Trade, settings: Any
) -> None:
    answer = send(alice_client, trade, name="../../etc/my account 4711.png")
    assert answer.status_code == 302
    assert answer.url == f"/trades/{trade.pk}/journal/#screenshots"
    row = Screenshot.objects.get()
    assert (row.trade_id, row.caption, row.width, row.height) == (trade.pk, "The gap", 6, 4)
    (file,) = files(settings)
    assert file.parent.name == "screenshots"
    assert len(file.stem) == 32
    assert int(file.stem, 16) > 0
    assert file.stat().st_mode & 0o077 == 0
    shown = alice_client.get(f"/screenshots/{row.pk}/")
    assert b"".join(shown.streaming_content) == file.read_bytes()
    assert row.byte_size == file.stat().st_size
    assert shown.headers["Content-Type"] == "image/png"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert shown.headers["Content-Security-Policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"
    assert shown.headers["Cache-Control"] == "private, max-age=3600"
    assert shown.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert shown.headers["Content-Disposition"].startswith("inline; filename=")
    assert f"/screenshots/{row.pk}/".encode() in alice_client.get(f"/trades/{trade.pk}/journal/").content


@pytest.mark.django_db
def test_the_form_sent_twice_keeps_one_screenshot(alice_client: Client, trade: Trade, settings: Any) -> None:
    key = uuid.uuid4()
    for _time in range(2):
        assert send(alice_client, trade, key=key).status_code == 302
    assert Screenshot.objects.count() == 1
    assert len(files(settings)) == 1


@pytest.mark.django_db
def test_somebody_elses_screenshot_is_neither_seen_nor_deleted_nor_added_to(
    alice_client: Client, charlie_client: Client, client: Client, trade: Trade, settings: Any
) -> None:
    send(alice_client, trade)
    row = Screenshot.objects.get()
    assert charlie_client.get(f"/screenshots/{row.pk}/").status_code == 404
    assert charlie_client.post(f"/screenshots/{row.pk}/delete/").status_code == 404
    assert send(charlie_client, trade).status_code == 404
    assert client.get(f"/screenshots/{row.pk}/").status_code == 302
    assert Screenshot.objects.count() == len(files(settings)) == 1


@pytest.mark.django_db
def test_another_users_key_gives_no_hold_on_their_picture(
    alice_client: Client, charlie_client: Client, charlie: User, trade: Trade, settings: Any
) -> None:
    key = uuid.uuid4()
    send(alice_client, trade, key=key)
    mine = make_plan(make_account(charlie, "Mine"))
    charlie_client.raise_request_exception = False
    assert send(charlie_client, mine, key=key).status_code == 404
    assert Screenshot.objects.get().trade_id == trade.pk
    assert len(files(settings)) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"nothing", NO_PICTURE),
        (b"", "This file is empty: choose a picture."),
        (b"\0" * (MOST_BYTES + 1), "This file is larger than 10 MB"),
        (b"\0" * (3 * MOST_BYTES), "This file is larger than 10 MB"),
        (png_of(30_000, 30_000), "more than 40 megapixels"),
    ],
)
def test_a_refused_file_is_said_at_its_field_and_nothing_is_kept(
    alice_client: Client, trade: Trade, settings: Any, content: bytes, sentence: str
) -> None:
    answer = send(alice_client, trade, content)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert sentence in page
    assert 'value="The gap"' in page
    assert not Screenshot.objects.exists()
    assert files(settings) == []


@pytest.mark.django_db
def test_an_upload_needs_the_token_against_forged_requests(alice: User, trade: Trade, settings: Any) -> None:
    from django.test import Client

    forged = Client(enforce_csrf_checks=True)
    forged.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert send(forged, trade).status_code == 403
    token = "t" * 32
    forged.cookies[settings.CSRF_COOKIE_NAME] = token
    assert send(forged, trade, csrfmiddlewaretoken=token).status_code == 302


@pytest.mark.django_db
def test_a_day_has_screenshots_of_its_own(alice_client: Client, alice: User) -> None:
    upload = SimpleUploadedFile("day.png", picture())
    answer = alice_client.post(
        "/journal/2025-03-04/screenshots/", {"key": uuid.uuid4(), "caption": "", "image": upload}
    )
    assert answer.url == "/journal/2025-03-04/#screenshots"
    row = Screenshot.objects.get()
    assert row.journal_day == JournalDay.objects.get(owner=alice, day="2025-03-04")
    assert f"/screenshots/{row.pk}/".encode() in alice_client.get("/journal/2025-03-04/").content
    page = {"version": 0, "plan": "Written after the picture", "review": "", "rating": ""}
    assert alice_client.post("/journal/2025-03-04/", page).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_the_file_goes_when_its_row_is_gone_for_good(alice_client: Client, trade: Trade, settings: Any) -> None:
    send(alice_client, trade)
    row = Screenshot.objects.get()
    assert b"Delete this screenshot?" in alice_client.get(f"/screenshots/{row.pk}/delete/").content
    assert len(files(settings)) == 1
    assert alice_client.post(f"/screenshots/{row.pk}/delete/").status_code == 302
    assert not Screenshot.objects.exists()
    assert files(settings) == []
    assert alice_client.get(f"/screenshots/{row.pk}/").status_code == 404


@pytest.mark.django_db
def test_a_row_that_cannot_be_written_leaves_no_file(
    alice: User, trade: Trade, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("the database is gone")

    monkeypatch.setattr(Screenshot, "save", refuse)
    with pytest.raises(RuntimeError):
        screenshot_add(owner=alice, key=uuid.uuid4(), upload=SimpleUploadedFile("x.png", picture()), trade_id=trade.pk)
    assert files(settings) == []


@pytest.mark.django_db
def test_a_missing_file_is_not_found(alice_client: Client, trade: Trade, settings: Any) -> None:
    send(alice_client, trade)
    files(settings)[0].unlink()
    assert alice_client.get(f"/screenshots/{Screenshot.objects.get().pk}/").status_code == 404


@pytest.mark.django_db
def test_files_without_a_row_are_swept_after_an_hour_and_others_never(
    alice_client: Client, trade: Trade, settings: Any
) -> None:
    send(alice_client, trade)
    (kept,) = files(settings)
    orphan, fresh = kept.with_name("orphan.png"), kept.with_name("fresh.png")
    now = timezone.now()
    for path, age in ((orphan, timedelta(hours=2)), (fresh, timedelta(minutes=5)), (kept, timedelta(days=9))):
        if path != kept:
            path.write_bytes(b"x")
        moment = (now - age).timestamp()
        os.utime(path, (moment, moment))
    assert files_sweep(now=now) == 1
    assert files(settings) == sorted([kept, fresh])
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM screenshots")
    assert files_sweep(now=now) == 1
    assert files(settings) == [fresh]


@pytest.mark.django_db
def test_a_desk_without_screenshots_is_swept_too() -> None:
    assert files_sweep(now=timezone.now()) == 0


@pytest.mark.django_db
def test_the_sweep_is_on_the_clock_of_the_queue(settings: Any) -> None:
    from trades.tasks import files_sweep_task

    assert settings.CELERY_BEAT_SCHEDULE["files-sweep"] == {
        "task": files_sweep_task.name,
        "schedule": 3600.0,
        "options": {"expires": 3600.0},
    }
    files_sweep_task.delay()
