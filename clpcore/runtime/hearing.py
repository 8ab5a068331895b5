"""What other agents say beside the core's letters, handed to the one that it is for."""

from __future__ import annotations

import attrs

from clpcore.model.questions import AnswerPart, AskStatus, TakeNotice
from clpcore.model.revisions import Dispatch
from clpcore.runtime.operators.elsewhere import Elsewhere
from clpcore.runtime.revisions.steward import Steward


@attrs.frozen
class Hearing:
    """The ears of the member for what is not the core's."""

    steward: Steward
    elsewhere: Elsewhere

    @property
    def committed(self) -> str:
        """Give the name of the revision that this server has committed."""
        return self.steward.committed

    def heard(self, sender: str, name: str) -> None:
        """Hear which revision *sender* has committed."""
        self.steward.heard(sender, name)

    def take(self, sender: str, word: Dispatch) -> None:
        """Take what *sender* says, for its operators or for the configuration's life."""
        if isinstance(word, AskStatus | TakeNotice | AnswerPart):
            self.elsewhere.take(sender, word)
        else:
            self.steward.take(sender, word)
