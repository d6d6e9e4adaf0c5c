"""A little of tests/interrupts.py: Ctrl-C at some moments, and at some of Python's steps."""

import os

import interrupts
import pytest

pytestmark = [
    pytest.mark.usefixtures("ctrl_c"),
    pytest.mark.skipif(os.name == "nt", reason="signals of POSIX"),
]


@pytest.mark.parametrize("name", interrupts.LONG)
def test_at_some_moments(name):
    for after_seconds in (0.003, 0.05):
        interrupts.press(interrupts.LONG[name], after_seconds)


@pytest.mark.parametrize("name", interrupts.STEPS)
def test_at_some_steps(name):
    assert interrupts.interrupt_everywhere(interrupts.STEPS[name], every=23)


@pytest.mark.parametrize("after_seconds", [0.5, 1.5])
def test_command_line(after_seconds, tmp_path):
    """So early that Python may still be starting, which says what it likes, and later."""
    code, _, said = interrupts.press_at_command(after_seconds, tmp_path)
    assert code in (130, -2, 1, 0), said


@pytest.mark.parametrize("name", interrupts.COMMANDS)
def test_command_line_at_work(name, tmp_path):
    """Files are whole, whether the signal came before they were written or after."""
    folder = tmp_path / "work"
    folder.mkdir()
    takes = interrupts.seconds_undisturbed(interrupts.COMMANDS[name], folder)
    for share in (0.3, 0.6, 0.9):
        code, _, said = interrupts.press_at_warm_command(
            interrupts.COMMANDS[name], share * takes, folder
        )
        assert code in (130, 0), said


def test_a_refused_training_leaves_the_other_its_history():
    network = interrupts.Network((2, 3, 1), seed=0)
    X, y = [[0.0, 1.0], [1.0, 0.0]], [0.0, 1.0]
    trainer = interrupts.Backprop(network)

    def again(trainer, history):
        with pytest.raises(RuntimeError, match="trained already"):
            trainer.train(X, y)

    history = trainer.train(X, y, epochs=3, callbacks=again)
    assert len(history) == 3
    assert trainer.history is history
