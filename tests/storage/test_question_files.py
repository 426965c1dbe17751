from __future__ import annotations

from storage.question_files import read_bank_files, read_rubric_file


def test_bank_and_rubrics_are_read_from_the_package() -> None:
    shared, roles = read_bank_files()
    assert shared
    assert roles
    assert all(roles)
    assert read_rubric_file()
