"""The command line: ``viva serve``, ``viva worker``, ``viva jobs``, ``viva doctor`` and the others."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

import uvloop

from server.settings import Settings, SettingsError, ensure_secret, load_settings

COLLECT_AT: Final = (5_000, 10, 10)
"""Objects made before the youngest are looked through, and how many such looks make an older one."""


def main(argv: Sequence[str] | None = None) -> int:
    """Parse and run; the exit code is 0, or 1 for trouble that was explained, or 2 for wrong usage."""
    arguments = _parser().parse_args(argv)
    # Before numpy is loaded: voice detection's matrices are small, a second thread takes others' core.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        code: int = arguments.run(arguments)
    except SettingsError as wrong:
        return _say(str(wrong))
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="viva",
        description="Mock job interviews by voice, self-hosted.",
        epilog="Settings come from the environment or from .env; `viva doctor` says what they amount to.",
    )
    parser.add_argument("--version", action=_Version, help="print the version")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _command(commands, "serve", "run the server").set_defaults(run=_serve)
    _command(commands, "migrate", "bring the database to this version").set_defaults(run=_migrate)
    worker = _command(commands, "worker", "score and analyse, beside a server with its own database")
    worker.set_defaults(run=_worker)
    _add_jobs(_command(commands, "jobs", "look at the queue of jobs; run failed ones again"))
    doctor = _command(commands, "doctor", "say what is configured, reachable, and used instead")
    doctor.add_argument("--json", action="store_true", help="print the findings as JSON")
    doctor.set_defaults(run=_doctor)
    _add_models(_command(commands, "models", "the models for local speech: list, fetch"))
    calibrate = _command(commands, "calibrate", "score a labelled set of answers, report agreement")
    calibrate.add_argument(
        "file", type=Path, metavar="FILE.jsonl", help="one answer a line, see docs/scoring.md"
    )
    calibrate.add_argument("--samples", type=_samples, default=3, help="readings of each answer (1 to 15)")
    calibrate.add_argument("--json", action="store_true", help="print predictions and agreement as JSON")
    calibrate.set_defaults(run=_calibrate)
    simulate = _command(commands, "simulate", "play the other side of a call")
    kinds = simulate.add_subparsers(required=True, metavar="KIND")
    retell = _command(kinds, "retell", "play Retell, in text, against a running server")
    retell.add_argument("--url", required=True, help="e.g. ws://127.0.0.1:8080/llm-websocket")
    retell.add_argument("--session", help="id of an interview to hold; else a general practice interview")
    retell.add_argument("--minutes", type=float, default=30.0, help="when the candidate has to leave")
    retell.add_argument("--interrupt", action="store_true", help="talk over the interviewer now and then")
    retell.add_argument("--drop", action="store_true", help="lose the connection once")
    retell.add_argument("--interactive", action="store_true", help="type the answers yourself")
    retell.add_argument("--json", action="store_true", help="print the summary as JSON")
    retell.set_defaults(run=_simulate_retell)
    _add_candidate(_command(kinds, "candidate", "play a candidate, by voice, against a running server"))
    return parser


def _command(commands: Any, name: str, does: str) -> argparse.ArgumentParser:
    """A command that says what it ``does`` in the list of commands and in its own help."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=does, description=f"{does[0].upper()}{does[1:]}."
    )
    return parser


class _Version(argparse.Action):
    def __init__(self, option_strings: Sequence[str], dest: str, **more: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **more)

    def __call__(self, *_: Any) -> None:
        from importlib.metadata import version

        sys.stdout.write(f"viva {version('viva')}\n")
        sys.exit(0)


def _add_candidate(candidate: argparse.ArgumentParser) -> None:
    candidate.add_argument("--url", required=True, help="e.g. http://127.0.0.1:8080")
    candidate.add_argument("--session", help="id of an interview to hold; else a new one is made")
    candidate.add_argument("--minutes", type=int, default=5, help="length of a new interview (default: 5)")
    candidate.add_argument("--script", type=Path, metavar="FILE", help="JSON lines: see docs/simulating.md")
    candidate.add_argument("--barge-in", action="store_true", help="talk over every third reply")
    candidate.add_argument("--mumble", action="store_true", help="mumble now and then")
    candidate.add_argument("--drop", action="store_true", help="lose the connection once")
    candidate.add_argument("--speed", type=_speed, default=1.0, help="answer faster than real time, up to 4")
    candidate.add_argument("--out", type=Path, metavar="WAV", help="keep what was said and heard")
    candidate.add_argument("--json", action="store_true", help="print the summary as JSON")
    candidate.set_defaults(run=_simulate_candidate)


def _speed(text: str) -> float:
    number = float(text)
    if not 1.0 <= number <= 4.0:
        raise argparse.ArgumentTypeError("must be 1 to 4")
    return number


def _add_models(models: argparse.ArgumentParser) -> None:
    actions = models.add_subparsers(required=True, metavar="ACTION")
    listing = _command(actions, "list", "what there is and what is here")
    listing.add_argument("--json", action="store_true", help="print the list as JSON")
    listing.set_defaults(run=_models_list)
    pull = _command(actions, "pull", "fetch one; goes on where an earlier attempt ended")
    pull.add_argument("name", metavar="NAME")
    pull.add_argument("--minutes", type=float, default=60.0, help="give up after so many (default: 60)")
    pull.add_argument("--json", action="store_true", help="print the outcome as JSON")
    pull.set_defaults(run=_models_pull)


def _add_jobs(jobs: argparse.ArgumentParser) -> None:
    actions = jobs.add_subparsers(metavar="ACTION")
    listing = _command(actions, "list", "what waits, runs or has failed (the default)")
    listing.add_argument("--failed", action="store_true", help="only what has failed")
    show = _command(actions, "show", "one job")
    show.add_argument("id", type=int, metavar="ID")
    retry = _command(actions, "retry", "run failed jobs again: those named, else all")
    retry.add_argument("ids", type=int, nargs="*", metavar="ID")
    for action, name in ((jobs, "list"), (listing, "list"), (show, "show"), (retry, "retry")):
        action.add_argument("--json", action="store_true", help="print JSON")
        action.set_defaults(run=_jobs, action=name)
    jobs.set_defaults(failed=False)


def _settings() -> Settings:
    return load_settings(os.environ, Path(".env"))


def _run(work: Coroutine[Any, Any, int]) -> int:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _say(text: str) -> int:
    sys.stderr.write(f"viva: {text}\n")
    return 1


def _serve(_: argparse.Namespace) -> int:
    from server.logs import configure_logging
    from storage.ports import StorageError

    settings = ensure_secret(_settings())
    configure_logging(settings)
    try:
        return _run(_serving(settings))
    except StorageError as wrong:
        return _say(str(wrong))
    except OSError as wrong:
        return _say(
            f"cannot listen on {settings.host}:{settings.port} ({wrong.strerror}); set another VIVA_PORT."
        )


async def _serving(settings: Settings) -> int:
    from server.app import serving

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serving(settings) as viva:
        # What is loaded by now stays: a collector that looks through it again and again stops every call.
        gc.freeze()
        gc.set_threshold(*COLLECT_AT)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        sys.stdout.write(f"viva: ready on http://{host}:{viva.port}\n")
        sys.stdout.flush()
        await stop.wait()
    return 0


def _worker(_: argparse.Namespace) -> int:
    from server.logs import configure_logging
    from storage.ports import StorageError

    settings = _settings()
    if settings.database_url is None:
        return _say(
            "with the embedded database, viva serve does the jobs itself; "
            "set VIVA_DATABASE_URL to run workers beside it."
        )
    configure_logging(settings)
    try:
        return _run(_working(settings, settings.database_url))
    except StorageError as wrong:
        return _say(str(wrong))


async def _working(settings: Settings, dsn: str) -> int:
    from server.worker_app import open_worker

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_worker(settings, dsn):
        sys.stdout.write("viva: worker ready\n")
        sys.stdout.flush()
        await stop.wait()
    return 0


def _jobs(arguments: argparse.Namespace) -> int:
    from server.jobs_cli import look_at_jobs
    from storage.ports import StorageError

    try:
        return _run(look_at_jobs(_settings(), arguments, sys.stdout))
    except StorageError as wrong:
        return _say(str(wrong))


def _migrate(_: argparse.Namespace) -> int:
    from storage.embedded import EmbeddedPostgres
    from storage.migrate import migrate
    from storage.ports import StorageError

    settings = _settings()

    async def work() -> int:
        if settings.database_url is not None:
            applied = await migrate(settings.database_url)
        else:
            async with EmbeddedPostgres(settings.data_dir) as dsn:
                applied = await migrate(dsn)
        sys.stdout.write(f"viva: applied {', '.join(applied)}\n" if applied else "viva: nothing to apply\n")
        return 0

    try:
        return _run(work())
    except StorageError as wrong:
        return _say(str(wrong))


def _doctor(arguments: argparse.Namespace) -> int:
    from server.doctor import examine, render

    findings = _run_findings(examine(_settings()))
    if arguments.json:
        sys.stdout.write(json.dumps([f.as_data() for f in findings], indent=2) + "\n")
    else:
        sys.stdout.write(render(findings))
    return 0 if all(f.ok for f in findings) else 1


def _run_findings(work: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _models_list(arguments: argparse.Namespace) -> int:
    from server.models_cli import list_models

    return list_models(_settings(), json_out=arguments.json)


def _models_pull(arguments: argparse.Namespace) -> int:
    from server.models_cli import pull_model

    return _run(
        pull_model(_settings(), arguments.name, deadline_s=arguments.minutes * 60, json_out=arguments.json)
    )


def _samples(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 15:
        raise argparse.ArgumentTypeError("must be 1 to 15")
    return number


def _calibrate(arguments: argparse.Namespace) -> int:
    from server.calibrate import CalibrationError, calibrate, read_file, read_rubrics

    try:
        rows = read_file(arguments.file)
    except CalibrationError as wrong:
        return _say(str(wrong))
    return _run(calibrate(_settings(), read_rubrics(), rows, arguments.samples, arguments.json))


def _simulate_retell(arguments: argparse.Namespace) -> int:
    from server.simulate.main import simulate_retell

    return _run(
        simulate_retell(
            arguments.url,
            minutes=arguments.minutes,
            interrupt=arguments.interrupt,
            drop=arguments.drop,
            interactive=arguments.interactive,
            json_out=arguments.json,
            metadata={"session_id": arguments.session} if arguments.session else None,
        )
    )


def _simulate_candidate(arguments: argparse.Namespace) -> int:
    from server.simulate.candidate import simulate_candidate

    return _run(
        simulate_candidate(
            arguments.url,
            session_id=arguments.session,
            minutes=arguments.minutes,
            script=arguments.script,
            barge_in=arguments.barge_in,
            mumble=arguments.mumble,
            drop=arguments.drop,
            speed=arguments.speed,
            out=arguments.out,
            json_out=arguments.json,
        )
    )


if __name__ == "__main__":
    sys.exit(main())
