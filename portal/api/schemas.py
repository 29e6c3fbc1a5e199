"""
The bodies of version 1, as gates send and get them.

A change here is a change for every gate: see tests/conformance/api/.
"""

from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from breakglass.errors import InvalidInput
from breakglass.models.gates import CACHE_MOST
from breakglass.rules.decision import Reason
from breakglass.rules.identifiers import IDENTIFIER_MAX
from breakglass.states import Assurance, DeployState, ProvenanceState
from portal.api.fields import (
    NONCE,
    DeployId,
    GateName,
    Identifier,
    Instant,
    check_actor,
)


class Wire(BaseModel):
    """What goes over the wire: exact types, no unknown fields, never changed."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        json_schema_serialization_defaults_required=True,
    )


def _left_out(schema: dict[str, Any]) -> None:
    """Empty stands for not stated; sent empty it is a gate's broken configuration."""
    del schema["default"]


class Asked(Wire):
    """What every body may say: the gate's name, which must be the token's."""

    gate: GateName = Field(
        default="",
        description="The gate's name. 403 when the token is another's.",
        json_schema_extra=_left_out,
    )


class DecisionQuestion(Asked):
    """May this deploy pass the gate?"""

    service: Annotated[str, Identifier("service")]
    deploy_id: DeployId = Field(
        description="Names one deploy at this gate. Asked again, it is the same one."
    )
    branch: Annotated[str, Identifier("branch", empty=True)] = ""
    artifact: Annotated[str, Identifier("artifact", empty=True)] = Field(
        default="", description="sha256: and 64 hex digits, where a tier asks for it."
    )
    actor: Annotated[str, AfterValidator(check_actor)] = Field(
        default="",
        max_length=IDENTIFIER_MAX,
        description="Who or what deploys, for the record.",
    )
    require_assurance: Literal["sigstore", "offline_quorum"] = Field(
        default="offline_quorum",
        description=(
            "The weakest assurance that the gate accepts. sigstore: a bypass that was "
            "signed under the outage fallback is answered with enforce."
        ),
    )
    dry_run: bool = Field(default=False, description="Answer, but write nothing.")
    cache_seconds: int = Field(
        default=0,
        ge=0,
        le=CACHE_MOST,
        description=(
            "For how long the gate uses this answer again: it is told enforce that "
            "much before a bypass ends. What the gate declares counts too."
        ),
    )


class ReceiptQuestion(DecisionQuestion):
    """May this deploy pass, and may somebody else check it?"""

    nonce: Annotated[str, Field(pattern=NONCE)] = Field(
        description="Made anew for each question; it stands in the receipt."
    )

    @model_validator(mode="after")
    def _is_real(self) -> Self:
        """A rehearsal must leave nothing behind that looks like a permission."""
        if self.dry_run:
            msg = "a dry run decides nothing, so it gets no receipt"
            raise InvalidInput(msg, field="dry_run")
        return self


class DeployPart(Wire):
    """A deploy, as the portal knows it."""

    id: str
    state: DeployState


class DecisionAnswer(Wire):
    """What the gate must do. Every field is always there; null is not applicable."""

    decision: Literal["enforce", "bypass"]
    reason: Reason
    bypass_id: str | None
    expires_at: Instant | None
    seconds_left: int | None
    assurance: Assurance | None
    deploy: DeployPart | None
    policy_version: int | None
    decision_id: UUID
    evaluated_at: Instant
    dry_run: bool

    @model_validator(mode="after")
    def _bypass_is_whole(self) -> Self:
        """The last guard: no bypass leaves without its ID, its end and its deploy."""
        if self.decision == "enforce":
            return self
        whole = self.bypass_id and self.expires_at and self.seconds_left is not None
        if (
            not whole
            or self.assurance is None
            or (self.deploy is None and not self.dry_run)
        ):
            msg = "a bypass without its ID, its end or its deploy"
            raise ValueError(msg)
        if self.expires_at is not None and self.expires_at <= self.evaluated_at:
            msg = "a bypass at or after its end"
            raise ValueError(msg)
        return self


class ReceiptAnswer(DecisionAnswer):
    """The decision, and with a bypass its receipt."""

    receipt: str | None

    @model_validator(mode="after")
    def _only_a_bypass_has_one(self) -> Self:
        """A receipt means that something may pass: nothing else may ever have one."""
        if (self.receipt is not None) != (self.decision == "bypass"):
            msg = "a receipt without its bypass, or a bypass without its receipt"
            raise ValueError(msg)
        return self


class DeployReport(Asked):
    """How a deploy ended, or that it still runs."""

    state: Literal["running", "succeeded", "failed"] = Field(
        description=(
            "running is a heartbeat: once a deploy has sent one, it is lost from sight "
            "when no further one comes. The others end it."
        )
    )


class DeployAnswer(Wire):
    """The deploy as it stands after the report."""

    deploy: DeployPart
    bypass_id: str
    admitted_at: Instant
    ended_at: Instant | None
    overran_seconds: int | None = Field(
        description="How long it ran past the close, where its gate lets it finish."
    )


class ProvenanceBundle(Asked):
    """
    A Sigstore bundle over an in-toto statement, as `cosign` or `sigstore` write it.

    Only its form is looked at here; a worker verifies it.
    """

    media_type: str = Field(alias="mediaType", max_length=100)
    verification_material: dict[str, Any] = Field(alias="verificationMaterial")
    dsse_envelope: dict[str, Any] = Field(alias="dsseEnvelope")


class ProvenancePart(Wire):
    """The provenance of a deploy, and what it proves by now."""

    state: ProvenanceState
    sha256: str
    identity: str | None
    reason: str | None


class ProvenanceAnswer(Wire):
    """The bundle is kept. Whatever it proves, no decision changes by it."""

    deploy: DeployPart
    provenance: ProvenancePart


class Heartbeat(Asked):
    """The gate is alive, with this configuration."""

    config_digest: Annotated[str, Identifier("config_digest", empty=True)] = Field(
        default="",
        description="A digest of the gate's own configuration; a change is a finding.",
    )


FIELDS: Final = frozenset().union(
    *(body.model_fields for body in (ReceiptQuestion, DeployReport, Heartbeat))
)
"""Every name that the bodies of gates know."""


class HeartbeatAnswer(Wire):
    """What the portal now knows about the gate."""

    gate: str
    seen_at: Instant
    config_digest: str


class ErrorPart(Wire):
    """What was refused: a stable code, and words for people."""

    code: str
    detail: str
    field: str | None = None


class ErrorAnswer(Wire):
    """Every answer that is not a success. It always means enforce."""

    error: ErrorPart
    decision: Literal["enforce"]
