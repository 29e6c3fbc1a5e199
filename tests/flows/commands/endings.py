"""Runs a command as the shell would, and says how it ended."""

from django.core.management import get_commands, load_command_class


def run(capsys, name, *arguments):
    """Returns exit code, standard output and standard error. Needs transaction=True."""
    command = load_command_class(get_commands()[name], name)
    try:
        command.run_from_argv(["manage.py", name, *map(str, arguments)])
    except SystemExit as ending:
        code = ending.code or 0
    else:
        code = 0
    said = capsys.readouterr()
    return code, said.out, said.err
