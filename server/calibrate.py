"""``viva calibrate FILE.jsonl``: score a labelled set and say how far the judge agrees with its labels.

One JSON object a line: ``id``, ``question``, ``answer``; ``competency`` (text or list), ``type``, ``role``,
``looks_for`` (list), ``seconds``, ``time_limit_s`` and ``human`` (``{"overall": 0–100 or null}``) may be left
out. Needs no database; the judge is the one of ``VIVA_LLM``.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from agents.evaluator import EvaluatorAgent
from agents.llm import LLM, LlmError
from agents.llm_offline import OfflineLLM
from agents.prompts import preload_prompts
from interview.evaluation import AnswerCase, Evaluation
from interview.judging import not_assessed
from interview.judging_agreement import Agreement, Retest, agreement, retest
from interview.model import Question, QuestionType
from interview.rubric import Dimension, Rubric, parse_rubrics
from server.settings import Settings
from storage.question_files import read_rubric_file

AT_ONCE: Final = 4
"""Answers judged at the same time; each asks for all its readings at once."""
MAX_LINE: Final = 200_000
Rubrics = Mapping[Dimension, Rubric]


class CalibrationError(Exception):
    """The file cannot be used; the text names the line and says what to change."""


class Human(msgspec.Struct):
    overall: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None


class Row(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1)]
    question: str
    answer: str
    competency: str | list[str] = ""
    type: QuestionType = QuestionType.BEHAVIORAL
    role: str = ""
    language: str = "en"
    looks_for: list[str] = []
    seconds: Annotated[float, msgspec.Meta(ge=0)] | None = None
    time_limit_s: Annotated[int, msgspec.Meta(gt=0)] = 120
    human: Human | None = None
    group: str = ""

    def case(self) -> AnswerCase:
        competencies = [self.competency] if isinstance(self.competency, str) else self.competency
        question = Question(
            id=self.id,
            text=self.question,
            type=self.type,
            block=None,
            persona="hr",
            competencies=tuple(name for name in competencies if name),
            looks_for=tuple(self.looks_for),
            time_limit_s=self.time_limit_s,
        )
        return AnswerCase(question, self.answer, (), self.seconds, self.role, self.language)


@dataclass(frozen=True, slots=True)
class Report:
    """Rows with what became of them, in the order of the file. ``model`` names the judge."""

    rows: Sequence[tuple[Row, Evaluation]]
    agreement: Agreement
    retest: Retest
    model: str

    def as_data(self) -> dict[str, Any]:
        predictions = [
            {
                "id": row.id,
                "overall": found.overall,
                "confidence": found.confidence.value,
                "flags": list(found.flags),
                "dimensions": {verdict.dimension.value: verdict.value for verdict in found.verdicts},
            }
            for row, found in self.rows
        ]
        figures = {**asdict(self.agreement), "test_retest": asdict(self.retest)}
        return {"predictions": predictions, "agreement": figures, "judge": self.model}


def read_rows(lines: Iterable[str]) -> list[Row]:
    """The rows of a file; empty lines do not count.

    Raises:
        CalibrationError: a line is not such a row, an id occurs twice, or there is no row.
    """
    rows: dict[str, Row] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if len(line) > MAX_LINE:
            raise CalibrationError(f"line {number}: longer than {MAX_LINE} characters")
        try:
            row = msgspec.json.decode(line, type=Row)
        except (msgspec.MsgspecError, UnicodeError) as wrong:
            raise CalibrationError(
                f"line {number}: {wrong}; a line is one JSON object with id, question, answer and, when "
                "known, competency and human.overall"
            ) from None
        if row.id in rows:
            raise CalibrationError(f"line {number}: the id {row.id!r} occurs twice; give every row its own")
        rows[row.id] = row
    if not rows:
        raise CalibrationError("no rows; expected one JSON object a line")
    return list(rows.values())


def read_rubrics() -> Rubrics:
    """What judging needs from files: rubrics, and prompts, which are kept. Blocks; call it off the loop."""
    preload_prompts()
    return parse_rubrics(read_rubric_file())


async def judge_rows(
    llm: LLM,
    rubrics: Rubrics,
    rows: Sequence[Row],
    samples: int,
    on_done: Callable[[int], None] = lambda _: None,
) -> Report:
    """Score every row, a few at a time. One whose judge fails gets no score and the flag ``judge_failed``."""
    agent = EvaluatorAgent(llm, rubrics, samples=samples, judge_name="calibrate")
    places, done = asyncio.Semaphore(AT_ONCE), 0

    async def one(row: Row) -> Evaluation:
        nonlocal done
        async with places:
            try:
                found = await agent.evaluate(row.case())
            except LlmError as failure:
                found = not_assessed(f"the judge failed: {failure.why}", ["judge_failed"])
        done += 1
        on_done(done)
        return found

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(row), name=f"calibrate {row.id}") for row in rows]
    judged = list(zip(rows, (task.result() for task in tasks), strict=True))
    pairs = [
        (float(found.overall), row.human.overall)
        for row, found in judged
        if found.overall is not None and row.human is not None and row.human.overall is not None
    ]
    totals = [found.provenance.get("totals", ()) for _, found in judged]
    return Report(judged, agreement(pairs), retest(samples, totals), llm.model)


@asynccontextmanager
async def _judge(settings: Settings) -> AsyncIterator[LLM]:
    if settings.llm == ("offline",):
        yield OfflineLLM()
        return
    # Loaded only when a vendor is asked: the offline judge starts at once.
    import time

    import aiohttp

    from server.providers import build_llm

    async with aiohttp.ClientSession() as session:
        llm = build_llm(settings, session, time.monotonic, lambda _adapter, _why: None)
        try:
            yield llm
        finally:
            await llm.aclose()


async def calibrate(
    settings: Settings, rubrics: Rubrics, rows: Sequence[Row], samples: int, json_out: bool
) -> int:
    """Score, report on stdout, progress on stderr; 1 when a row could not be judged."""
    async with _judge(settings) as llm:
        report = await judge_rows(llm, rubrics, rows, samples, _progress(len(rows)))
    if json_out:
        sys.stdout.write(json.dumps(report.as_data(), ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(render(report))
    failed = sum("judge_failed" in found.flags for _, found in report.rows)
    if failed:
        sys.stderr.write(f"viva: {failed} of {len(rows)} rows could not be judged; run `viva doctor`.\n")
    return 1 if failed else 0


def _progress(total: int) -> Callable[[int], None]:
    on_screen = sys.stderr.isatty()
    step = max(1, total // 10)

    def show(done: int) -> None:
        if on_screen:
            sys.stderr.write(f"\rjudged {done} of {total}" + ("\n" if done == total else ""))
            sys.stderr.flush()
        elif done % step == 0 or done == total:
            sys.stderr.write(f"judged {done} of {total}\n")

    return show


def render(report: Report) -> str:
    """A table of rows, then the figures."""
    wide = max(len("id"), *(len(row.id) for row, _ in report.rows))
    lines = [f"{'id':<{wide}}  judge  human  confidence  flags"]
    for row, found in report.rows:
        ours = "–" if found.overall is None else str(found.overall)
        human = "" if row.human is None else "–" if row.human.overall is None else f"{row.human.overall:g}"
        flags = ", ".join(found.flags)
        lines.append(
            f"{row.id:<{wide}}  {ours:>5}  {human:>5}  {found.confidence.value:<10}  {flags}".rstrip()
        )
    lines.append("")
    for group in dict.fromkeys(row.group for row, _ in report.rows if row.group):
        scores = [f.overall for row, f in report.rows if row.group == group and f.overall is not None]
        count = sum(row.group == group for row, _ in report.rows)
        spread = f"{min(scores)} to {max(scores)}, mean {sum(scores) / len(scores):.0f}" if scores else "none"
        lines.append(f"{group}: {count} rows, scores {spread}")
    figures, again = report.agreement, report.retest
    lines += [
        f"judge: {report.model}",
        f"scored by both: {figures.n}",
        f"quadratic weighted kappa (five levels): {_figure(figures.qwk)}",
        f"Spearman: {_figure(figures.spearman)}",
        f"mean absolute error: {_figure(figures.mae)} points",
        f"order accuracy: {_figure(figures.order_accuracy)} of {figures.order_pairs} pairs",
        f"test-retest, {again.samples} readings of {again.answers} answers: "
        f"mean spread {_figure(again.mean_spread)}, largest {_figure(again.max_spread)} points",
    ]
    return "\n".join(lines) + "\n"


def _figure(value: float | None) -> str:
    return "not enough rows" if value is None else f"{value:g}"


def read_file(path: Path) -> list[Row]:
    """`read_rows` of a file.

    Raises:
        CalibrationError: the file cannot be read, or `read_rows` refuses it.
    """
    try:
        text = path.read_text("utf-8-sig")
    except OSError as wrong:
        raise CalibrationError(f"cannot read {path}: {wrong.strerror}") from None
    except UnicodeDecodeError as wrong:
        line = path.read_bytes()[: wrong.start].count(b"\n") + 1
        raise CalibrationError(f"{path} line {line}: not UTF-8; save the file as UTF-8") from None
    try:
        return read_rows(text.split("\n"))
    except CalibrationError as wrong:
        raise CalibrationError(f"{path} {wrong}") from None
