"""Drive the servers over plain sockets: hot, one thing at a time, each server in turn, round by round."""

from __future__ import annotations

import contextlib
import resource
import statistics
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.processes import Desk, Fleet, Http, Server
from bench.talk import AGAIN, ANSWER, Call, Item, open_call, transcript, update

TRANSCRIPT_ITEMS: Final = 64
UPDATE_BYTES: Final = 5_000
UPDATES: Final = 40
TURNS: Final = 3
"""Measured turns per call, after one that warms the call up."""
REGISTERED_BEFORE: Final = 8
"""Rounds between a call's registration and its connection: some seconds, as with a page and Retell."""
IDLE_CALLS: Final = (1, 100, 1000)
MINUTES: Final = (1, 30, 120)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything; the quick plan shows the same in less time and less surely."""

    rounds: int = 60
    growth_rounds: int = 12
    starts: int = 7
    idle: tuple[int, ...] = IDLE_CALLS
    minutes: tuple[int, ...] = MINUTES
    peer_calls: int = 200


QUICK: Final = Plan(rounds=30, growth_rounds=2, starts=3, idle=(1, 50, 200), minutes=(1, 60), peer_calls=50)


@dataclass(frozen=True, slots=True)
class Figure:
    """p10 and median of samples in seconds."""

    p10: float
    median: float
    count: int

    @staticmethod
    def of(samples: Sequence[float]) -> Figure:
        ordered = sorted(samples)
        return Figure(ordered[len(ordered) // 10], statistics.median(ordered), len(ordered))


@dataclass(slots=True)
class Samples:
    """Per server, what was measured in the rounds, in seconds."""

    connect: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    complete: list[float] = field(default_factory=list)
    update: list[float] = field(default_factory=list)
    start: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Grown:
    """Viva at one size of a call or one number of calls; ``bare``: the bare server with the same bytes."""

    size: int
    first: list[float] = field(default_factory=list)
    update: list[float] = field(default_factory=list)
    bare_first: list[float] = field(default_factory=list)
    bare_update: list[float] = field(default_factory=list)
    update_bytes: int = 0


@dataclass(slots=True)
class Results:
    samples: dict[str, Samples]
    kb_per_call: dict[str, float] = field(default_factory=dict)
    minutes: list[Grown] = field(default_factory=list)
    calls: list[Grown] = field(default_factory=list)
    memory_before_kb: int = 0
    memory_live_kb: int = 0
    memory_after_kb: int = 0
    memory_again_kb: int = 0
    blocks: list[int] = field(default_factory=list)
    """In use by Viva's Python before, with live calls, after they were closed, and after as many again."""
    opened: int = 0
    seconds: float = 0.0


@contextlib.contextmanager
def fleet() -> Iterator[Fleet]:
    """Servers that are stopped, whatever happens."""
    opened = Fleet.open()
    try:
        yield opened
    finally:
        opened.close()


def measure(plan: Plan, say: Callable[[str], None]) -> Results:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 8192), hard), hard))
    began = time.perf_counter()
    results = Results({"Viva": Samples(), "demo": Samples(), "bare aiohttp": Samples()})
    with fleet() as servers:
        llm = servers.fake_llm()
        servers.viva(llm).stop()  # creates and migrates the database
        say("starts")
        _starts(plan, servers, llm, results)
        servers.open_database()
        viva, demo, bare = servers.viva(llm), servers.demo(llm), servers.bare()
        desk = Desk(Http(viva.port))
        say("rounds")
        _rounds(plan, (viva, demo, bare), desk, Http(llm.port), results)
        say("a call that grows")
        _growth(plan, viva, bare, desk, results)
        say("many calls")
        _crowd(plan, viva, desk, results)
        for peer in (demo, bare):
            results.kb_per_call[peer.name] = _peer_memory(plan, peer)
    results.seconds = time.perf_counter() - began
    return results


def _starts(plan: Plan, servers: Fleet, llm: Server, results: Results) -> None:
    starts: tuple[Callable[[], Server], ...] = (
        lambda: servers.viva(llm),
        lambda: servers.demo(llm),
        servers.bare,
    )
    for _ in range(plan.starts):
        for start in starts:
            server = start()
            results.samples[server.name].start.append(server.start_s)
            server.stop()


def grow(call: Call, items: int) -> list[Item]:
    """Talk until the transcript has ``items``, without the model; the transcript, its answer last."""
    talked = [call.said[0]]
    while len(talked) < items - 1:
        call.ask([{"role": "user", "content": AGAIN}])
        talked += [{"role": "user", "content": AGAIN}, call.said[-1]]
    return [*talked, {"role": "user", "content": ANSWER}]


def _rounds(
    plan: Plan, servers: tuple[Server, Server, Server], desk: Desk, llm: Http, results: Results
) -> None:
    registered = deque(desk.new_call() for _ in range(REGISTERED_BEFORE))
    asked_before, asked = llm.get("/count")["completions"], 0
    # A peer keeps nothing of a call; any transcript of Viva's size costs it the same.
    update_items = transcript(TRANSCRIPT_ITEMS, UPDATE_BYTES)
    peer_items = update_items
    for number in range(-2, plan.rounds):
        registered.append(desk.new_call())
        order = servers[number % 3 :] + servers[: number % 3]
        for server in order:
            is_viva = server.name == "Viva"
            call = open_call(server.port, registered.popleft() if is_viva else f"call_{number}")
            items = peer_items
            if is_viva:
                items = peer_items = grow(call, TRANSCRIPT_ITEMS)
            call.ask(items)
            turns = []
            for _ in range(TURNS):
                items = [*items, call.said[-1], {"role": "user", "content": ANSWER}] if is_viva else items
                turns.append(call.ask(items))
            cost = _update_cost(call, update(update_items))
            call.close()
            asked += 0 if server.name == "bare aiohttp" else 1 + TURNS
            if number < 0:
                continue
            into = results.samples[server.name]
            into.connect.append(call.first_response)
            into.first += [first for first, _ in turns]
            into.complete += [done for _, done in turns]
            into.update.append(cost)
    if llm.get("/count")["completions"] - asked_before != asked:
        raise RuntimeError("a reply was made without the model: the figures would not be comparable")


def _update_cost(call: Call, frame: bytes) -> float:
    """Seconds per update: those before a ping, less the ping itself."""
    call.echo()
    alone = min(call.echo() for _ in range(3))
    return max(0.0, (call.echo(frame * UPDATES) - alone) / UPDATES)


def _growth(plan: Plan, viva: Server, bare: Server, desk: Desk, results: Results) -> None:
    results.minutes = [Grown(minutes) for minutes in plan.minutes]
    for number in range(plan.growth_rounds):
        for grown in results.minutes:
            call = open_call(viva.port, desk.new_call())
            beside = open_call(bare.port, f"grown_{grown.size}_{number}")
            items = grow(call, 4 * grown.size + 2)
            for measured in range(-1, TURNS):
                first, same = call.ask(items)[0], beside.ask(items)[0]
                if measured >= 0:
                    grown.first.append(first)
                    grown.bare_first.append(same)
                if measured < TURNS - 1:
                    items = [*items, call.said[-1], {"role": "user", "content": ANSWER}]
            frame = update(items)
            grown.update_bytes = len(frame)
            for _ in range(3):
                grown.update.append(_update_cost(call, frame))
                grown.bare_update.append(_update_cost(beside, frame))
            call.close()
            beside.close()


def _crowd(plan: Plan, viva: Server, desk: Desk, results: Results) -> None:
    """Calls join one after another; one of them is talked to at each number."""
    results.opened = plan.idle[-1]
    # What grows once for all calls (arenas, pools, caches) is paid before the first reading.
    _open_and_close(viva, [desk.new_call() for _ in range(50)])
    ids = [desk.new_call() for _ in range(plan.idle[-1] + len(plan.idle))]
    _until_no_call_lives(viva)
    results.memory_before_kb = _settled(viva)
    results.blocks.append(_metric(viva, "viva_python_blocks"))
    calls: list[Call] = []
    frame = update(transcript(TRANSCRIPT_ITEMS, UPDATE_BYTES))
    for number in plan.idle:
        while len(calls) < number:
            calls.append(open_call(viva.port, ids.pop()))
        if number <= 200:
            results.kb_per_call["Viva"] = (_settled(viva) - results.memory_before_kb) / number
        grown = Grown(number, update_bytes=len(frame))
        talker = open_call(viva.port, ids.pop())
        items = grow(talker, TRANSCRIPT_ITEMS)
        talker.ask(items)
        for _ in range(4):
            items = [*items, talker.said[-1], {"role": "user", "content": ANSWER}]
            grown.first.append(talker.ask(items)[0])
        grown.update += [_update_cost(talker, frame) for _ in range(10)]
        talker.close()
        results.calls.append(grown)
    results.memory_live_kb = _settled(viva)
    results.blocks.append(_metric(viva, "viva_python_blocks"))
    results.kb_per_call["Viva"] = (results.memory_live_kb - results.memory_before_kb) / len(calls)
    for call in calls:
        call.close()
    _until_no_call_lives(viva)
    results.memory_after_kb = _settled(viva)
    results.blocks.append(_metric(viva, "viva_python_blocks"))
    _open_and_close(viva, [desk.new_call() for _ in range(results.opened)])
    _until_no_call_lives(viva)
    results.memory_again_kb = _settled(viva)
    results.blocks.append(_metric(viva, "viva_python_blocks"))


def _metric(server: Server, name: str) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=30.0) as answer:
        lines: list[str] = answer.read().decode().splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith(f"{name} "))))


def _until_no_call_lives(server: Server) -> None:
    """Calls end after their sockets, once their end is stored."""
    until = time.perf_counter() + 60.0
    while _metric(server, "viva_live_calls"):
        if time.perf_counter() > until:
            raise RuntimeError("calls live on after their sockets were closed")
        time.sleep(0.1)


def _open_and_close(server: Server, ids: Sequence[str]) -> None:
    for call in [open_call(server.port, call_id) for call_id in ids]:
        call.close()


def _peer_memory(plan: Plan, server: Server) -> float:
    _open_and_close(server, [f"warm_{number}" for number in range(min(20, plan.peer_calls))])
    before = _settled(server)
    calls = [open_call(server.port, f"idle_{number}") for number in range(plan.peer_calls)]
    per_call = (_settled(server) - before) / len(calls)
    for call in calls:
        call.close()
    return per_call


def _settled(server: Server) -> int:
    """KB once it has stopped changing, or after two seconds."""
    last, until = server.memory_kb(), time.perf_counter() + 2.0
    while time.perf_counter() < until:
        time.sleep(0.25)
        now = server.memory_kb()
        if abs(now - last) < 64:
            return now
        last = now
    return last
