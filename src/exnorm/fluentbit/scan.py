"""Find the ends of msgpack values without holding, copying or making any of them."""

from __future__ import annotations

import re

from exnorm.errors import NormalizerError

DEEPEST = 512

# By the first byte of a value: how many bytes follow it that are not header, how many header bytes give
# a number, what that number counts (bytes, or values: one for each, two for pairs), and how many values.
_FIXED = [0] * 256
_HEADER = [0] * 256
_PER_VALUE = [0] * 256
_VALUES = [0] * 256
for _byte in range(256):
    if 0x80 <= _byte <= 0x8F:
        _VALUES[_byte] = 2 * (_byte & 0x0F)
    elif 0x90 <= _byte <= 0x9F:
        _VALUES[_byte] = _byte & 0x0F
    elif 0xA0 <= _byte <= 0xBF:
        _FIXED[_byte] = _byte & 0x1F
for _byte, _size in {
    0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8,
    0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17, 0xC7: 1, 0xC8: 1, 0xC9: 1,
}.items():  # fmt: skip
    _FIXED[_byte] = _size
for _byte, _size in {
    0xC4: 1, 0xC5: 2, 0xC6: 4, 0xC7: 1, 0xC8: 2, 0xC9: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4,
    0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4,
}.items():  # fmt: skip
    _HEADER[_byte] = _size
_PER_VALUE[0xDC] = _PER_VALUE[0xDD] = 1
_PER_VALUE[0xDE] = _PER_VALUE[0xDF] = 2
_UNUSED = 0xC1
_SHORT = re.compile(rb"[\x00-\x7f\x80\x90\xa0\xc0\xc2\xc3\xe0-\xff]*")  # values of one byte
_MANY = 64


class ScanError(NormalizerError):
    """The bytes are not msgpack, or nested deeper than any real record."""


class Scanner:
    """Finds the end of one value after the other in bytes that may still be arriving.

    ``at`` is the position after the last header read and the bytes it announces, whether these have come or
    not. ``values`` counts the values begun in the unfinished value.
    """

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.values = 0
        self._open: list[int] = []  # of each container that is not whole: how many values it still lacks
        self._begun = False

    def find_end(self, data: bytes | bytearray | memoryview, most: int = 1 << 62) -> int | None:
        """Return where the value ends; ``None`` where it is not whole, or after ``most`` values of it.

        Raises ``ScanError``.
        """
        size = len(data)
        while not self._begun or self._open:
            if self.at >= size or self.values >= most:
                return None
            if self._pass_short(data, most):
                continue
            first = data[self.at]
            behind = self.at + 1 + _HEADER[first]
            if behind > size:
                return None
            inside = _VALUES[first]
            if behind > self.at + 1:
                number = int.from_bytes(data[self.at + 1 : behind], "big")
                inside = number * _PER_VALUE[first]
                behind += 0 if _PER_VALUE[first] else number
            elif first == _UNUSED:
                raise ScanError("not msgpack: the byte 0xc1")
            self.at = behind + _FIXED[first]
            self._begin(inside)
        if self.at > size:
            return None
        self.values, self._begun = 0, False
        return self.at

    def _begin(self, inside: int) -> None:
        """Enter a value with ``inside`` values in it."""
        lacking = self._open
        self.values += 1
        if self._begun:
            lacking[-1] -= 1
        self._begun = True
        if inside:
            lacking.append(inside)
            if len(lacking) > DEEPEST:
                raise ScanError(f"not msgpack that is read: nested deeper than {DEEPEST} levels")
        while lacking and not lacking[-1]:
            lacking.pop()

    def _pass_short(self, data: bytes | bytearray | memoryview, most: int) -> bool:
        """Skip many values of one byte at once, where there are any."""
        lacking = self._open
        if not lacking or lacking[-1] <= _MANY:
            return False
        short = min(_count_short(data, self.at), lacking[-1], most - self.values)
        self.at += short
        self.values += short
        lacking[-1] -= short
        while lacking and not lacking[-1]:
            lacking.pop()
        return short > 0

    @property
    def lacks(self) -> int:
        """Return how many values are missing from the unfinished value at least; each is a byte or more."""
        return sum(self._open)

    def move(self, amount: int) -> None:
        """Adjust the position after ``amount`` bytes before it were removed."""
        self.at -= amount


def _count_short(data: bytes | bytearray | memoryview, at: int) -> int:
    found = _SHORT.match(data, at)
    assert found is not None  # it matches nothing too
    return found.end() - at
