"""mail_test.py: a test with real mail software in namespaces, from the command line to the exit status."""

import argparse
import pathlib
import shutil
import tempfile

import mail_software
import span_net as net

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / "build-mail-software"
SKIP = 77


def keep(folder, target):
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("memory", "queue", "spool", "*.key"))
    print("kept in", target)


def main(name, description, names, run_test, well):
    """run_test(program, folder) returns the problems; names: the text of /etc/hosts; well: what is said without problems."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=lambda name: str(pathlib.Path(name).resolve()))
    parser.add_argument("--keep", type=pathlib.Path)
    arguments = parser.parse_args()
    try:
        tree = net.why_not() or mail_software.fetch(CACHE)
    except mail_software.Unavailable as reason:
        tree = str(reason)
    if isinstance(tree, str):
        print(tree)
        return SKIP
    folder = net.run_apart()
    mail_software.lay_over(tree, folder / "memory", names)
    problems = run_test(arguments.program, folder)
    print(*problems, sep="\n")
    if arguments.keep or problems:
        keep(folder, arguments.keep or pathlib.Path(tempfile.gettempdir()) / f"{name}.kept")
    print(f"{name}:", f"{len(problems)} problems" if problems else well)
    return 1 if problems else 0
