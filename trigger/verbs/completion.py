"""``neo4j-backup completion``: print what makes a shell complete this command."""

import click
from click.shell_completion import get_completion_class

PROGRAM = "neo4j-backup"
VARIABLE = "_NEO4J_BACKUP_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@click.command("completion", short_help="Print what makes a shell complete this command.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> int:
    """Print the completion for SHELL.

    \b
    In ~/.bashrc:                    eval "$(neo4j-backup completion bash)"
    In ~/.zshrc, after compinit:     eval "$(neo4j-backup completion zsh)"
    In ~/.config/fish/config.fish:   neo4j-backup completion fish | source
    """
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"this release of click completes nothing in {shell}", context)
    click.echo(found(context.find_root().command, {}, PROGRAM, VARIABLE).source())
    return 0
