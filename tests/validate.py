"""Events that tests read keep to outputs/schema/starttap.schema.json, each of them."""
import functools
import json
import pathlib

import jsonschema

SCHEMA = pathlib.Path(__file__).resolve().parent.parent / "outputs" / "schema" / "starttap.schema.json"


@functools.cache
def validator():
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


@functools.lru_cache(maxsize=100_000)
def problem(line):
    """What is wrong with the event on a line of JSON; None when nothing is. The same line is looked at once."""
    error = jsonschema.exceptions.best_match(validator().iter_errors(json.loads(line)))
    return error and f"{'.'.join(map(str, error.absolute_path))}: {error.message}"


def parse(lines):
    """The events on lines of JSON; an exception for one that is not as the schema says."""
    found = []
    for line in lines:
        if problem(line):
            raise ValueError(f"not as the schema says: {problem(line)}: {line}")
        found.append(json.loads(line))
    return found
