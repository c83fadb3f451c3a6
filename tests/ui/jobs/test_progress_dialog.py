"""The progress dialog: its text and its bar say the same."""

from __future__ import annotations

import re

import pytest
from PySide6.QtWidgets import QProgressBar, QWidget
from pytestqt.qtbot import QtBot

from lincae_studio.jobs import Progress, part_of, share_of
from lincae_studio.ui.jobs.background_job import BackgroundJob
from lincae_studio.ui.jobs.progress_dialog import ProgressDialog


@pytest.mark.parametrize(("done", "percent"), [(0, 0), (333, 33), (666, 66), (996, 99), (999, 99), (1000, 100)])
def test_text_and_bar_agree(qtbot: QtBot, done: int, percent: int) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    job = BackgroundJob(lambda _progress, _cancel: None, parent)
    dialog = ProgressDialog("Importing", job, parent)
    job.progressed.emit(Progress(done, 1000, "a.wav"))
    assert re.findall(r"(\d+) %", dialog.label.text()) == [str(percent)]
    assert 100 * dialog.bar.value() // dialog.bar.maximum() == percent
    assert not dialog.bar.isTextVisible(), "Qt would round it in its own way"
    job.ended.emit()
    assert parent.findChildren(QProgressBar) == [dialog.bar]


def test_without_a_total_the_bar_is_busy_and_the_text_names_no_percentage(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    job = BackgroundJob(lambda _progress, _cancel: None, parent)
    dialog = ProgressDialog("Adding", job, parent)
    job.progressed.emit(Progress(50, 100, "downloading"))
    job.progressed.emit(Progress(0, 0, "installing"))
    assert dialog.label.text() == "installing…"
    assert dialog.bar.maximum() == 0
    job.progressed.emit(Progress(50, 100, "checking"))
    assert (dialog.label.text(), dialog.bar.value()) == ("checking: 50 %", dialog.bar.maximum() // 2)
    job.ended.emit()


def test_parts_of_a_job_add_up_to_a_hundred_percent() -> None:
    seen: list[int] = []
    whole = share_of(lambda progress: seen.append(progress.percent), 0.5, 1.0)
    for number in range(3):
        step = part_of(whole, number, 3)
        for done in range(11):
            step(Progress(done, 10))
    assert seen == sorted(seen)
    assert (seen[0], seen[-2] < 100, seen[-1]) == (50, True, 100)
