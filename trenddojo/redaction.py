"""Taking secrets out of text before it is written down: by their value, by the name before them, by their shape.

Rather too much than too little: a log line without a word it could have had is still of use.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import quote, urlsplit

HIDDEN: Final = "[redacted]"
# Shorter values are words of every text.
SHORTEST: Final = 6

# The end of a name whose value is nobody's business, as in APCA-API-SECRET-KEY or csrfmiddlewaretoken.
NAMES: Final = (
    r"pass(?:word|wd|phrase)?\d?|secrets?|(?:secret|api|access|private|encryption|signing)[_-]?keys?|key[_-]?id"
    r"|tokens?|bearer|authorization|cookies?|session(?:id|[_-]?key)?|credentials?|signature|sealed|otp|recovery[_-]?codes?"
)
SENSITIVE_NAME: Final = re.compile(rf"(?:.*[^a-z])?(?:\w*token|{NAMES})", re.IGNORECASE | re.DOTALL)

_QUOTED = r"""b?(?:"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\\"(?:[^"\n])*?\\"|\\'(?:[^'\n])*?\\')"""
_SPELLINGS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    # A header to the end of its line, and in a dict to the end of its string.
    (re.compile(r"(?im)((?:set-)?cookie|authorization)(\s*:\s*)(?!\s*['\"])[^\r\n'\"]+"), rf"\1\2{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic|digest)(\s+)[A-Za-z0-9._~+/=-]{6,}"), rf"\1\2{HIDDEN}"),
    # User and password in an address.
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@'\"]*@"), rf"\1{HIDDEN}@"),
    # A name and its value, as in a query, a repr or JSON.
    (
        re.compile(
            rf"(?i)((?:\w*token|\b(?:\w*[_.-])?(?:{NAMES}))(?:\\?['\"])?\s*(?:=>|[:=])\s*)"
            rf"(?!\[redacted\])({_QUOTED}|[^\s,;&'\"]+)"
        ),
        rf"\1{HIDDEN}",
    ),
    # Links that open something for whoever has them.
    (re.compile(r"(?i)((?:confirm-email|reset/key|login/code|unsubscribe|invitation)/)[^/\s\"'<>?]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)([?&;](?:key|code|sig)=)[^&\s\"'<>]+"), rf"\1{HIDDEN}"),
    # Tokens of ours, secrets of webhooks, what Fernet and the vault sealed, JSON web tokens, Alpaca's key ids.
    (re.compile(r"\b(?:td_|whsec_)[A-Za-z0-9+/=_-]{16,}"), HIDDEN),
    (re.compile(r"\bgAAAA[A-Za-z0-9_=-]{16,}"), HIDDEN),
    (re.compile(r"\bv\d\.[0-9a-f]{8}\.[A-Za-z0-9_=-]{4,}\.[A-Za-z0-9_=-]{4,}"), HIDDEN),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?"), HIDDEN),
    (re.compile(r"\b(?:PK|AK|CK|SK)[A-Z0-9]{12,}\b"), HIDDEN),
    (re.compile(r"\b[0-9a-fA-F]{40,}\b"), HIDDEN),
    # Workers are called orders@host, and are nobody's mailbox.
    (re.compile(r"(?i)\b(?!(?:orders|worker|desk|celery)@)[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "[e-mail]"),
)
_OPAQUE: Final = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_FOLDERS: Final = re.compile(r"/?(?:[A-Za-z_-]{1,24}\d{0,4}/)+[A-Za-z_-]{0,24}\d{0,4}")


def redacted(text: str) -> str:
    """The text without what opens anything."""
    for pattern in filter(None, [_known_pattern()]):
        text = pattern.sub(HIDDEN, text)
    for pattern, instead in _SPELLINGS:
        text = pattern.sub(instead, text)
    return _OPAQUE.sub(_opaque, text)


def is_sensitive(name: str) -> bool:
    return SENSITIVE_NAME.fullmatch(name) is not None


def _opaque(found: re.Match[str]) -> str:
    """Letters of both cases and digits without a space between are a key; ids are lower case, folders are words."""
    word = found.group()
    kinds = (str.isupper, str.islower, str.isdigit)
    is_mixed = all(any(kind(letter) for letter in word) for kind in kinds)
    return HIDDEN if is_mixed and not _FOLDERS.fullmatch(word) else word


def _known_pattern() -> re.Pattern[str] | None:
    """The settings' own secrets, once there are settings: what is logged while they are read holds none."""
    from django.conf import settings

    return _pattern_of_settings() if settings.configured else None


@lru_cache(maxsize=1)
def _pattern_of_settings() -> re.Pattern[str] | None:
    from django.conf import settings

    database = settings.DATABASES["default"]
    return _pattern(
        [
            *(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS),
            *(settings.ALPACA_API_KEY, settings.ALPACA_SECRET_KEY),
            *(settings.SIMULATOR_API_KEY, settings.SIMULATOR_SECRET_KEY),
            *(settings.DEMO_PASSWORD, settings.EMAIL_HOST_PASSWORD, settings.METRICS_TOKEN),
            *(str(database.get("PASSWORD") or ""), _password(settings.REDIS_URL), _password(settings.CACHE_URL)),
        ]
    )


def _password(url: str) -> str:
    return urlsplit(url).password or ""


def _pattern(values: Iterable[str]) -> re.Pattern[str] | None:
    spelled = {spelling for value in values for spelling in (value, quote(value), quote(value, safe=""))}
    long_enough = sorted((word for word in spelled if len(word) >= SHORTEST), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, long_enough))) if long_enough else None
