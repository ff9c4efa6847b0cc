"""The words of CWL, and the words that people write in their place."""

from __future__ import annotations

VERSIONS = ("v1.0", "v1.1", "v1.2", "v1.3.0-dev1")
CLASSES = ("Workflow", "CommandLineTool", "ExpressionTool", "Operation")
TYPES = (
    *("string", "int", "long", "float", "double", "boolean", "File", "Directory", "Any", "null"),
    *("array", "record", "enum", "stdin", "stdout", "stderr"),
)
# Each with the version that brought it.
REQUIREMENTS = {
    "InlineJavascriptRequirement": "v1.0",
    "SchemaDefRequirement": "v1.0",
    "DockerRequirement": "v1.0",
    "SoftwareRequirement": "v1.0",
    "InitialWorkDirRequirement": "v1.0",
    "EnvVarRequirement": "v1.0",
    "ShellCommandRequirement": "v1.0",
    "ResourceRequirement": "v1.0",
    "SubworkflowFeatureRequirement": "v1.0",
    "ScatterFeatureRequirement": "v1.0",
    "MultipleInputFeatureRequirement": "v1.0",
    "StepInputExpressionRequirement": "v1.0",
    "LoadListingRequirement": "v1.1",
    "WorkReuse": "v1.1",
    "NetworkAccess": "v1.1",
    "InplaceUpdateRequirement": "v1.1",
    "ToolTimeLimit": "v1.1",
}
# Fields that older versions do not know.
FIELD_SINCE = {
    "when": "v1.2",
    "pickValue": "v1.2",
    "intent": "v1.2",
    "loadListing": "v1.1",
    "loop": "v1.3.0-dev1",
    "outputMethod": "v1.3.0-dev1",
}
# What people write for a type, and what they mean.
TYPE_WORDS = {
    "str": "string",
    "text": "string",
    "char": "string",
    "integer": "int",
    "number": "double",
    "real": "double",
    "decimal": "double",
    "bool": "boolean",
    "path": "File",
    "folder": "Directory",
    "dir": "Directory",
    "list": "string[]",
    "dict": "record",
    "object": "record",
    "none": "null",
}
# What people write for a field, where likeness alone would not tell.
FIELD_WORDS = {
    "inputs": "in",
    "input": "in",
    "outputs": "out",
    "output": "out",
    "command": "baseCommand",
    "cmd": "baseCommand",
    "args": "arguments",
    "description": "doc",
    "name": "id",
    "tool": "run",
    "from": "source",
    "condition": "when",
    "if": "when",
    "choices": "symbols",
    "values": "symbols",
    "names": "symbols",
    "image": "dockerPull",
}
# How to write a required field.
HOW_TO_ADD = {
    "inputs": "add `inputs: {}`, or list the inputs there",
    "outputs": "add `outputs: {}`, or list the outputs there",
    "steps": "add `steps: {}`, or list the steps there",
    "in": "add `in: {}`, or say there what each input of the tool gets",
    "out": "add `out: []`, or name there the outputs of the tool that are used",
    "run": "add `run: tool.cwl`, the file of the step's tool",
    "type": "add a type, such as `type: File`",
    "items": "say what the list holds: `items: string`; or write `type: string[]`",
    "symbols": "list the allowed words: `symbols: [first, second]`",
    "pattern": "write `pattern: .bai`",
    "expression": "add `expression: $(…)`, which returns the outputs as an object",
    "types": "add `types:` with the list of type definitions",
    "listing": "add `listing:` with the files to put into the work directory",
    "when": "add `when: $(…)`, the condition",
    "envDef": "add `envDef: {NAME: value}`",
}
# What CWL has in place of an extension of cwltool.
OTHER_WAYS = {
    "Loop": "write `loop`, `when` and `outputMethod` in the step, with `cwlVersion: v1.3.0-dev1`",
    "TimeLimit": "write `ToolTimeLimit`, with `cwlVersion: v1.2`",
}
