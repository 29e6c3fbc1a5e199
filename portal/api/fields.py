"""What the bodies' fields are made of: names, instants, lines of text."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import (
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from breakglass.errors import InvalidInput
from breakglass.rules.identifiers import IDENTIFIER_MAX, check_identifier, check_text

_REST: Final = f"{{0,{IDENTIFIER_MAX - 1}}}$"
WITH_SLASH: Final = f"^[A-Za-z0-9][A-Za-z0-9._/:@+-]{_REST}"
NONCE: Final = "^[A-Za-z0-9_-]{16,128}$"
WITHOUT_SLASH: Final = f"^[A-Za-z0-9][A-Za-z0-9._:@+-]{_REST}"


@dataclass(frozen=True, slots=True)
class Identifier:
    """Marks text as an identifier: the domain checks it, the schema says how."""

    field: str
    slash: bool = True
    empty: bool = False

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Adds the domain's own check after the type."""
        return core_schema.no_info_after_validator_function(
            self._check, handler(source)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describes the alphabet, which JSON Schema counts as a pattern."""
        pattern = WITH_SLASH if self.slash else WITHOUT_SLASH
        described = handler(schema)
        return {**described, "pattern": f"{pattern}|^$" if self.empty else pattern}

    def _check(self, value: str) -> str:
        if self.empty and not value:
            return value
        return check_identifier(value, field=self.field, slash=self.slash)


def check_actor(value: str) -> str:
    if "\n" in value or "\t" in value:
        raise InvalidInput("actor must be one line without tabs", field="actor")
    return check_text(value, field="actor", minimum=0, maximum=IDENTIFIER_MAX)


def _seconds(value: datetime) -> str:
    """RFC 3339 in whole seconds, rounded down: a stated end is never late."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Instant = Annotated[
    datetime,
    PlainSerializer(_seconds, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
GateName = Annotated[str, Identifier("gate", slash=False)]
DeployId = Annotated[str, Identifier("deploy_id", slash=False)]
