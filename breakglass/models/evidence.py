"""What stands beside a signature: how the person proved who they are, and with what."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from breakglass.models.credentials import Credential
from breakglass.models.signing import Intent
from breakglass.states import ProofMethod


class Authentication(models.Model):
    """A row is the fresh sign-in behind one decision. It never changes."""

    intent = models.OneToOneField(
        Intent, on_delete=models.PROTECT, related_name="authentication"
    )
    method = models.CharField(max_length=10, choices=ProofMethod.choices)
    at = models.DateTimeField()
    issuer = models.CharField(max_length=200, blank=True)
    subject = models.CharField(max_length=255, blank=True)
    token_sha256 = models.BinaryField(max_length=32, null=True, blank=True)
    auth_time = models.DateTimeField(null=True, blank=True)
    amr = ArrayField(models.CharField(max_length=50), default=list, blank=True)
    acr = models.CharField(max_length=200, blank=True)

    class Meta:
        default_permissions = ()
        constraints = (
            models.CheckConstraint(
                condition=Q(method__in=ProofMethod.values),
                name="authentication_method_is_known",
            ),
            models.CheckConstraint(
                condition=~Q(method="oidc")
                | (
                    Q(issuer__length__gt=0)
                    & Q(subject__length__gt=0)
                    & Q(token_sha256__isnull=False)
                ),
                name="authentication_by_oidc_names_its_token",
            ),
        )

    def __str__(self) -> str:
        return f"{self.method} for {self.intent_id}"


class Assertion(models.Model):
    """
    A row is one WebAuthn assertion, whole. Its challenge is the intent's digest.

    Source: https://www.w3.org/TR/webauthn-3/#authenticatorassertionresponse
    """

    intent = models.OneToOneField(
        Intent, on_delete=models.PROTECT, related_name="assertion"
    )
    credential = models.ForeignKey(
        Credential, on_delete=models.PROTECT, related_name="assertions"
    )
    authenticator_data = models.BinaryField()
    client_data = models.BinaryField()
    signature = models.BinaryField()
    made_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"assertion for {self.intent_id}"
