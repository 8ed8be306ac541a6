"""System checks that refuse an unsafe production set-up; they run with `manage.py check --deploy`."""

from collections.abc import Sequence

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's own name
from django.db import connection

LOCAL_MAIL = frozenset(
    {
        "django.core.mail.backends.console.EmailBackend",
        "django.core.mail.backends.filebased.EmailBackend",
    }
)
_OWNED = """
SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND pg_has_role(relowner, 'USAGE')
"""
UNSAFE_SOURCES = frozenset({"'unsafe-inline'", "'unsafe-eval'", "*"})


@register(Tags.security, deploy=True)
def check_https(app_configs: Sequence[AppConfig] | None, **_: object) -> list[CheckMessage]:  # noqa: ARG001
    """Passwords must not travel in clear."""
    if settings.HTTPS:
        return []
    return [
        Error(
            "HTTPS is off.",
            hint="Set HTTPS=true and serve the desk behind TLS.",
            id="trenddojo.E001",
        )
    ]


@register(Tags.security, deploy=True)
def check_content_security_policy(
    app_configs: Sequence[AppConfig] | None,  # noqa: ARG001
    **_: object,
) -> list[CheckMessage]:
    """The policy allows no inline code and no stranger's code."""
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    unsafe = [name for name, sources in directives.items() if UNSAFE_SOURCES.intersection(sources)]
    if not unsafe:
        return []
    hint = "Allow 'self' only and move inline code to a file under static/."
    return [
        Error(
            f"The Content-Security-Policy is open in {', '.join(unsafe)}.",
            hint=hint,
            id="trenddojo.E002",
        )
    ]


@register(Tags.security, deploy=True)
def check_mail_leaves_the_machine(
    app_configs: Sequence[AppConfig] | None,  # noqa: ARG001
    **_: object,
) -> list[CheckMessage]:
    """A password reset that is written to a file reaches nobody."""
    if settings.EMAIL_BACKEND not in LOCAL_MAIL:
        return []
    hint = "Set EMAIL_URL to a mail server, such as smtp+tls://user:password@host:587."
    return [Warning("E-mail stays on this machine.", hint=hint, id="trenddojo.W001")]


@register(Tags.security, deploy=True)
def check_webhooks_stay_outside(
    app_configs: Sequence[AppConfig] | None,  # noqa: ARG001
    **_: object,
) -> list[CheckMessage]:
    """What listens on this machine for itself must not be reached by a trader's address."""
    if not settings.WEBHOOKS_TO_LOOPBACK:
        return []
    hint = "Leave WEBHOOKS_TO_LOOPBACK out: it is for trying webhooks on one's own machine."
    return [Error("Webhooks may reach this machine itself.", hint=hint, id="trenddojo.E003")]


@register(Tags.database, deploy=True)
def check_role_owns_nothing(
    app_configs: Sequence[AppConfig] | None,  # noqa: ARG001 - Django names it in every call
    databases: Sequence[str] | None = None,
    **_: object,
) -> list[CheckMessage]:
    """Whoever gets hold of a process should not get hold of the tables. Asked with `--database default` alone."""
    if not databases:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_OWNED)
        (owned,) = cursor.fetchone()
    if not owned:
        return []
    hint = "Give the processes a role that reads and writes rows alone: docs/deploy.md, “The servers”."
    return [Warning("The desk's role owns its tables.", hint=hint, id="trenddojo.W002")]
