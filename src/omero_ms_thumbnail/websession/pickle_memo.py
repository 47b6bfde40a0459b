"""The memo of a pickle: a list as long as the pickler numbers its values one by one, a dict for what else there is."""

from __future__ import annotations


class Memo:
    """Values by number. What is not there raises KeyError or IndexError.

    `dense` has those from 0 on. is_sparse says that there are others, as cPickle of Python 2 counts from 1: then nobody
    may use `dense` by itself.
    """

    __slots__ = ("_others", "dense", "is_sparse")

    def __init__(self) -> None:
        self.dense: list[object] = []
        self.is_sparse = False
        self._others: dict[int, object] = {}

    def __len__(self) -> int:
        return len(self.dense) + len(self._others)

    def put(self, index: int, value: object) -> bool:
        """Keep the value by its number; whether it is one among others, which take more memory."""
        if index < len(self.dense):
            self.dense[index] = value
        elif index == len(self.dense) and not self.is_sparse:
            self.dense.append(value)
        else:
            self.is_sparse = True
            self._others[index] = value
            return True
        return False

    def get(self, index: int) -> object:
        """The value of that number."""
        return self.dense[index] if index < len(self.dense) else self._others[index]
