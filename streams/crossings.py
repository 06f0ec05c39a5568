"""Crossings: what is looked up across matters, as indexes over the rows (contract §3, rules.md).

Two things cross matters: a switch of CSBA bears on the account's questions that went to csba, and a case is compared
with the account's cases on the same subject. Each is found through an index, so that a line costs what it changes and
not what the account has. Derived from the rows, rebuilt at recovery; nothing here decides.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence

from streams.cases import CaseSummary

Question = tuple[int, str, int]
"""A question that went to csba: when it was asked (ms UTC), its thread's row, when csba had answered it."""


class QuestionsToCsba:
    """The questions of each account that went to csba, in the order in which they were asked."""

    __slots__ = ("_by_account", "_by_thread")

    def __init__(self) -> None:
        self._by_account: dict[str, list[Question]] = {}
        self._by_thread: dict[str, list[Question]] = {}

    def put(self, account: str, row_id: str, asked: Sequence[tuple[int, int]]) -> None:
        """A thread as it stands: for each question when it was asked and when csba had answered it."""
        if row_id in self._by_thread:
            self.drop(account, row_id)
        if asked:
            questions = self._by_account.setdefault(account, [])
            mine = self._by_thread[row_id] = [(asked_ms, row_id, answered_ms) for asked_ms, answered_ms in asked]
            for question in mine:
                insort(questions, question)

    def drop(self, account: str, row_id: str) -> None:
        """A thread is forgotten, or about to be put anew."""
        for question in self._by_thread.pop(row_id, ()):
            questions = self._by_account[account]
            del questions[bisect_left(questions, question)]
            if not questions:
                del self._by_account[account]

    def waiting(self, account: str, after_ms: int, until_ms: int) -> Iterator[str]:
        """The threads with a question asked after one instant and until another that csba had not answered by then."""
        questions = self._by_account.get(account, [])
        first, last = bisect_right(questions, (after_ms + 1,)), bisect_right(questions, (until_ms + 1,))
        for _, row_id, answered_ms in questions[first:last]:
            if answered_ms > until_ms:
                yield row_id


class CasesBySubject:
    """The cases of each account and subject; how one stands is kept where there is another to compare it with."""

    __slots__ = ("_cases",)

    def __init__(self) -> None:
        self._cases: dict[tuple[str, str], dict[str, CaseSummary | None]] = {}

    def put(self, account: str, subject: str, row_id: str) -> None:
        """A case on this subject has come, or has changed: how it stands is to be asked of its row again."""
        self._cases.setdefault((account, subject), {})[row_id] = None

    def drop(self, account: str, subject: str, row_id: str) -> None:
        """A case is forgotten, or on another subject now."""
        cases = self._cases[account, subject]
        del cases[row_id]
        if not cases:
            del self._cases[account, subject]

    def count(self, account: str, subject: str) -> int:
        """How many cases are known."""
        return len(self._cases.get((account, subject), ()))

    def of(self, account: str, subject: str) -> Mapping[str, CaseSummary | None]:
        """The cases by the ids of their rows, each with how it stands where that is known."""
        return self._cases.get((account, subject), {})

    def note(self, account: str, subject: str, row_id: str, summary: CaseSummary) -> None:
        """How a case stands, until it is put again."""
        self._cases[account, subject][row_id] = summary
