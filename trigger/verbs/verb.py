"""A verb of the command line: its errors, signals and defects become an answer and an exit code."""

import traceback

import click

from shared.errors import BackupError, InternalError
from trigger.interrupt import Interrupted, interruptible


class Verb(click.Command):
    """A command that gives its exit code."""

    def invoke(self, ctx: click.Context) -> int:
        """Run the verb; what it lets through is told here and nowhere else."""
        output = str(ctx.params.get("output"))
        try:
            with interruptible():
                return int(super().invoke(ctx))
        except Interrupted as interrupted:
            return interrupted.exit_code
        except (click.ClickException, click.exceptions.Exit):
            raise
        except BackupError as error:
            return _tell(error, output)
        except Exception as error:  # noqa: BLE001  # the one broad except: a defect has an exit code and an answer
            traceback.print_exc()
            hint = "This is a defect: please report it with the lines above."
            return _tell(InternalError(f"{type(error).__name__}: {error}", hint=hint), output)


def _tell(error: BackupError, output: str) -> int:
    from trigger.report import tell_error

    return tell_error(error, output)
