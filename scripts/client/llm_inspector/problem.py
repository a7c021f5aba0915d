"""InspectorProblem: what went wrong, in the server's own words."""

from __future__ import annotations

import json
from typing import Any, Mapping, Optional


class InspectorProblem(Exception):
    """A request that could not be done.

    Attributes:
        what: what is wrong; the other parts are None where the server gave none.
        where: the file, tensor, field, hook or request part that is wrong.
        expected: what would have been right.
        found: what was there.
        instead: what to do instead.
        status: the HTTP status; None when no server answered.
        kind: the problem's type, such as ``invalid`` or ``not_found``.
        retry_after: seconds to wait when the server is busy (429).
    """

    def __init__(
        self,
        what: str,
        where: Optional[str] = None,
        expected: Optional[str] = None,
        found: Optional[str] = None,
        instead: Optional[str] = None,
        *,
        status: Optional[int] = None,
        kind: Optional[str] = None,
        retry_after: Optional[float] = None,
        detail: Optional[str] = None,
    ) -> None:
        self.what = what
        self.where = where
        self.expected = expected
        self.found = found
        self.instead = instead
        self.status = status
        self.kind = kind
        self.retry_after = retry_after
        super().__init__(detail or _sentence(what, where, expected, found, instead))

    @classmethod
    def of(cls, problem: Mapping[str, Any], retry_after: Optional[float] = None) -> "InspectorProblem":
        """From the members of an RFC 9457 problem."""
        kind = str(problem.get("type", "")).rsplit("/", 1)[-1]
        return cls(
            str(problem.get("what") or problem.get("title") or problem.get("detail") or "the server refused"),
            problem.get("where"),
            problem.get("expected"),
            problem.get("found"),
            problem.get("instead"),
            status=problem.get("status"),
            kind=kind or None,
            retry_after=retry_after,
            detail=problem.get("detail"),
        )

    @classmethod
    def of_response(
        cls, status: int, body: bytes, url: str, retry_after: Optional[str] = None
    ) -> "InspectorProblem":
        """From an HTTP error, which is a problem unless something between us and the server answered."""
        seconds = float(retry_after) if retry_after and retry_after.isdigit() else None
        try:
            problem = json.loads(body)
        except ValueError:
            problem = None
        if not isinstance(problem, dict):
            return cls(
                f"HTTP {status}",
                url,
                "an answer of LLM Inspector",
                repr(body[:80].decode("utf-8", "replace")),
                "check the address",
                status=status,
                retry_after=seconds,
            )
        problem.setdefault("status", status)
        return cls.of(problem, seconds)


def _sentence(
    what: str, where: Optional[str], expected: Optional[str], found: Optional[str], instead: Optional[str]
) -> str:
    parts = [f"{what} ({where})" if where else what]
    if expected:
        parts.append(f"expected {expected}")
    if found:
        parts.append(f"found {found}")
    if instead:
        parts.append(instead)
    return "; ".join(parts)
