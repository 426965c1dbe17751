"""The transcript as Retell keeps it, on a clock that counts spoken words instead of seconds."""

from __future__ import annotations

from typing import Any, Final

WORDS_PER_MINUTE: Final = 150
PAUSE_S: Final = 0.6
"""Between two speakers."""


class Transcript:
    """Who said what, word by word, with times in seconds of call audio; 150 words a minute."""

    def __init__(self, words_per_minute: int = WORDS_PER_MINUTE) -> None:
        self._word_s = 60 / words_per_minute
        self.clock_s = 0.0
        self.items: list[dict[str, Any]] = []
        self._last_from = 0

    def speak(self, role: str, text: str) -> None:
        """Append ``text``; a speaker who goes on without the other having spoken keeps one item."""
        words = text.split()
        if not words:
            return
        if not self.items or self.items[-1]["role"] != role:
            self.clock_s += PAUSE_S if self.items else 0.0
            self.items.append({"role": role, "content": "", "words": []})
        item = self.items[-1]
        self._last_from = len(item["words"])
        for word in words:
            start, self.clock_s = self.clock_s, self.clock_s + self._word_s
            item["words"].append({"word": word, "start": round(start, 3), "end": round(self.clock_s, 3)})
        item["content"] = f"{item['content']} {text.strip()}".strip()

    def cut_agent(self, words_heard: int) -> str:
        """Leave ``words_heard`` words of what the agent, if anyone, spoke last; returns its item's text."""
        if not self.items or self.items[-1]["role"] != "agent":
            return ""
        item, keep = self.items[-1], self._last_from + words_heard
        if keep < len(item["words"]):
            self.clock_s = item["words"][keep]["start"]
            item["words"] = item["words"][:keep]
            item["content"] = " ".join(word["word"] for word in item["words"])
        if not item["words"]:
            self.items.pop()
        return str(item["content"])

    def wait(self, seconds: float) -> None:
        """Let ``seconds`` of silence pass on the call's clock."""
        self.clock_s += seconds

    def wire(self) -> list[dict[str, Any]]:
        """A copy, as it goes into an event."""
        return [item | {"words": list(item["words"])} for item in self.items]
