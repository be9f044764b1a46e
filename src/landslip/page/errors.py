"""What the page refuses."""

from landslip.errors import LandslipError


class PageError(LandslipError):
    """The page refuses an upload or a task, in a sentence for the visitor."""


class UploadError(PageError):
    """An upload is too large, is not what it says, or is made to do harm."""


class QueueError(PageError):
    """There is no room for another task."""
