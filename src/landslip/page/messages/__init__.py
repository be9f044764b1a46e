"""All text of the page, in English. Braces are filled in where a text is shown."""

from landslip.page.messages.inputs import *  # noqa: F403
from landslip.page.messages.other_views import *  # noqa: F403
from landslip.page.messages.outcome import *  # noqa: F403
from landslip.page.messages.refusals import *  # noqa: F403
