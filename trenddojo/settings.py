"""The only settings module. Every variable it reads is described in docs/settings.md.

A value that cannot be used stops the start with one sentence naming the variable and what to write.
"""

import os
import sys
from pathlib import Path

from csp.constants import NONE, SELF

from trenddojo import env, logs, schedule, sign_in
from trenddojo.api import configuration as api

BASE_DIR = Path(__file__).resolve().parent.parent
if "ENV_FILE" in os.environ:
    env.read_file(Path(os.environ["ENV_FILE"]))
else:
    env.read_file(BASE_DIR / ".env")
    # While a desk runs here, it says where its embedded servers listen.
    env.read_file(BASE_DIR / "var" / "desk.env")

# --- What kind of start is this ---------------------------------------------------------------------------------------

DEBUG = env.boolean("DEBUG", default=False)
# Set by tests/conftest.py: fast password hashing and unhashed static file names, nothing else.
TESTING = env.boolean("TESTING", default=False)
# True where a reverse proxy ends TLS before us: secure cookies, HSTS and the redirect to https.
HTTPS = env.boolean("HTTPS", default=False)

SECRET_KEY = env.text("SECRET_KEY", "")
if len(SECRET_KEY) < 50:  # noqa: PLR2004 - the length check --deploy asks for
    raise env.refuse(
        "SECRET_KEY",
        "write at least 50 random characters, for example what `python -c "
        "'import secrets; print(secrets.token_urlsafe(50))'` prints; `make run` does it for you.",
    )
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS", "")

ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS")
SITE_NAME = "TrendDojo"
VERSION = "0.1.0"
# What `manage.py create_demo` gives the demo trader; empty: there is none.
DEMO_USERNAME = "demo"
DEMO_PASSWORD = env.text("DEMO_PASSWORD", "")
SIGNUP_OPEN = env.boolean("SIGNUP_OPEN", default=True)

# --- Application ------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "trenddojo.admin_apps.DeskAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
    "django_filters",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "trenddojo",
    "accounts",
    "brokers",
    "trades",
]

MIDDLEWARE = [
    "trenddojo.middleware.RequestIdMiddleware",
    "trenddojo.middleware.MeasureMiddleware",
    "trenddojo.api.middleware.ApiShapeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "trenddojo.admission.AdmissionMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "accounts.middleware.SessionLimitsMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "trenddojo.headers.PrivacyMiddleware",
    "trenddojo.middleware.LogUserMiddleware",
    "accounts.middleware.GivenPasswordMiddleware",
    "accounts.middleware.SecondFactorMiddleware",
    "trenddojo.middleware.TimezoneMiddleware",
    "trenddojo.form_pages.FormPageMiddleware",
]

ROOT_URLCONF = "trenddojo.urls"
WSGI_APPLICATION = "trenddojo.wsgi.application"
ASGI_APPLICATION = "trenddojo.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CONTEXT_PROCESSORS = [
    "django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
    "trenddojo.context.site",
]
TEMPLATE_LOADERS = [
    "django.template.loaders.filesystem.Loader",
    "django.template.loaders.app_directories.Loader",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "context_processors": CONTEXT_PROCESSORS,
            "loaders": (TEMPLATE_LOADERS if DEBUG else [("django.template.loaders.cached.Loader", TEMPLATE_LOADERS)]),
        },
    },
]

LANGUAGE_CODE = "en-us"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

# --- Database, cache and queue ----------------------------------------------------------------------------------------

DATABASES = {"default": env.database_url("DATABASE_URL")}
DATABASES["default"]["OPTIONS"]["prepare_threshold"] = (
    env.integer("DATABASE_PREPARE_AFTER", 3, lowest=0, highest=1000) or None
)
DATABASES["default"]["CONN_MAX_AGE"] = env.integer("DATABASE_CONN_MAX_AGE", 600, lowest=0, highest=86_400)

REDIS_URL = env.redis_url("REDIS_URL", "redis://127.0.0.1:6379/0")
CACHE_URL = env.redis_url("CACHE_URL", env.next_redis_database(REDIS_URL))
CACHES = {
    "default": {
        "BACKEND": "trenddojo.cache.DeskCache",
        "LOCATION": CACHE_URL,
        "KEY_PREFIX": "trenddojo",
        "TIMEOUT": 300,
    },
}
# The same, for what can be had otherwise while it is away.
CACHES["spare"] = CACHES["default"] | {"BACKEND": "trenddojo.cache.SpareCache"}

CELERY_BROKER_URL = env.celery_broker_url(REDIS_URL)
# The row is the job and the message only a nudge: a lost worker's messages must come back within seconds,
# which kombu's default restore sweep (every hundredth loop) does not do.
CELERY_VISIBILITY_TIMEOUT = env.integer("CELERY_VISIBILITY_TIMEOUT", 300, lowest=10, highest=86_400)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": CELERY_VISIBILITY_TIMEOUT,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Celery would open a connection for every task, which takes longer than to send an order; trenddojo.celery keeps them
# for DATABASE_CONN_MAX_AGE, and looks whether they answer.
CELERY_DB_REUSE_MAX = sys.maxsize
# Orders have a queue and workers of their own: nothing else may keep one waiting.
CELERY_TASK_DEFAULT_QUEUE = "desk"
CELERY_TASK_ROUTES = {"trades.order_*": {"queue": "orders"}}
# Below the visibility timeout: no message comes back while its task still runs.
CELERY_TASK_SOFT_TIME_LIMIT = CELERY_VISIBILITY_TIMEOUT * 0.7
CELERY_TASK_TIME_LIMIT = CELERY_VISIBILITY_TIMEOUT * 0.8
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = schedule.EVERY

# --- Files ------------------------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_URL = "/media/"
MEDIA_ROOT = Path(env.text("MEDIA_ROOT", str(BASE_DIR / "var" / "media")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG or TESTING
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        ),
    },
}
WHITENOISE_USE_FINDERS = DEBUG or TESTING
WHITENOISE_AUTOREFRESH = DEBUG
FILE_UPLOAD_PERMISSIONS = 0o600

# --- Sign-in ----------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = sign_in.PASSWORD_VALIDATORS
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "account_login"

# Asked about new passwords by five characters of their hash; empty: nobody is.
BREACHED_PASSWORDS_URL = env.address("BREACHED_PASSWORDS_URL", "https", "http")
# A password that an administrator typed for somebody else: accounts.services.given_passwords.
INITIAL_PASSWORD_HOURS = env.integer("INITIAL_PASSWORD_HOURS", 24, lowest=1, highest=168)

ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_SIGNUP_FORM_CLASS = "accounts.forms.people.ZoneSignupForm"
# One address a user: a new one takes the old one's place once it is confirmed.
ACCOUNT_CHANGE_EMAIL = True
# A change of password, e-mail address or second factor is told to the address on record.
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_FORMS = sign_in.ACCOUNT_FORMS
_mail = env.mail_url("EMAIL_URL", "filemail://")
# Whoever signs up is told alike of known and unknown addresses only where a link by mail comes first.
_verification = "mandatory" if _mail.get("EMAIL_HOST") else "optional"
ACCOUNT_EMAIL_VERIFICATION = env.choice("EMAIL_VERIFICATION", _verification, ("none", "optional", "mandatory"))
ACCOUNT_UNIQUE_EMAIL = True
# Whoever changes it goes on under a new session key; every other browser is signed out.
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
# Whoever changes what signs them in, or signs other browsers out, was asked who they are within so many seconds.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
ACCOUNT_EMAIL_SUBJECT_PREFIX = f"[{SITE_NAME}] "
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
ACCOUNT_RATE_LIMITS = sign_in.RATE_LIMITS
# allauth refuses to guess the client's address: say how many proxies stand in front.
ALLAUTH_TRUSTED_PROXY_COUNT = env.integer("TRUSTED_PROXY_COUNT", 0, lowest=0, highest=10)
MFA_ADAPTER = "accounts.adapter.SecondFactorAdapter"
MFA_FORMS = sign_in.FACTOR_FORMS
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_PASSKEY_SIGNUP_ENABLED = False
# A desk that cannot send mail still has a second factor; where addresses must be confirmed, they are by then.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = SITE_NAME
# Browsers allow passkeys on http://localhost only; anywhere else they need TLS.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS
USERSESSIONS_ADAPTER = "accounts.adapter.SessionsAdapter"
USERSESSIONS_TRACK_ACTIVITY = False
# Whoever has no second factor is led to turn one on before anything of the admin, or of the desk, is shown.
TRADER_SECOND_FACTOR = env.boolean("TRADER_SECOND_FACTOR", default=False)
ADMIN_SECOND_FACTOR = env.boolean("ADMIN_SECOND_FACTOR", default=HTTPS or TRADER_SECOND_FACTOR)

# Called with an account, inside the transaction that changed its cost method, exchange or break-even band.
ACCOUNT_RULES_CHANGED = "trades.services.recompute.account_recompute"

# --- Brokers ----------------------------------------------------------------------------------------------------------

# Off: connections, sync and paper orders work, live orders do not leave.
ENABLE_BROKER_INTEGRATIONS = env.boolean("ENABLE_BROKER_INTEGRATIONS", default=False)
DEFAULT_BROKER_MODE = env.choice("DEFAULT_BROKER_MODE", "paper", ("paper", "live"))
# Keys that seal the traders' credentials, each 32 bytes in base64; the first seals, all open.
BROKER_ENCRYPTION_KEYS = env.sealing_keys("BROKER_ENCRYPTION_KEY", "BROKER_ENCRYPTION_KEYS_OLD")
# A connection for a single-user desk: `manage.py connect_from_env`.
ALPACA_API_KEY = env.text("ALPACA_API_KEY", "")
ALPACA_SECRET_KEY = env.text("ALPACA_SECRET_KEY", "")
# Empty: Alpaca's own hosts, paper or live as the connection says.
ALPACA_BASE_URL = env.address("ALPACA_BASE_URL", "https", "http")
ALPACA_DATA_URL = env.address("ALPACA_DATA_URL", "https", "http")
ALPACA_STREAM_URL = env.address("ALPACA_STREAM_URL", "wss", "ws")
ALPACA_DATA_FEED = env.choice("ALPACA_DATA_FEED", "iex", ("iex", "sip", "delayed_sip"))
IBKR_HOST = env.text("IBKR_HOST", "127.0.0.1")
IBKR_PORT = env.integer("IBKR_PORT", 7497, lowest=1, highest=65_535)
IBKR_CLIENT_ID = env.integer("IBKR_CLIENT_ID", 1, lowest=0, highest=999_999)
# The stand-in exchange that `make run` starts; empty: there is none.
SIMULATOR_URL = env.address("SIMULATOR_URL", "http", "https")
SIMULATOR_API_KEY = env.text("SIMULATOR_API_KEY", "")
SIMULATOR_SECRET_KEY = env.text("SIMULATOR_SECRET_KEY", "")
if DEMO_PASSWORD and SIMULATOR_URL:
    CELERY_BEAT_SCHEDULE["demo-orders"] = {"task": "trades.demo_orders", "schedule": 10.0, "options": {"expires": 10.0}}
# A portfolio is synced once in this many seconds; open orders are asked for more often, less where a stream is up.
SYNC_SECONDS = env.integer("SYNC_SECONDS", 60, lowest=5, highest=3600)
POLL_SECONDS = env.integer("POLL_SECONDS", 4, lowest=1, highest=600)
POLL_SECONDS_WITH_STREAM = 30
# More orders than this wait for a worker: new entries are told to come back, as they would leave late.
ORDERS_WAITING_MOST = env.integer("ORDERS_WAITING_MOST", 100, lowest=1, highest=1_000_000)
# No sign of life of a process or a broker for so long: new entries are held until there is one.
DEAD_MAN_SECONDS = env.integer("DEAD_MAN_SECONDS", 120, lowest=30, highest=86_400)
LIVE_IDLE_MINUTES = env.integer("LIVE_IDLE_MINUTES", 60, lowest=1, highest=1440)

# --- How long records are kept, in days; 0 is for ever ----------------------------------------------------------------

KEEP_NOTIFICATIONS_DAYS = env.integer("KEEP_NOTIFICATIONS_DAYS", 180, lowest=0, highest=36_500)
KEEP_BARS_DAYS = env.integer("KEEP_BARS_DAYS", 730, lowest=0, highest=36_500)
KEEP_ORDER_STORIES_DAYS = env.integer("KEEP_ORDER_STORIES_DAYS", 0, lowest=0, highest=36_500)
KEEP_AUDIT_DAYS = env.integer("KEEP_AUDIT_DAYS", 0, lowest=0, highest=36_500)

# --- REST API ---------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = api.REST_FRAMEWORK
DRF_STANDARDIZED_ERRORS = api.STANDARDIZED_ERRORS
SPECTACULAR_SETTINGS = api.spectacular(title=SITE_NAME, version=VERSION)
API_USER_PER_MINUTE = env.integer("API_USER_PER_MINUTE", 600, lowest=1, highest=1_000_000)
# For trying webhooks on one's own machine; private addresses are never told anything else.
WEBHOOKS_TO_LOOPBACK = env.boolean("WEBHOOKS_TO_LOOPBACK", default=False)
# Tries to make a token with a password, for each address and for each user name.
API_TOKEN_CREATIONS_PER_MINUTE = env.integer("API_TOKEN_CREATIONS_PER_MINUTE", 5, lowest=1, highest=1000)
API_TOKEN_PER_MINUTE = env.integer("API_TOKEN_PER_MINUTE", 300, lowest=1, highest=1_000_000)

# --- Sessions, cookies and headers ------------------------------------------------------------------------------------

SESSION_ENGINE = "accounts.session_store"
# Without anything done in it, and in all, from sign-in on: accounts.session_limits.
SESSION_IDLE_MINUTES = env.integer("SESSION_IDLE_MINUTES", 720, lowest=5, highest=43_200)
SESSION_REMEMBERED_IDLE_DAYS = env.integer("SESSION_REMEMBERED_IDLE_DAYS", 7, lowest=1, highest=90)
SESSION_LIFETIME_DAYS = env.integer("SESSION_LIFETIME_DAYS", 14, lowest=1, highest=90)
# A day more than it opens anything, to say why it does not.
SESSION_COOKIE_AGE = (SESSION_LIFETIME_DAYS + 1) * 24 * 3600
SESSION_CACHE_ALIAS = "spare"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# Cookies know no ports: two desks on one machine would sign each other out without names of their own.
COOKIE_PREFIX = env.text("COOKIE_PREFIX", "trenddojo")
# Browsers take cookies of this prefix from the host itself over TLS alone: no neighbour can plant one.
COOKIE_NAMES_BEGIN = f"{'__Host-' * HTTPS}{COOKIE_PREFIX}"
SESSION_COOKIE_NAME = f"{COOKIE_NAMES_BEGIN}_session"
CSRF_COOKIE_NAME = f"{COOKIE_NAMES_BEGIN}_csrf"
CSRF_FAILURE_VIEW = "trenddojo.views.form_refused"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = env.integer("HSTS_SECONDS", 31_536_000, lowest=0, highest=63_072_000) if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz/?$", r"^readyz/?$", r"^metrics$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
MESSAGE_STORAGE = "trenddojo.message_storage.MessageStorage"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "manifest-src": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
    },
}

DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000

# --- E-mail -----------------------------------------------------------------------------------------------------------

EMAIL_FILE_PATH = str(BASE_DIR / "var" / "mail")
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_HOST = _mail.get("EMAIL_HOST") or "localhost"
EMAIL_PORT = _mail.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = _mail.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = bool(_mail.get("EMAIL_USE_TLS"))
EMAIL_USE_SSL = bool(_mail.get("EMAIL_USE_SSL"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("DEFAULT_FROM_EMAIL", "TrendDojo <desk@localhost>")

# --- Operating: logs to standard error, and what Prometheus reads -----------------------------------------------------

LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOG_FORMAT = env.choice("LOG_FORMAT", "plain", logs.FORMATS)
LOGGING = logs.configuration(LOG_LEVEL, LOG_FORMAT)
# What opens /metrics; empty: there is no such address.
METRICS_TOKEN = env.opener("METRICS_TOKEN")
