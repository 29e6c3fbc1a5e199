"""Provenance: who may say how an artefact was built, and what was said."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from breakglass.models.deploys import Deploy
from breakglass.models.gates import Gate
from breakglass.models.tenants import Tenant
from breakglass.states import ProvenanceState


class GateTrust(models.Model):
    """A row says whose provenance one gate takes: a name, its issuer, and a root."""

    gate = models.OneToOneField(
        Gate, on_delete=models.PROTECT, primary_key=True, related_name="trust"
    )
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    identity = models.CharField(
        max_length=300,
        help_text=_(
            "The name in the certificate, exactly: an e-mail address, or the address "
            "of a workflow."
        ),
    )
    issuer = models.CharField(
        max_length=300, help_text=_("The OIDC issuer that vouched for that name.")
    )
    root = models.TextField(
        blank=True,
        help_text=_(
            "The trusted root of the Sigstore instance that signs there, as JSON. "
            "Empty: the instance of this portal."
        ),
    )
    changed_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.gate)


class Provenance(models.Model):
    """A row is the one bundle that a gate gave for a deploy, and what it proves."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    deploy = models.OneToOneField(
        Deploy, on_delete=models.PROTECT, related_name="provenance"
    )
    bundle = models.BinaryField()
    bundle_sha256 = models.BinaryField(max_length=32)
    state = models.CharField(
        max_length=10, choices=ProvenanceState, default=ProvenanceState.WAITING
    )
    identity = models.CharField(max_length=300, blank=True)
    issuer = models.CharField(max_length=300, blank=True)
    predicate_type = models.CharField(max_length=300, blank=True)
    builder = models.CharField(max_length=300, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    given_at = models.DateTimeField()
    checked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()
        constraints = (
            models.CheckConstraint(
                condition=Q(state="waiting", checked_at__isnull=True)
                | Q(state__in=["verified", "failed"], checked_at__isnull=False),
                name="provenance_checked_once_it_is_judged",
            ),
        )
        indexes = (
            models.Index(
                fields=("id",),
                condition=Q(state="waiting"),
                name="provenance_waiting",
            ),
        )

    def __str__(self) -> str:
        return self.get_state_display()
