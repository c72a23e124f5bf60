"""The JSON Schema of a configuration file, for editors and for `config schema`; made of the models that check it."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints, create_model

from worker.configuration.connectors import ConnectorSection, DefaultsSection
from worker.configuration.graph_app import GraphApp
from worker.configuration.psas import psa_model
from worker.configuration.service import ApiSection, Section, ServiceSection
from worker.configuration.values import ID_PATTERN

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Json = dict[str, Any]
Name = Annotated[str, StringConstraints(pattern=ID_PATTERN)]

REFERENCE: Json = {
    "description": "A text that stands elsewhere: in an environment variable, or in a file.",
    "oneOf": [
        {
            "type": "object",
            "properties": {key: {"type": "string", "minLength": 1}},
            "required": [key],
            "additionalProperties": False,
        }
        for key in ("env", "file")
    ],
}


class ConfigurationFile(Section):
    """The configuration of contact-sync: contact-sync.toml, or a file of connectors.d beside it."""

    service: ServiceSection = Field(ServiceSection(), description="This installation; in the main file only.")
    api: ApiSection = Field(ApiSection(), description="The HTTP API; in the main file only.")
    graph_app: dict[Name, GraphApp] = Field({}, description="App registrations by name.")
    defaults: DefaultsSection = Field(DefaultsSection(), description="What every connector has unless it says other.")
    connectors: dict[Name, ConnectorSection] = Field({}, description="Customers by name.")


def json_schema() -> Json:
    """Return the schema, draft 2020-12; any text but a PSA's kind may be a reference."""
    psas: Any = (dict[Name, psa_model()], Field({}, description="PSA instances by name."))  # type: ignore[misc]  # known only when packages are installed
    whole = create_model("ConfigurationFile", __base__=ConfigurationFile, __doc__=ConfigurationFile.__doc__, psa=psas)
    schema: Json = _with_references(whole.model_json_schema(mode="validation"))
    schema["$schema"] = DIALECT
    schema["title"] = "contact-sync configuration"
    schema["$defs"]["Reference"] = REFERENCE
    return schema


def _with_references(node: Any, *, is_name: bool = False) -> Any:
    """Let each text be a reference too, and drop what says nothing: titles, nulls (TOML has none), empty defaults."""
    if isinstance(node, list):
        return [_with_references(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {
        key: {name: _with_references(item) for name, item in value.items()}
        if key in {"properties", "patternProperties", "$defs"}
        else _with_references(value, is_name=key == "propertyNames")
        for key, value in node.items()
        if key not in {"title", "discriminator"} and not (key == "default" and value in ("", None, {}))
    }
    if kept.get("type") == "string" and "const" not in kept and not is_name:
        outside = {key: kept.pop(key) for key in ("description", "default") if key in kept}
        return {**outside, "anyOf": [kept, {"$ref": "#/$defs/Reference"}]}
    if "patternProperties" in kept:
        kept["additionalProperties"] = False
    return _flat(kept)


def _flat(node: Json) -> Json:
    """Merge choices of choices into one, without null."""
    if "anyOf" not in node:
        return node
    choices = [
        choice
        for item in node.pop("anyOf")
        for choice in (item["anyOf"] if set(item) == {"anyOf"} else [item])
        if choice != {"type": "null"}
    ]
    return {**node, **choices[0]} if len(choices) == 1 else {**node, "anyOf": choices}
