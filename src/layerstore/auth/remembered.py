"""What was found right a moment ago, so that bcrypt runs once a minute and not once a request.

What is kept tells nobody a password or a token: a MAC under a key of this process. Failures are not
kept.
"""

import hmac
from collections import OrderedDict
from typing import Final

from layerstore.clock import Clock

SECONDS_REMEMBERED: Final = 60.0
SUCCESSES_MAX: Final = 4096

_KEY_BYTES: Final = 32


class Remembered:
    """Which credentials fitted which line of a file within the last minute (decisions 15)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._key = clock.token(_KEY_BYTES)
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def key(self, *parts: bytes) -> bytes:
        """Stands for what fits together: a change in any part is another key.

        Every part is measured, so that no two rows of parts read alike.
        """
        text = b"".join(len(part).to_bytes(8) + part for part in parts)
        return hmac.digest(self._key, text, "sha256")

    def knows(self, key: bytes) -> bool:
        """Whether these fitted within the last minute."""
        return self._until.get(key, 0.0) > self._clock.monotonic()

    def add(self, key: bytes) -> None:
        """They fit now."""
        self._until[key] = self._clock.monotonic() + SECONDS_REMEMBERED
        self._until.move_to_end(key)
        if len(self._until) > SUCCESSES_MAX:
            self._until.popitem(last=False)
