"""Everything; the same in all environments. Every variable is read here or in prod."""

from datetime import timedelta
from typing import Any, Final

import bootstrap_wrapper
import django_stubs_ext
import structlog
import structlog.tracebacks
from csp.constants import NONE, SELF

from portal.settings import schedule
from portal.settings.databases import database
from portal.settings.env import env
from portal.settings.place import *
from portal.settings.signing import *

django_stubs_ext.monkeypatch()

SECRET_KEY: str = env.str("BREAKGLASS_SECRET_KEY", "")
DEBUG = False
ALLOWED_HOSTS: list[str] = env.list("BREAKGLASS_ALLOWED_HOSTS", [])
BASE_URL: str = env.str("BREAKGLASS_BASE_URL", "http://localhost:8000").rstrip("/")
WEBAUTHN_RP_ID: str = env.str("BREAKGLASS_RP_ID", "")  # empty: BASE_URL's host

# --- database: the app's role by default, the owner's for migrations -----------------
DATABASE_URL: str = env.str(
    "DATABASE_URL", "postgresql://breakglass_app@localhost/breakglass"
)
DATABASES: dict[str, dict[str, Any]] = {
    "default": database(DATABASE_URL, application="breakglass"),
    "owner": database(
        env.str("BREAKGLASS_OWNER_DATABASE_URL", DATABASE_URL),
        application="breakglass-owner",
        limits="",
    ),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASE_APP_ROLE: str = env.str("BREAKGLASS_DATABASE_APP_ROLE", "breakglass_app")

# --- rules of the product that a platform may set ------------------------------------
STEP_UP_MAX_AGE: Final = timedelta(minutes=5)
PASSKEY_COOL_DOWN_MINUTES: int = env.int("BREAKGLASS_PASSKEY_COOL_DOWN_MINUTES", 1440)
OPEN_REQUEST_LIMIT: int = env.int("BREAKGLASS_OPEN_REQUEST_LIMIT", 5)
_TOKEN_DAYS: int = env.int("BREAKGLASS_GATE_TOKEN_DAYS", 365)
TOKEN_LIFETIME = timedelta(days=_TOKEN_DAYS) if _TOKEN_DAYS > 0 else None
DEPLOY_REPORT_DEADLINE: Final = timedelta(
    minutes=env.int("BREAKGLASS_DEPLOY_REPORT_MINUTES", 60)
)
# Behind a pooler that cuts sessions into transactions LISTEN is deaf: both off.
DECISION_SNAPSHOT: bool = env.bool("BREAKGLASS_DECISION_SNAPSHOT", True)
DECISION_PREPARED: bool = env.bool("BREAKGLASS_DECISION_PREPARED", True)
# Where the keys of machines' tokens may be fetched beside the public internet.
IDENTITY_HOSTS: list[str] = env.list("BREAKGLASS_IDENTITY_HOSTS", [])
IDENTITY_TLS_CA: str = env.str("BREAKGLASS_IDENTITY_TLS_CA", "")
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django.forms",  # its widgets, through FORM_RENDERER
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
    "django_filters",
    "django_htmx",
    "guardian",
    "lucide",
    "template_partials",
    "breakglass",
    "portal",
]
MIDDLEWARE = [
    "portal.http.logs.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "portal.api.front.GateFrontMiddleware",
    "portal.middleware.CompressionMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "portal.middleware.HeadersMiddleware",
    "portal.middleware.NoNulMiddleware",
    "portal.http.language.LanguageMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "portal.http.cookies.PreferencesMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.http.accounts.session_end.SessionEndMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.http.htmx.LoginRedirectMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.http.errors.DomainErrorMiddleware",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.http.shell.shell",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- people and sessions -------------------------------------------------------------
AUTH_USER_MODEL = "breakglass.User"
AUTHENTICATION_BACKENDS = [
    "allauth.account.auth_backends.AuthenticationBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "dashboard"
ACCOUNT_ADAPTER = "portal.http.accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {"login": "portal.forms.signing_in.SignInForm"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
# By address of the network only: a limit by account would let anybody lock every
# approver out (security.md T18).
ACCOUNT_RATE_LIMITS: dict[str, str] | bool = {
    "login_failed": "20/m/ip",
    "passkey_login": "60/m/ip",
}
ACCOUNT_SESSION_REMEMBER = False
SOCIALACCOUNT_LOGIN_ON_GET = True
OIDC_DEADLINE = timedelta(seconds=5)  # for all that one sign-in asks of its provider
SOCIALACCOUNT_ADAPTER = "portal.http.accounts.sso.SocialAdapter"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]  # passkeys are ours (ADR 0008)
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_SAMESITE = "Lax"  # Strict would break links from mail and chat
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600
SESSION_LONGEST_AGE = 24 * 3600  # from the sign-in, however often its person stays
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "portal.web.errors.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
# Not no-referrer: browsers would then send "Origin: null" with our own forms, which
# the CSRF check refuses. Other sites are told nothing either way.
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 262_144
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}

# --- time, text, static files --------------------------------------------------------
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]  # each in its own words
LANGUAGE_COOKIE_AGE = 365 * 86400
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
USE_I18N = True
LOCALE_PATHS = [LOCALE_BUILD]  # compiled when the process starts (ADR 0012)
FORMAT_MODULE_PATH = ["portal.formats"]
STATIC_URL = "static/"
STATICFILES_DIRS = [
    BASE_DIR / "static",
    ("bootstrap", bootstrap_wrapper.get_bootstrap_dir()),
]

# --- mail ----------------------------------------------------------------------------
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST: str = env.str("BREAKGLASS_EMAIL_HOST", "localhost")
EMAIL_PORT: int = env.int("BREAKGLASS_EMAIL_PORT", 25)
EMAIL_HOST_USER: str = env.str("BREAKGLASS_EMAIL_USER", "")
EMAIL_HOST_PASSWORD: str = env.str("BREAKGLASS_EMAIL_PASSWORD", "")
EMAIL_USE_TLS: bool = env.bool("BREAKGLASS_EMAIL_TLS", False)
EMAIL_TIMEOUT = 5
DEFAULT_FROM_EMAIL: str = env.str("BREAKGLASS_EMAIL_FROM", f"breakglass@{SITE}")
NOTIFY_SCHEMES: list[str] = env.list(
    "BREAKGLASS_NOTIFY_SCHEMES", ["slack", "workflows", "pagerduty", "jsons"]
)
NOTIFY_HOSTS: list[str] = env.list("BREAKGLASS_NOTIFY_HOSTS", [])

# --- Celery: wake-ups only; every truth is in PostgreSQL -----------------------------
CELERY_BROKER_URL: str = env.str("REDIS_URL", "redis://localhost:6379/0")
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT = 50
CELERY_TASK_TIME_LIMIT = 60
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_keepalive": True,
    "health_check_interval": 10,
}
CELERY_BEAT_SCHEDULE = schedule.CELERY_BEAT_SCHEDULE

# --- logs: one JSON object a line; never a token, a reason or a bundle ---------------
LOG_LEVEL: str = env.str("BREAKGLASS_LOG_LEVEL", "INFO")
_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
structlog.configure(
    processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _SHARED,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # Never local variables: they hold tokens, reasons and bundles.
                structlog.processors.ExceptionRenderer(
                    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
                ),
                structlog.processors.JSONRenderer(),
            ],
        }
    },
    "handlers": {"stdout": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stdout"], "level": LOG_LEVEL},
    "loggers": {
        "django.server": {"handlers": ["stdout"], "propagate": False},
        "sigstore": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
    },
}
