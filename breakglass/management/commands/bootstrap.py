"""``manage.py bootstrap TENANT``: the first tenant of an installation, ready to use."""

import getpass
import os
import secrets
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from breakglass.actors import OPERATOR
from breakglass.management.ending import clear_errors
from breakglass.models import RoleGroup, Tenant, User
from breakglass.services.people import accounts, roles
from breakglass.services.tenancy import tenants


class Command(BaseCommand):
    """Makes a tenant with the default policy, roles, template, and an admin."""

    help = (
        "Make a tenant with the default policy, its roles and an admin. "
        "The password is read from BREAKGLASS_ADMIN_PASSWORD, or made and shown once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the tenant and its first admin."""
        parser.add_argument("tenant", help="name in addresses, like acme")
        parser.add_argument("--name", help="display name (default: the tenant's)")
        parser.add_argument(
            "--admin", required=True, metavar="EMAIL", help="the first tenant admin"
        )
        parser.add_argument(
            "--ask-password", action="store_true", help="type the password"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Creates tenant and admin in one transaction; an existing admin joins."""
        slug, email = options["tenant"], options["admin"]
        password, made = _password(ask=options["ask_password"])
        with clear_errors(), transaction.atomic():
            tenant = tenants.create(
                slug=slug, name=options["name"] or slug, actor=OPERATOR
            )
            admin, is_new = _admin(email=email, password=password)
            _join(tenant=tenant, admin=admin)
        self.stdout.write(f"Tenant {slug} is ready: policy v1 with three tiers.")
        if is_new and made:
            self.stdout.write(f"Admin {email}, password (shown once): {password}")
        elif is_new:
            self.stdout.write(f"Admin {email} made.")
        else:
            self.stdout.write(f"Admin {email} had an account and joined.")
        self.stdout.write("Next: log in at /admin/, add people to roles, add a gate.")


def _password(*, ask: bool) -> tuple[str, bool]:
    """Returns the password, and whether it was made here and has to be shown."""
    if ask:
        return getpass.getpass("Password of the admin: "), False
    given = os.environ.get("BREAKGLASS_ADMIN_PASSWORD", "")
    return (given, False) if given else (secrets.token_urlsafe(15), True)


def _admin(*, email: str, password: str) -> tuple[User, bool]:
    existing = User.objects.filter(email__iexact=email).first()
    if existing is not None:
        return existing, False
    made = accounts.create(
        email=email,
        name=email.partition("@")[0],
        password=password,
        actor=OPERATOR,
        is_staff=True,
    )
    return made, True


def _join(*, tenant: Tenant, admin: User) -> None:
    role = RoleGroup.objects.get(tenant=tenant, slug="admins")
    roles.add_member(role=role, user=admin, actor=OPERATOR)
