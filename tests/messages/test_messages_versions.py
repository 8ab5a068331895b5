"""Sentences of another version of clpcore: from an old journal, or from another server."""

from __future__ import annotations

from clpcore import messages
from clpcore.model.reasons import Because


def test_a_sentence_with_other_arguments_is_shown_as_it_is() -> None:
    sentence = Because("op12", (("seconds", "5"),))  # this version's says ms
    assert messages.render(sentence) == "op12 seconds=5"
    assert messages.render(sentence, "ja") == "op12 seconds=5"
    assert isinstance(messages.remedy(sentence), str)
