"""What the lab raises."""


class LabError(Exception):
    """The lab cannot do this; the text says what and why, `remedy` (or its end) the next step.

    Several problems are one a line.
    """

    def __init__(self, text: str, remedy: str = "") -> None:
        super().__init__(text)
        self.remedy = remedy


class LabGoneError(LabError):
    """There is no lab behind this directory, or it ended; `down` takes that for an answer."""


class LabFileError(LabError):
    """The lab file, or the configuration of the cluster, is wrong."""
