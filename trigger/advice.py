"""What to tell somebody who stops waiting before the backup's end: where the request stands, and what to type."""

from shared.errors import BackupError, TransportError, WaitTimedOut
from trigger.client import Standing
from trigger.commands import Commands


def advised(error: BackupError, standing: Standing, request_id: str, commands: Commands) -> BackupError:
    """Give an error of ours with where the request stands and how to ask; others as they are."""
    match error:
        case WaitTimedOut():
            return WaitTimedOut(f"{error.message}; the backup goes on", hint=next_steps(request_id, commands))
        case TransportError() if standing is Standing.UNASKED:
            return error
        case TransportError() if standing is Standing.NO:
            return TransportError(f"{error.message}. {where(standing, request_id)}", hint=error.hint)
        case TransportError():
            hint = f"{error.hint} Ask how it is: {commands.status(request_id)}".strip()
            return TransportError(f"{error.message}. {where(standing, request_id)}", hint=hint)
        case _:
            return error


def where(standing: Standing, request_id: str) -> str:
    """Say where the request stands; "" where nothing was asked for."""
    match standing:
        case Standing.UNASKED:
            return ""
        case Standing.NO:
            return f"The request {request_id} was not accepted"
        case Standing.MAYBE:
            return f"The request {request_id} may have been accepted"
        case Standing.YES:
            return f"The request {request_id} was accepted, and its backup goes on unless it has ended"


def next_steps(request_id: str, commands: Commands) -> str:
    """Say how to follow the request and how to cancel it."""
    return f"Follow it: {commands.follow(request_id)}; cancel it: {commands.cancel(request_id)}"
