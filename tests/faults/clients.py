"""A client of a server in processes of its own: pushes, pulls, and what refusals must say."""

from __future__ import annotations

from collections.abc import Iterable

from tests.faults.images import Asked, Image
from tests.wire.client import Answer, SocketWire


class Refused(Exception):
    """A request was answered by one of the statuses that were expected."""

    def __init__(self, asked: Asked, answer: Answer) -> None:
        super().__init__(f"{asked.method} {asked.target}: {answer.status}")
        self.asked = asked
        self.answer = answer


class Client:
    """Asks; an answer of a status in `refusals` is Refused, any other but the right one fails."""

    def __init__(self, host: str, refusals: Iterable[int] = ()) -> None:
        self._wire = SocketWire(host)
        self._refusals = frozenset(refusals)

    def ask(self, asked: Asked) -> Answer:
        answer = self._wire.ask(asked.method, asked.target, asked.headers, asked.body)
        if answer.status in self._refusals:
            assert answer.codes == ["UNAVAILABLE"], (asked, answer.body)
            raise Refused(asked, answer)
        assert answer.status == asked.takes, (asked, answer, answer.body)
        return answer

    def push(self, image: Image) -> None:
        location = self.ask(image.begin).location
        location = self.ask(image.append(location)).location
        self.ask(image.finish(location))
        self.ask(image.at_once)
        self.ask(image.tagged)

    def pull(self, image: Image) -> None:
        for asked, content in image.pulls:
            assert self.ask(asked).body == content

    def delete(self, image: Image) -> None:
        for asked in image.deletes:
            self.ask(asked)
