"""One connection, as the web server has it; it alone knows that what comes is no HTTP any more."""

from __future__ import annotations

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class Line(H11Protocol):
    """uvicorn's, which would answer twice where a body turns out to be none."""

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read; the request in work, if any, has lost its client by it."""
        if self.cycle and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()
