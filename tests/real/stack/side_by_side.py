"""Asks this service through nginx and OMERO.web itself the same, with the same cookies, and tabulates the answers."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

from tests.real.stack.comparing import Answer, Outcome
from tests.real.stack.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Self

    import httpx

    from tests.real.stack.cases import Case
    from tests.real.stack.running import Stack

#: who has a cookie that OMERO.web never gave to anybody
STRANGER = "stranger"

_NO_SESSION = "0" * 32


class SideBySide:
    """Users who are logged in at OMERO.web's login page, through nginx."""

    def __init__(self, stack: Stack, users: Iterable[str]) -> None:
        self._stack = stack
        self._cookies: dict[str | None, dict[str, str]] = {None: {}, STRANGER: {"sessionid": _NO_SESSION}}
        self._asking = Visitor(stack.address)
        for user in users:
            visitor = Visitor(stack.address)
            visitor.log_in(user)
            self._cookies[user] = {"sessionid": visitor.cookie}
            visitor.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._asking.close()

    def ask(self, case: Case) -> Outcome:
        """Both answers; images that are to have no settings have none at the beginning of either."""
        answers = []
        for address in (self._stack.address, self._stack.omeroweb.address):
            for image in case.renew:
                self._stack.omero.set_image(image, behaviour="missing settings")
            answers.append(Answer.of(self._send(address, case)))
        return Outcome(case, *answers)

    def _send(self, address: str, case: Case) -> httpx.Response:
        client = self._asking.client
        client.cookies.clear()
        client.cookies.update(self._cookies[case.user])
        headers = {"x-requested-with": "XMLHttpRequest"} if case.by_script else {}
        return client.request(case.method, address + case.path, headers=headers)


def table(outcomes: list[Outcome]) -> str:
    """How many were the same, and how many differ for which reason."""
    reasons = collections.Counter(
        outcome.case.differs.value if outcome.case.differs else "?" for outcome in outcomes if not outcome.is_same
    )
    same = sum(outcome.is_same for outcome in outcomes)
    lines = [f"{len(outcomes):5} asked", f"{same:5} answered the same"]
    lines += [f"{count:5} differ: {reason}" for reason, count in reasons.most_common()]
    return "\n".join(lines)


def differences(outcomes: list[Outcome]) -> str:
    """Every difference with both answers."""
    return "\n".join(str(outcome) for outcome in outcomes if not outcome.is_same)
