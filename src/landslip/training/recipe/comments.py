"""A recipe as commented YAML: every setting, including defaults, with a comment line above it."""

import re
import textwrap
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import yaml
from pydantic import BaseModel

from landslip.training.recipe.recipe import Recipe

_WIDTH: Final = 112
_NO_COMMENTS: Final[Mapping[str, str]] = MappingProxyType({})


def format_recipe(recipe: Recipe, comments: Mapping[str, str] = _NO_COMMENTS) -> str:
    """Format a recipe as YAML with each setting below a comment; reading the text gives the same recipe.

    Args:
        recipe: to format.
        comments: more comments by path of the setting, such as ``fit.epochs``; the empty path is the head of the file.

    Example:
        >>> from landslip.training.recipe.recipe import read_recipe
        >>> print(format_recipe(read_recipe("default"))[:29])
        # Every setting of a training
    """
    head = [f"# {line}" for line in comments.get("", _first_line(Recipe)).splitlines()]
    return "\n".join([*head, *_lines(recipe, "", 0, comments)]) + "\n"


def read_comments(text: str) -> dict[str, str]:
    """Read the comments of a recipe's YAML by path of the setting below each; the first ones are the head."""
    comments: dict[str, str] = {}
    inside: list[tuple[int, str]] = []
    pending: list[str] = []
    for line in text.splitlines():
        indent, bare = len(line) - len(line.lstrip()), line.strip()
        key = re.match(r"(?:- )?([a-z0-9_]+):", bare)
        if bare.startswith("#"):
            pending.append(bare.removeprefix("#").removeprefix(" "))
        elif bare.startswith("- ") and inside and pending:
            # A comment on a list item belongs to the list.
            _add(comments, ".".join(name for _, name in inside), pending)
        elif key and not bare.startswith("- "):
            first = not inside
            inside = [*(one for one in inside if one[0] < indent), (indent, key[1])]
            _add(comments, "" if first else ".".join(name for _, name in inside), pending)
    return comments


def _add(comments: dict[str, str], path: str, pending: list[str]) -> None:
    if pending:
        comments[path] = "\n".join([*comments.get(path, "").splitlines(), *pending])
        pending.clear()


def _lines(section: BaseModel, path: str, depth: int, comments: Mapping[str, str]) -> Iterator[str]:
    space = "  " * depth
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        here = f"{path}.{name}".lstrip(".")
        description = field.description or (_first_line(type(value)) if isinstance(value, BaseModel) else "")
        if depth == 0:
            yield ""
        for text in (description, comments.get(here, "") if here else ""):
            for line in _wrap(text, len(space)):
                yield f"{space}# {line}"
        if isinstance(value, BaseModel):
            yield f"{space}{name}:"
            yield from _lines(value, here, depth + 1, comments)
        elif isinstance(value, tuple) and value and all(isinstance(one, BaseModel) for one in value):
            yield f"{space}{name}:"
            for one in value:
                yield from _item(one, space)
        else:
            plain = section.model_dump(mode="json", include={name})[name]
            yield f"{space}{name}:{_format_value(plain, space)}"


def _item(one: BaseModel, space: str) -> Iterator[str]:
    """A list item: its lines, with a dash before the first setting."""
    dashed = False
    for line in _lines(one, "", 0, _NO_COMMENTS):
        if not line:
            continue
        if line.startswith("#") and not dashed:
            yield f"{space}  {line}"
        elif dashed:
            yield f"{space}    {line}"
        else:
            yield f"{space}  - {line}"
            dashed = True


def _format_value(value: Any, space: str) -> str:
    if isinstance(value, list) and any(isinstance(one, str) and len(one) > 20 for one in value):
        return "".join(f"\n{space}  - {_format_scalar(one)}" for one in value)
    return f" {_format_scalar(value)}"


def _format_scalar(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**9, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _wrap(text: str, indent: int) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), _WIDTH - indent)


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]
