"""Tools whose form the Responses API fixes but which the caller runs: `local_shell`, `shell`, `apply_patch`.

Elsewhere each is offered as a function with the schema below, so that an agent which declares them works on any
upstream; what the model then calls is told to the caller in the native form again. One row a tool.
"""

from collections.abc import Mapping

from msgspec import Struct

from headgate.canonical.parts import Json
from headgate.canonical.request import Tool
from headgate.protocols.openai_responses.wire import Object, bag, read_json, write_json


class NativeTool(Struct, frozen=True, kw_only=True):
    """`payload` is the call item's member that holds the arguments; `defaults` are members that the API requires in it
    and a model need not write; `fixed` are members a model does not see; `id_prefix` that of its items' ids."""

    type: str
    description: str
    parameters: Mapping[str, Json]
    payload: str
    required: tuple[str, ...]
    id_prefix: str
    fixed: Mapping[str, Json] = {}
    defaults: Mapping[str, Json] = {}

    @property
    def call_type(self) -> str:
        return f"{self.type}_call"

    @property
    def output_type(self) -> str:
        return f"{self.type}_call_output"


_STRINGS: Json = {"type": "array", "items": {"type": "string"}}

LOCAL_SHELL = NativeTool(
    type="local_shell",
    description="Run a command on the user's machine and get its output.",
    parameters={
        "type": "object",
        "properties": {
            "command": _STRINGS,
            "working_directory": {"type": "string"},
            "timeout_ms": {"type": "integer"},
            "env": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "required": ["command"],
    },
    payload="action",
    required=("command",),
    id_prefix="lsh",
    fixed={"type": "exec"},
    defaults={"env": {}},
)
SHELL = NativeTool(
    type="shell",
    description="Run shell commands, possibly several at once, and get their output.",
    parameters={
        "type": "object",
        "properties": {
            "commands": _STRINGS,
            "timeout_ms": {"type": "integer"},
            "max_output_length": {"type": "integer"},
        },
        "required": ["commands"],
    },
    payload="action",
    required=("commands",),
    id_prefix="sh",
)
APPLY_PATCH = NativeTool(
    type="apply_patch",
    description="Create, change or delete one file. `diff` is in the V4A diff format and is left out for a deletion.",
    parameters={
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
            "path": {"type": "string"},
            "diff": {"type": "string"},
        },
        "required": ["type", "path"],
    },
    payload="operation",
    required=("type", "path"),
    id_prefix="apc",
)

BY_TYPE = {tool.type: tool for tool in (LOCAL_SHELL, SHELL, APPLY_PATCH)}
BY_CALL = {tool.call_type: tool for tool in BY_TYPE.values()}
BY_OUTPUT = {tool.output_type: tool for tool in BY_TYPE.values()}


def as_tool(native: NativeTool, declaration: Object) -> Tool:
    """The function tool that stands for a native one; the declaration is kept for upstreams of this protocol."""
    return Tool(
        name=native.type,
        description=native.description,
        parameters=native.parameters,
        provider_data=bag(tool=declaration),
    )


def read_arguments(native: NativeTool, item: Mapping[str, Json]) -> str:
    """A native call's arguments as a function's."""
    payload = item.get(native.payload)
    fields = payload if isinstance(payload, dict) else {}
    return write_json({k: v for k, v in fields.items() if k not in native.fixed and v is not None})


def write_item(native: NativeTool, arguments: str, call_id: str) -> Object | None:
    """A model's arguments as a native call without id, or None where they are not what the tool takes."""
    fields = read_json(arguments)
    if not isinstance(fields, dict) or any(name not in fields for name in native.required):
        return None
    payload: Object = {**native.fixed, **native.defaults, **fields}
    return {
        "type": native.call_type,
        "status": "completed",
        "call_id": call_id,
        native.payload: payload,
    }
