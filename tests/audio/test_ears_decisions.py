"""Whatever is heard, recognised or said in whatever order: what the ears report remains a sound story."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from audio.ears import (
    InterruptionConfirmed,
    InterruptionDismissed,
    InterruptionSuspected,
    SilenceReached,
    SpeechDismissed,
    SpeechStarted,
    UtteranceEnded,
    UtteranceLikely,
)
from audio.endpointing import EndpointPolicy
from audio.hearing import CommitSegment, DropSegment, Hearing, OpenSegment, State, Step
from audio.stt import Heard
from audio.vad import WINDOW_MS

POLICY = EndpointPolicy(patience_ms=600, max_utterance_ms=8000, reminder_ms=3000)
TEXTS = [
    "",
    "mm-hm",
    "stop",
    "um",
    "I left because",
    "It was done.",
    "tell me about your work",
    "plain words here",
]

acts = st.lists(
    st.one_of(
        st.tuples(st.just("voice"), st.integers(1, 60)),
        st.tuples(st.just("silence"), st.integers(1, 90)),
        st.tuples(st.just("nothing"), st.integers(1, 5)),
        st.tuples(st.just("lost"), st.integers(1, 5)),
        st.tuples(st.just("agent"), st.sampled_from(["tell me about your work", None])),
        st.tuples(st.just("partial"), st.sampled_from(TEXTS)),
        st.tuples(st.just("words"), st.sampled_from([*TEXTS, None])),
        st.just(("done", None)),
    ),
    max_size=60,
)


class Story:
    """Plays acts to a `Hearing` and checks each step against what was reported before it."""

    def __init__(self) -> None:
        self.hearing = Hearing(POLICY, "en", self.tell)
        self.steps: list[Step] = []
        self.open: int | None = None
        self.waiting: list[int] = []
        self.floor = "nobody"
        self.likely: str | None = None

    def tell(self, step: Step) -> None:
        self.steps.append(step)
        match step:
            case OpenSegment(segment, windows):
                assert self.open is None
                assert windows >= 1
                self.open = segment
                self.waiting.append(segment)
            case CommitSegment(segment):
                assert segment == self.open
                self.open = None
            case DropSegment(segment):
                self.waiting.remove(segment)
                self.open = None if segment == self.open else self.open
            case SpeechStarted():
                assert self.floor in ("nobody", "suspected")
                self.floor = "candidate"
            case SpeechDismissed():
                assert self.floor == "candidate"
                self.floor = "nobody"
            case UtteranceEnded(text, _, start, end):
                assert self.floor == "candidate"
                assert text
                assert 0 <= start <= end <= self.hearing.at_ms
                self.floor = "nobody"
            case InterruptionSuspected():
                assert self.floor in ("nobody", "candidate")
                self.floor = "suspected"
            case InterruptionConfirmed():
                assert self.floor == "suspected"
                self.floor = "candidate"
            case InterruptionDismissed():
                assert self.floor == "suspected"
                self.floor = "nobody"
            case UtteranceLikely(text):
                assert self.floor == "candidate"
                assert text
            case SilenceReached(ms):
                assert self.floor == "nobody"
                assert ms >= POLICY.reminder_ms
            case _:
                pass

    def act(self, kind: str, what: object) -> None:
        match kind, what:
            case "voice" | "silence", int(windows):
                for _ in range(windows):
                    self.hearing.window(0.9 if kind == "voice" else 0.05)
            case "nothing", int(times):
                for _ in range(times):
                    self.hearing.nothing(250)
            case "lost", int(windows):
                self.hearing.lost(windows * WINDOW_MS)
            case "agent", (str() | None) as text:
                self.hearing.agent(text)
            case "partial", str(text) if self.waiting:
                self.hearing.partial(self.waiting[0], text)
            case "done", _:
                spoken = self.floor != "nobody"
                assert self.hearing.finish() == spoken
            case "words", (str() | None) as text:
                self.recognise(text)
            case _:
                pass

    def recognise(self, text: str | None) -> None:
        if self.waiting and self.waiting[0] != self.open:
            self.hearing.recognised(self.waiting.pop(0), None if text is None else Heard(text))


def test_voice_without_a_pause_is_recognised_in_parts_that_a_recogniser_can_take() -> None:
    story = Story()
    story.hearing = Hearing(EndpointPolicy(), "en", story.tell)
    story.act("voice", 90_000 // WINDOW_MS)
    opened = [step for step in story.steps if isinstance(step, OpenSegment)]
    assert len(opened) == 4
    assert [step.windows for step in opened[1:]] == [1, 1, 1]


@given(acts)
def test_the_story_makes_sense_and_comes_to_an_end(script: list[tuple[str, object]]) -> None:
    story = Story()
    for kind, what in script:
        story.act(kind, what)
    story.hearing.agent(None)
    for _ in range(400):  # quiet, and an engine that answers
        story.hearing.window(0.05)
        story.recognise("It was done.")
    assert story.floor == "nobody"
    assert story.hearing.state in (State.IDLE, State.DOUBTED)
    assert story.open is None


@given(acts)
def test_quiet_alone_settles_everything_but_words_that_never_come(script: list[tuple[str, object]]) -> None:
    story = Story()
    for kind, what in script:
        story.act(kind, what)
    for _ in range(400):
        story.hearing.window(0.05)
    assert story.floor == "nobody" or (story.floor == "candidate" and story.waiting)
