"""The sidecar's program, before it is the daemon."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(("word", "library"), [("run", "watchdog"), ("settings", "pydantic")])
def test_without_its_extra_the_sidecar_says_what_to_install(word: str, library: str) -> None:
    program = (
        f"import sys; sys.modules[{library!r}] = None; sys.argv[1:] = [{word!r}]; from sidecar.main import main; main()"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 5
    assert f"the library {library}" in done.stderr
    assert "pip install '.[sidecar]'" in done.stderr
    assert "Traceback" not in done.stderr
