"""What the lab raises."""


class LabError(Exception):
    """The lab cannot do this; the text says what, why and the next step."""


class LabGoneError(LabError):
    """There is no lab behind this directory, or it ended; `down` takes that for an answer."""


class LabFileError(LabError):
    """The lab file is wrong; one problem a line."""
