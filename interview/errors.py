"""Everything the domain refuses, in one tree.

InterviewError
├── IllegalTransition   a session, stage or floor asked to go where no arrow leads
├── IllegalEvent        an event that cannot happen in the floor's present state
├── InvalidBank         a question bank or rubric file that breaks its own rules
└── InvalidPlan         an interview that cannot be planned (no blocks, no time)
"""


class InterviewError(Exception):
    """Base of all domain errors; the text never holds a candidate's words or name."""


class IllegalTransition(InterviewError):
    """The named state has no arrow for the named move. Nothing was changed."""

    def __init__(self, machine: str, state: str, move: str) -> None:
        super().__init__(f"{machine}: no way from {state} by {move}")
        self.machine, self.state, self.move = machine, state, move


class IllegalEvent(IllegalTransition):
    """An event reached the floor in a state in which it cannot happen."""


class InvalidBank(InterviewError):
    """A bank file is wrong; the text names file, item and rule."""


class InvalidPlan(InterviewError):
    """The wishes cannot be made into an interview; the text says which and what to change."""
