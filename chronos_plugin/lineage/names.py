"""Names of products, written short: a *template*, which many share, and the *numbers* of one.

``…/SSH/005/SWOT_L2_LR_SSH_Expert_005_012_20230801T010203_20230801T015304_PIC0_01.nc`` has the template
``SWOT_L2_LR_SSH_Expert_{3}_{3}_{8}T{6}_{8}T{6}_PIC0_{2}.nc`` with the folder ``…/SSH/{=0}``, and 19 bytes
of numbers. Templates are few, so the store keeps them apart, once. Numbers of one template are as long as
each other and sort as the numbers do: a range of bytes is a range of cycles.

===============  =====================================================================================
``{3}``          three digits, in 2 bytes, the most significant first
``{=0}``         the digits that stand at place 0 already; folders tend to repeat the name's
``{*}``          letters and digits without an order (ids, digests): one byte of length, then the text
``{{``, ``{n}``  a brace, a line feed
===============  =====================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

Slot = tuple[str, int]
"""A kind (``number``, ``same``, ``text``) with the number of digits, or the place meant."""

# A single digit mostly belongs to a word: L2, PIC0.
_PIECES = re.compile(r"[0-9]{2,18}")
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_WORDS = re.compile(rf"{_UUID}(?![0-9A-Za-z])|[0-9A-Za-z]+")
_WIDTH = {digits: ((10**digits - 1).bit_length() + 7) // 8 for digits in range(1, 19)}
_SLOT = re.compile(r"\{\{|\{(\*|n|=?\d+)\}")
_CAPITALISED = re.compile(r"[A-Z][a-z]{2,}")
_RANDOM_LENGTH = 6
_RANDOM_TURNS = 3
_LONGEST_TEXT = 255
_SHORTEST_REPEATED = 3


def encode(path: str) -> tuple[str, bytes]:
    """Return the template and the numbers of a path.

    The template is that of the last part, a line feed, and that of the folder.
    """
    folder, slash, name = path.rpartition("/")
    seen: list[str] = []
    numbers = bytearray()
    first = _encode_part(name, seen, numbers)
    second = _encode_part(folder + slash, seen, numbers, repeats=True)
    return f"{first}\n{second}", bytes(numbers)


def decode(template: str, numbers: bytes) -> str:
    """Return the path that :func:`encode` was given."""
    fixed = _fixed(template)
    if fixed is not None:
        places, order, text = fixed
        found = [int.from_bytes(numbers[start:end], "big") for start, end in places]
        return text % tuple([found[place] for place in order])
    return _decode(template, numbers)


def _decode(template: str, numbers: bytes) -> str:
    name, folder = _parts(template)
    values: list[str] = []
    position = 0
    texts = []
    for literals, slots in (name, folder):
        text = [literals[0]]
        for (kind, argument), literal in zip(slots, literals[1:], strict=True):
            if kind == "number":
                end = position + _WIDTH[argument]
                value = str(int.from_bytes(numbers[position:end], "big")).zfill(argument)
                position = end
                values.append(value)
            elif kind == "same":
                value = values[argument]
            else:
                end = position + 1 + numbers[position]
                value = numbers[position + 1 : end].decode()
                position = end
            text += (value, literal)
        texts.append("".join(text))
    return texts[1] + texts[0]


def name_slots(template: str) -> tuple[Sequence[str], Sequence[Slot]]:
    """Return the literal texts of the last part's template and the slots between them."""
    return _parts(template)[0]


def number_bytes(value: int, digits: int) -> bytes:
    """Return how a number of so many digits stands among the numbers."""
    return value.to_bytes(_WIDTH[digits], "big")


def width(slot: Slot) -> int | None:
    """Return how many bytes a slot takes; None: not the same for all names."""
    kind, argument = slot
    return {"number": _WIDTH.get(argument), "same": 0}.get(kind)


def words(text: str) -> tuple[set[str], set[str]]:
    """Return the words of a text (lower case), and its numbers of two digits or more."""
    numbers = set(_PIECES.findall(text))
    letters = {w.lower() for w in re.findall(r"[A-Za-z]+[0-9]?(?![0-9])", text)}
    return letters, numbers


def _encode_part(text: str, seen: list[str], numbers: bytearray, *, repeats: bool = False) -> str:
    template: list[str] = []
    position = 0
    for match in _WORDS.finditer(text):
        word = match.group()
        if len(word) < 2 or (word.isalpha() and not _random(word)):
            continue
        template.append(_escaped(text[position : match.start()]))
        position = match.end()
        if _random(word):
            numbers.append(len(word))
            numbers += word.encode()
            template.append("{*}")
        else:
            template.append(_encode_digits(word, seen, numbers, repeats))
    template.append(_escaped(text[position:]))
    return "".join(template)


def _encode_digits(word: str, seen: list[str], numbers: bytearray, repeats: bool) -> str:
    def replace(match: re.Match[str]) -> str:
        digits = match.group()
        if repeats and len(digits) >= _SHORTEST_REPEATED and digits in seen:
            return f"{{={seen.index(digits)}}}"
        seen.append(digits)
        numbers.extend(int(digits).to_bytes(_WIDTH[len(digits)], "big"))
        return f"{{{len(digits)}}}"

    return _PIECES.sub(replace, word)


@lru_cache(maxsize=65536)
def _random(word: str) -> bool:
    """Return whether a word looks like an id or a digest: it changes often between letters and digits."""
    if not _RANDOM_LENGTH <= len(word) <= _LONGEST_TEXT:
        return False
    if "-" in word:
        return True
    shorter = _CAPITALISED.sub("a", word)
    kinds = ["0" if c.isdigit() else "A" if c.isupper() else "a" for c in shorter]
    return sum(a != b for a, b in pairwise(kinds)) >= _RANDOM_TURNS


def _escaped(text: str) -> str:
    # A line feed in a name would end the template's first line.
    return text.replace("{", "{{").replace("\n", "{n}")


@lru_cache(maxsize=65536)
def _fixed(template: str) -> tuple[list[tuple[int, int]], list[int], str] | None:
    """Return where the numbers of a template stand, in which order its path has them, and the path to fill.

    None: they do not stand in the same places for all paths.
    """
    places: list[tuple[int, int]] = []
    digits: list[int] = []
    filled: list[tuple[str, list[int]]] = []
    for literals, slots in _parts(template):
        text, order = [literals[0].replace("%", "%%")], []
        for (kind, argument), literal in zip(slots, literals[1:], strict=True):
            if kind == "text":
                return None
            if kind == "number":
                start = places[-1][1] if places else 0
                places.append((start, start + _WIDTH[argument]))
                digits.append(argument)
            place = len(places) - 1 if kind == "number" else argument
            order.append(place)
            text += (f"%0{digits[place]}d", literal.replace("%", "%%"))
        filled.append(("".join(text), order))
    (name, in_name), (folder, in_folder) = filled
    return places, in_folder + in_name, folder + name


@lru_cache(maxsize=65536)
def _parts(template: str) -> list[tuple[list[str], list[Slot]]]:
    return [_part(line) for line in template.split("\n")]


def _part(template: str) -> tuple[list[str], list[Slot]]:
    literals, slots = [""], list[Slot]()
    position = 0
    for match in _SLOT.finditer(template):
        literals[-1] += template[position : match.start()]
        position = match.end()
        content = match.group(1)
        if content is None or content == "n":
            literals[-1] += "\n" if content else "{"
            continue
        kind = "text" if content == "*" else "same" if content[0] == "=" else "number"
        slots.append((kind, 0 if kind == "text" else int(content.lstrip("="))))
        literals.append("")
    literals[-1] += template[position:]
    return literals, slots
