"""Checks exported events, one a line, against the Open Cybersecurity Schema Framework itself.

`python validate.py FILE`: every attribute must be one of the schema's class and profiles, of its type;
what is required must be there; every number of an enumeration must be in it, with its own caption
beside it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema


class Schema:
    """One version of the schema."""

    def __init__(self, version: str) -> None:
        self.whole = get_ocsf_schema(version=version)
        self.generator = OcsfJsonSchemaEmbedded(self.whole)
        self.validators: dict[tuple[Any, ...], Draft202012Validator] = {}

    def wrong(self, event: dict[str, Any]) -> list[str]:
        """What is wrong with an event."""
        profiles = event["metadata"]["profiles"]
        name = self.generator.lookup_class_name_from_uid(event["class_uid"])
        key = (name, *profiles)
        if key not in self.validators:
            schema = self.generator.get_class_schema(name, profiles)
            self.validators[key] = Draft202012Validator(schema)
        found = [
            f"{'/'.join(str(part) for part in error.absolute_path)}: {error.message}"
            for error in self.validators[key].iter_errors(event)
        ]
        return found + list(self.captions(self.whole["classes"][name], event, name))

    def captions(self, kind: dict[str, Any], value: dict[str, Any], path: str):
        """A number and the words beside it say the same; what is no enumeration is passed over."""
        for name, item in value.items():
            attribute = kind["attributes"].get(name)
            if attribute is None:
                continue
            enum, sibling = attribute.get("enum"), attribute.get("sibling")
            if enum and not isinstance(item, list):
                if str(item) not in enum:
                    yield f"{path}/{name}: {item} is none of the enumeration"
                elif sibling in value and item != 99 and value[sibling] != enum[str(item)]["caption"]:
                    yield f"{path}/{sibling}: {value[sibling]} is not {enum[str(item)]['caption']}"
            if attribute.get("object_type") in self.whole["objects"]:
                inner = self.whole["objects"][attribute["object_type"]]
                for one in item if isinstance(item, list) else [item]:
                    if isinstance(one, dict):
                        yield from self.captions(inner, one, f"{path}/{name}")


def main(path: str) -> int:
    schemas: dict[str, Schema] = {}
    count = failed = 0
    classes: set[int] = set()
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            event = json.loads(line)
            version = event["metadata"]["version"]
            schema = schemas.setdefault(version, None) or Schema(version)
            schemas[version] = schema
            for wrong in schema.wrong(event):
                print(f"{path}:{number}: {wrong}", file=sys.stderr)
                failed += 1
            count += 1
            classes.add(event["class_uid"])
    print(f"{count} events of {len(classes)} classes, {failed} findings")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
