"""Production: required values have no defaults, and all that is missing is listed."""

from portal.settings.base import *
from portal.settings.env import env

SECRET_KEY = env.str("BREAKGLASS_SECRET_KEY")
ALLOWED_HOSTS = env.list("BREAKGLASS_ALLOWED_HOSTS")
DATABASE_URL = env.str("DATABASE_URL")
CELERY_BROKER_URL = env.str("REDIS_URL")
BASE_URL = (env.str("BREAKGLASS_BASE_URL") or "").rstrip("/")
CSRF_TRUSTED_ORIGINS = [BASE_URL]
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
LANGUAGE_COOKIE_SECURE = True
SESSION_COOKIE_NAME = "__Host-breakglass"
CSRF_COOKIE_NAME = "__Host-breakglass-csrf"
SECURE_SSL_REDIRECT = env.bool("BREAKGLASS_SSL_REDIRECT", True)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("BREAKGLASS_HSTS_SUBDOMAINS", True)
SECURE_HSTS_PRELOAD = True
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https")
    if env.bool("BREAKGLASS_BEHIND_PROXY", False)
    else None
)
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if env.bool("BREAKGLASS_BEHIND_PROXY", False) else 0
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
env.seal()
