"""``manage.py gate token GATE``: a new token for a gate, shown once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from breakglass.actors import OPERATOR
from breakglass.errors import NotFound
from breakglass.management.ending import clear_errors, tenant_named
from breakglass.models import Gate
from breakglass.services.gates import tokens


class Command(BaseCommand):
    """Makes a gate's token without the portal's pages."""

    help = "Gates at the shell: `gate token GATE --tenant TENANT` prints a new token."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the one action that there is."""
        actions = parser.add_subparsers(dest="action", required=True)
        token = actions.add_parser("token", help="make a token; it is shown once")
        token.add_argument("gate")
        token.add_argument("--tenant", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints the token alone on standard output, so that a script can take it."""
        with clear_errors():
            tenant = tenant_named(options["tenant"])
            gate = Gate.objects.filter(tenant=tenant, slug=options["gate"]).first()
            if gate is None:
                msg = f"{tenant.slug} has no gate named {options['gate'][:60]!r}"
                raise NotFound(msg)
            token = tokens.issue(gate=gate, actor=OPERATOR)
        self.stdout.write(token)
