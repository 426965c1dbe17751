"""``python -m bench.voice [--quick]``: measure the voice line beside its peers; print and write tables."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy

from audio.mouth import SHORT_LEAD_S
from bench import interruptions
from bench.page import with_section
from bench.processes import ROOT
from bench.voice_hot import PEERS_PYTHON, QUICK, HotPlan, Subject, measure_hot, median, p10
from bench.voice_live import measure_live, median_ms
from tests.fakes.human_speech import PACKAGE, here

Table = list[tuple[str, ...]]
Live = dict[int, dict[str, list[float]]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.voice", description="Measure the voice line.")
    parser.add_argument("--quick", action="store_true", help="about two minutes; writes no file")
    quick: bool = parser.parse_args().quick
    if not here():
        print(f"bench: human speech is missing: apt-get install {PACKAGE}", file=sys.stderr)
        return 1
    if not PEERS_PYTHON.exists():
        print("bench: no peers: run `make bench-voice` to install them. Viva alone:", file=sys.stderr)

    def say(what: str) -> None:
        print(f"bench: {what} ...", file=sys.stderr)

    hot = measure_hot(QUICK if quick else HotPlan(), say)
    numbers, rounds = ((1, 10), 1) if quick else ((1, 10, 50), 2)
    live = asyncio.run(measure_live(numbers, rounds, say))
    say("what voice alone tells")
    tables = [
        cost_table(hot),
        barge_table(hot),
        interruptions.table(),
        live_table(live),
        memory_table(hot),
    ]
    for table in tables:
        print(_text(table), end="\n\n")
    if not quick:
        path = ROOT / "docs" / "benchmarks.md"
        before = path.read_text(encoding="utf-8") if path.exists() else "# Benchmarks\n"
        path.write_text(with_section(before, "voice", page(tables)), encoding="utf-8")
        print(f"written to {path.relative_to(ROOT)}")
    return 0


def _named(hot: list[Subject], name: str) -> Subject | None:
    return next((subject for subject in hot if subject.name == name), None)


def cost_table(hot: list[Subject]) -> Table:
    """(a) ratios are of medians, to each peer."""
    peers = [subject for subject in hot if not subject.name.startswith("Viva")]
    head = ("ms of CPU per second of sound, Silero on every window", "p10 / median")
    table: Table = [(*head, *(f"{peer.name} costs" for peer in peers))]
    for subject in hot:
        cells = [subject.name, f"{p10(subject.cost):.2f} / {median(subject.cost):.2f}"]
        for peer in peers:
            own = subject is peer or not subject.name.startswith("Viva")
            cells.append("" if own else f"{median(peer.cost) / median(subject.cost):.1f}×")
        table.append(tuple(cells))
    return table


def barge_table(hot: list[Subject]) -> Table:
    """(c) sound fed until the server acts on a voice over the interviewer's."""
    told = {
        ("Viva, 1 stream", "silent"): "Viva: `viva.pause`, playback stops",
        ("Viva, 1 stream", "sure"): "Viva: the reply is cut",
        ("pipecat", "silent"): "pipecat: its interruption, 0.2 s of voice (default)",
        ("livekit", "silent"): "livekit: 0.2 s of voice",
        ("livekit", "by default"): "livekit: 0.5 s of voice (default)",
    }
    table: Table = [("first frame with speech until", "ms of sound, median", "worst", "of")]
    for (name, what), text in told.items():
        subject = _named(hot, name)
        if subject is not None and (ms := subject.barge.get(what)):
            table.append((text, f"{median(ms):.0f}", str(max(ms)), str(len(ms))))
            if (name, what) == ("Viva, 1 stream", "silent"):
                ms = [one + int(SHORT_LEAD_S * 1000) for one in ms]
                text = "Viva, for a client that cannot pause: what it has is played out, at the latest"
                table.append((text, f"{median(ms):.0f}", str(max(ms)), str(len(ms))))
    return table


def live_table(live: Live) -> Table:
    """(b) above the configured silence."""
    names = list(dict.fromkeys(name for found in live.values() for name in found))
    table: Table = [("sessions", *(f"{name}, ms" for name in names), "Viva adds, ms", "turns each")]
    for sessions, found in live.items():
        ms = {name: median_ms(samples) for name, samples in found.items() if samples}
        cells = [f"{ms[name]:.0f}" if name in ms else "" for name in names]
        counts = " / ".join(str(len(samples)) for samples in found.values())
        table.append((str(sessions), *cells, f"{ms['Viva'] - ms['bare']:+.0f}", counts))
    return table


def memory_table(hot: list[Subject]) -> Table:
    """(d)"""
    table: Table = [("memory per session", "MB")]
    for subject in hot:
        if subject.kb_per_session is not None:
            table.append((subject.name.split(",")[0], f"{subject.kb_per_session / 1024:.2f}"))
    return table


def page(tables: list[Table]) -> str:
    cost, barge, voice, live, memory = map(_markdown, tables)
    return f"""## Voice

The voice line beside **pipecat** (FastAPI transport, protobuf, Silero in a `VADProcessor`) and
**livekit** (the Silero plugin of livekit-agents alone, without a room or a session around it), in one
run on one machine, each installed from its package into `.venv-bench-voice`.

```
make bench-voice
```

{cost}

Hot and closed loop: 160 ms of a quiet room go in to warm the caches that the others have taken, then 640 ms
on the clock (160 ms where many streams share a pass), then the next subject has its turn, and so on round by
round. Viva's way is the realtime line: protocol, ears, and one
network for all streams, with its gate off. Windows of several sessions that are due together are judged
together and cost less; a peer's do not. Targets: at most 2.0 ms,
pipecat at least 12×, livekit at least 5×; the rows show where they are met. The livekit rows hold
no transport.

{barge}

Counted in sound, not in time: 20 ms frames of human speech are fed one by one, each judged before the
next, until the server acts. A network and a busy machine come on top for all alike. Viva pauses at once
and makes sure afterwards; a cough is let go. At `viva.pause` the page's playback is silent from its next 128
samples on and keeps what waits. A client that does not know it (a stock client of the OpenAI protocol) is
sent sound at most 0.25 s ahead of what it plays; after the pause no more comes, so that it falls silent
when that is played out, and nothing is lost when playback goes on.
It learns of the interruption (`input_audio_buffer.speech_started`) with the cut.

{voice}

Why the cut waits for half a second of voice, or for words: voice alone does not tell a listener from
somebody who interrupts any sooner (`python -m bench.interruptions`). A rule at 0.25 s would cut the
interviewer off at nearly every "yeah"; the pause costs a moment instead.

{live}

Live: from the last frame with speech to the first frame of the reply, less the configured silence of
512 ms, on the candidates' own clock of frames sent. Viva is the whole server: REST, PostgreSQL, turn
loop, rule-based model, with a recogniser and a voice that take no time, and each
candidate answers every four seconds. Scoring is left to a worker in another process.
*Bare* is aiohttp with Silero on each window and a canned reply; *pipecat* is its FastAPI transport with
Silero in a `VADProcessor` and a canned reply, with sound as it is instead of protobuf, and is asked for
no more sessions than one core can hold. livekit-agents answers in a room of a LiveKit server only, and
is left out. Candidates send at ten moments of each 20 ms. Frames of 20 ms meet windows of 32 ms in eight
ways, worth up to 32 ms; turns begin in each equally often. Medians over all turns; target: not above
bare + 20 ms, and flat. From 100 open calls on Viva waits 0.02 ms for each, at most 8 ms, in which windows
of other calls come together.

{memory}

Growth of resident memory and swap with sessions of ten seconds of speech each, after as many were
opened before. Target: at
most 0.5 MB. Viva's sessions are lines and ears, without a recording, a recogniser or an interview's state.

{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, CPython
{platform.python_version()}.
{_versions()}
"""


def _versions() -> str:
    if not PEERS_PYTHON.exists():
        return "No peers were installed."
    code = (
        "import sys; from importlib.metadata import version as v; "
        "print(', '.join(f'{n} {v(n)}' for n in sys.argv[1:]))"
    )
    names = ("pipecat-ai", "livekit-agents", "livekit-plugins-silero", "onnxruntime")
    done = subprocess.run(
        [str(PEERS_PYTHON), "-c", code, *names], capture_output=True, text=True, check=True, timeout=60
    )
    return f"Peers: {done.stdout.strip()}."


def _text(table: Table) -> str:
    widths = [max(len(row[n]) for row in table) for n in range(len(table[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    )


def _markdown(table: Table) -> str:
    head, *body = table
    lines = [head, tuple("---" for _ in head), *body]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


if __name__ == "__main__":
    sys.exit(main())
