"""A draft of one of the state's mappings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

import attrs

K = TypeVar("K")
V = TypeVar("V")


class Table(Generic[K, V]):
    """A mapping that is copied at its first change. *stir* hears of every key that changes."""

    __slots__ = ("_draft", "_now", "_stir", "touched")

    def __init__(self, base: Mapping[K, V], stir: Callable[[K], None] | None = None) -> None:
        self._now = base
        self._draft: dict[K, V] | None = None
        self._stir = stir
        self.touched: set[K] = set()  # only ever asked for membership or sorted

    def __getitem__(self, key: K) -> V:
        return self._now[key]

    def __contains__(self, key: object) -> bool:
        return key in self._now

    def __iter__(self) -> Iterator[K]:
        return iter(tuple(self._now))

    def __len__(self) -> int:
        return len(self._now)

    def get(self, key: K) -> V | None:
        """Give the value, or None."""
        return self._now.get(key)

    def items(self) -> tuple[tuple[K, V], ...]:
        """Give a stable copy of the pairs."""
        return tuple(self._now.items())

    def put(self, key: K, value: V) -> None:
        """Set, if it is a change."""
        if key in self._now and self._now[key] == value:
            return
        self._writable(key)[key] = value

    def drop(self, key: K) -> None:
        """Remove, if it is there."""
        if key in self._now:
            del self._writable(key)[key]

    def change(self, key: K, **changes: Any) -> V:  # noqa: ANN401 - as attrs.evolve
        """Evolve the attrs value at *key*; give the new one."""
        value = attrs.evolve(self._now[key], **changes)  # type: ignore[misc]
        self.put(key, value)
        return value

    def value(self) -> Mapping[K, V]:
        """Give the mapping as it stands; the base itself when nothing changed."""
        return self._now

    def _writable(self, key: K) -> dict[K, V]:
        self.touched.add(key)
        if self._stir is not None:
            self._stir(key)
        if self._draft is None:
            self._draft = dict(self._now)
            self._now = self._draft
        return self._draft
