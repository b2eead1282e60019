"""What is asked in one turn of the event loop is worth asking at once."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Batcher(Generic[T]):
    """Hands over, at the end of the loop's turn, all that was added during it. For use from one loop."""

    def __init__(self, hand_over: Callable[[list[T]], None]) -> None:
        self._hand_over = hand_over
        self._gathered: list[T] = []

    def add(self, item: T) -> None:
        """To be handed over in a moment, in the order of addition."""
        if not self._gathered:
            asyncio.get_running_loop().call_soon(self.flush)
        self._gathered.append(item)

    def flush(self) -> None:
        """Hand over now what there is."""
        if self._gathered:
            gathered, self._gathered = self._gathered, []
            self._hand_over(gathered)
