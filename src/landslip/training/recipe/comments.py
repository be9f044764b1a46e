"""A recipe written out: every setting, also those it leaves to their defaults, with a comment a line."""

import re
import textwrap
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import yaml
from pydantic import BaseModel

from landslip.training.recipe.recipe import Recipe

_WIDTH: Final = 112
_NO_WORDS: Final[Mapping[str, str]] = MappingProxyType({})


def commented(recipe: Recipe, words: Mapping[str, str] = _NO_WORDS) -> str:
    """YAML of a recipe, each setting after a comment that says what it is; reading it gives the recipe back.

    Args:
        recipe: to show.
        words: more to say, by path of the setting, such as ``fit.epochs``; the head of all is under the empty path.
    """
    head = [f"# {line}" for line in words.get("", _first_line(Recipe)).splitlines()]
    return "\n".join([*head, *_lines(recipe, "", 0, words)]) + "\n"


def words_of(text: str) -> dict[str, str]:
    """The comments of a recipe's YAML, by path of the setting that each stands above; the first ones are its head."""
    words: dict[str, str] = {}
    inside: list[tuple[int, str]] = []
    said: list[str] = []
    for line in text.splitlines():
        indent, bare = len(line) - len(line.lstrip()), line.strip()
        key = re.match(r"(?:- )?([a-z0-9_]+):", bare)
        if bare.startswith("#"):
            said.append(bare.removeprefix("#").removeprefix(" "))
        elif bare.startswith("- ") and inside and said:
            # What is said of one in a list belongs to the list.
            _add(words, ".".join(name for _, name in inside), said)
        elif key and not bare.startswith("- "):
            first = not inside
            inside = [*(one for one in inside if one[0] < indent), (indent, key[1])]
            _add(words, "" if first else ".".join(name for _, name in inside), said)
    return words


def _add(words: dict[str, str], path: str, said: list[str]) -> None:
    if said:
        words[path] = "\n".join([*words.get(path, "").splitlines(), *said])
        said.clear()


def _lines(value: BaseModel, path: str, depth: int, words: Mapping[str, str]) -> Iterator[str]:
    space = "  " * depth
    for name, field in type(value).model_fields.items():
        inside = getattr(value, name)
        here = f"{path}.{name}".lstrip(".")
        description = field.description or (_first_line(type(inside)) if isinstance(inside, BaseModel) else "")
        if depth == 0:
            yield ""
        for text in (description, words.get(here, "") if here else ""):
            for line in _wrapped(text, len(space)):
                yield f"{space}# {line}"
        if isinstance(inside, BaseModel):
            yield f"{space}{name}:"
            yield from _lines(inside, here, depth + 1, words)
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
    for line in _lines(one, "", 0, _NO_WORDS):
        if not line:
            continue
        if line.startswith("#") and not dashed:
            yield f"{space}  {line}"
        elif dashed:
            yield f"{space}    {line}"
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


def _wrapped(text: str, indent: int) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), _WIDTH - indent)


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]
