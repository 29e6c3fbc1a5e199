"""`manage.py prepare_database`: roles, databases and rights, before the migrations."""

from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from environs import FileAwareEnv

from portal.runtime import roles
from portal.runtime.problems import RuntimeProblem

SUPERUSER: Final = "BREAKGLASS_SUPERUSER_DATABASE_URL"
APP: Final = "DATABASE_URL"
OWNER: Final = "BREAKGLASS_OWNER_DATABASE_URL"
AUTHORITY: Final = "BREAKGLASS_AUTHORITY_DATABASE_URL"


class Command(BaseCommand):
    """Makes the roles that the database URLs name, with the passwords in them."""

    help = (
        f"Makes the roles and databases named by {APP}, {OWNER} and {AUTHORITY}, with "
        f"their passwords, through {SUPERUSER}; safe to run again. Without {SUPERUSER} "
        "the roles must exist, and only the app's rights are set. Run it before the "
        "first migrate."
    )
    requires_system_checks = ()  # there may be no database yet

    def handle(self, *args: object, **options: Any) -> None:
        """Prepares; a refusal is one sentence and exit code 1."""
        # A reader of its own: the settings' is sealed, and this URL is for nobody else.
        env = FileAwareEnv()
        try:
            app = roles.Account.of_url(env.str(APP), variable=APP)
            _require_known_role(app)
            owner_url = env.str(OWNER)
            superuser_url = env.str(SUPERUSER, "")
            if superuser_url:
                roles.prepare_database(
                    superuser_url,
                    app=app,
                    owner=roles.Account.of_url(owner_url, variable=OWNER),
                    authority=roles.Account.of_url(
                        env.str(AUTHORITY), variable=AUTHORITY
                    ),
                )
            else:
                roles.open_to_app(owner_url, app_role=app.role)
        except (RuntimeProblem, ValueError) as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(f"The database {app.database} is ready for migrations.")


def _require_known_role(app: roles.Account) -> None:
    """The migrations take the ledger's rights from the role of the settings' name."""
    if app.role != settings.DATABASE_APP_ROLE:
        raise RuntimeProblem(
            f"{APP} uses the role {app.role}: set BREAKGLASS_DATABASE_APP_ROLE to "
            f"{app.role} too, so that migrations protect the ledger from it."
        )
