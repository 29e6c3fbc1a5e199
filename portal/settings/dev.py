"""The demo and local work: embedded servers, mail to the log, insecure key."""

from portal.settings.base import *
from portal.settings.env import env

DEBUG = env.bool("BREAKGLASS_DEBUG", False)
SECRET_KEY = SECRET_KEY or "development-only-key-that-production-refuses"
ALLOWED_HOSTS = ALLOWED_HOSTS or ["localhost", "127.0.0.1", "[::1]"]
EMAIL_BACKEND = env.str(
    "BREAKGLASS_EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend"
)
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
env.seal()
