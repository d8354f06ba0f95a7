"""The descriptions of a function's parameters and results, and how values are checked against them.

The same description serves three purposes: refusing a request, shaping the result, and telling the XML writer which
keys a structure has even when they are missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

from tests.standins.moodle import params, php
from tests.standins.moodle.errors import MoodleError, invalid_parameter, invalid_response


class Need(Enum):
    """Whether a key may be left out of a structure."""

    REQUIRED = 1
    OPTIONAL = 2
    DEFAULT = 3


@dataclass(frozen=True, slots=True)
class Scalar:
    kind: str
    need: Need = Need.REQUIRED
    default: Any = None


@dataclass(frozen=True, slots=True)
class Many:
    content: "Description"
    need: Need = Need.REQUIRED
    default: Any = None


@dataclass(frozen=True, slots=True)
class Struct:
    keys: Mapping[str, "Description"] = field(default_factory=dict)
    need: Need = Need.REQUIRED
    default: Any = None


Description: TypeAlias = Scalar | Many | Struct

TEXT_FORMAT = Scalar("int", Need.DEFAULT, 1)
"""A text format that defaults to HTML."""
WARNINGS = Many(
    Struct(
        {
            "item": Scalar("text", Need.OPTIONAL),
            "itemid": Scalar("int", Need.OPTIONAL),
            "warningcode": Scalar("alphanum"),
            "message": Scalar("raw"),
        }
    ),
    Need.OPTIONAL,
)


def check_parameters(description: Description, value: Any) -> Any:
    """The typed value of a request, or ``invalidparameter`` with the path to the fault in ``debuginfo``."""
    if isinstance(description, Scalar):
        return _check_scalar(description, value)
    if not isinstance(value, dict | list):
        raise invalid_parameter(f"Only arrays accepted. The bad value is: '{php.to_string(value)}'")
    if isinstance(description, Many):
        items = value.values() if isinstance(value, dict) else value
        return [check_parameters(description.content, item) for item in items]
    given = dict(value) if isinstance(value, dict) else dict(enumerate(value))
    result: dict[str, Any] = {}
    for key, inner in description.keys.items():
        if key not in given:
            if inner.need is Need.REQUIRED:
                raise invalid_parameter(f"Missing required key in single structure: {key}")
            if inner.need is Need.DEFAULT:
                result[key] = inner.default
            continue
        try:
            result[key] = check_parameters(inner, given.pop(key))
        except MoodleError as fault:
            raise invalid_parameter(f"{key} => {fault.message}: {fault.debuginfo}") from fault
    if given:
        unexpected = ", ".join(str(key) for key in given)
        raise invalid_parameter(f"Unexpected keys ({unexpected}) detected in parameter array.")
    return result


def _check_scalar(description: Scalar, value: Any) -> Any:
    if isinstance(value, dict | list):
        raise invalid_parameter("Scalar type expected, array or object received.")
    kind = description.kind
    if kind == "bool" and value in ("0", "1"):
        return value == "1"
    if not params.is_clean(value, kind):
        raise invalid_parameter(
            f'Invalid external api parameter: the value is "{value}", the server was expecting "{kind}" type'
        )
    return int(value) if kind == "int" else value


def shape_result(description: Description, value: Any) -> Any:
    """The result with exactly the described keys, or ``invalidresponse`` where a value does not fit."""
    if value is None:
        return None
    if isinstance(description, Scalar):
        return _shape_scalar(description, value)
    if isinstance(description, Many):
        return [shape_result(description.content, item) for item in value]
    result: dict[str, Any] = {}
    for key, inner in description.keys.items():
        if key in value:
            try:
                result[key] = shape_result(inner, value[key])
            except MoodleError as fault:
                raise invalid_response(f"{key} => {fault.message}: {fault.debuginfo}") from fault
        elif inner.need is Need.REQUIRED:
            raise invalid_response(f"Error in response - Missing following required key in a single structure: {key}")
        elif inner.need is Need.DEFAULT and isinstance(inner, Scalar):
            result[key] = inner.default
    return result


def _shape_scalar(description: Scalar, value: Any) -> Any:
    kind = description.kind
    if kind == "bool":
        return bool(int(value)) if not isinstance(value, bool) else value
    if isinstance(value, int):
        return value if kind in {"int", "raw"} else str(value)
    if kind != "raw" and not params.is_clean(value, kind):
        raise invalid_response(
            f'Invalid external api response: the value is "{value}" of PHP type "string",'
            f' the server was expecting "{kind}" type'
        )
    return int(value) if kind == "int" else value
