"""How commands end: 0 good, 1 findings or failure, 2 usage; errors in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.core.management.base import CommandError
from django.db import OperationalError

from breakglass.errors import BreakglassError, InvalidInput, NotFound
from breakglass.models import Tenant

FAILED: Final = 1
USAGE: Final = 2


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turns domain errors into one line and an exit code."""
    try:
        yield
    except (InvalidInput, NotFound) as error:
        raise CommandError(str(error), returncode=USAGE) from error
    except BreakglassError as error:
        raise CommandError(str(error), returncode=FAILED) from error
    except OperationalError as error:
        msg = f"the database does not answer: {str(error).strip().splitlines()[0]}"
        raise CommandError(msg, returncode=FAILED) from error


def tenant_named(slug: str) -> Tenant:
    """Returns the tenant, or raises NotFound with the names that there are."""
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        known = ", ".join(Tenant.objects.values_list("slug", flat=True)) or "none yet"
        msg = f"there is no tenant {slug!r}; known: {known}"
        raise NotFound(msg)
    return tenant
