"""What the window says and asks: messages over its lower edge, questions, and uncaught exceptions. Main thread."""

from lincae_studio.ui.notify.hooks import install_hooks
from lincae_studio.ui.notify.messages import ENGINE, OUTCOME, REFUSAL, MessageBar
from lincae_studio.ui.notify.questions import ask_to_save, confirm, confirm_replacing

__all__ = ["ENGINE", "OUTCOME", "REFUSAL", "MessageBar", "ask_to_save", "confirm", "confirm_replacing", "install_hooks"]
