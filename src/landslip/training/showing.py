"""A recipe written out: every setting, also those it leaves to their defaults, with a comment a line."""

import textwrap
from collections.abc import Iterator
from typing import Any, Final

import yaml
from pydantic import BaseModel

from landslip.training.recipe import Recipe

_WIDTH: Final = 112


def commented(recipe: Recipe) -> str:
    """YAML of a recipe, each setting after a comment that says what it is; reading it gives the recipe back."""
    lines = ["# " + line for line in textwrap.wrap(_first_line(Recipe), _WIDTH)]
    return "\n".join([*lines, *_lines(recipe, 0)]) + "\n"


def _lines(value: BaseModel, depth: int) -> Iterator[str]:
    space = "  " * depth
    for name, field in type(value).model_fields.items():
        inside = getattr(value, name)
        description = field.description or (_first_line(type(inside)) if isinstance(inside, BaseModel) else "")
        if depth == 0:
            yield ""
        for line in textwrap.wrap(" ".join(description.split()), _WIDTH - len(space)):
            yield f"{space}# {line}"
        if isinstance(inside, BaseModel):
            yield f"{space}{name}:"
            yield from _lines(inside, depth + 1)
        elif isinstance(inside, tuple) and inside and all(isinstance(one, BaseModel) for one in inside):
            yield f"{space}{name}:"
            for one in inside:
                yield from _item(one, space)
        else:
            plain = value.model_dump(mode="json", include={name})[name]
            yield f"{space}{name}:{_plain(plain, space)}"


def _item(one: BaseModel, space: str) -> Iterator[str]:
    """A value in a list: its lines, with a dash before the first setting."""
    dashed = False
    for line in _lines(one, 0):
        if not line:
            continue
        if line.startswith("#") or dashed:
            yield f"{space}  {'  ' if dashed else ''}{line}"
        else:
            yield f"{space}  - {line}"
            dashed = True


def _plain(value: Any, space: str) -> str:
    if isinstance(value, list) and any(isinstance(one, str) and len(one) > 20 for one in value):
        return "".join(f"\n{space}  - {_scalar(one)}" for one in value)
    return f" {_scalar(value)}"


def _scalar(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**9, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]
